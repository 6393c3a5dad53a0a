//! The offline pipeline: images -> baseline (-> channel pruning) -> GSLRE -> CRA and ADW -> codebook -> graph optimization -> integers -> report.

mod args;
mod data;
mod images;

pub(crate) use args::{ImageArgs, OfflineArgs};
pub(crate) use data::{load, others, simulator_in_words, test, trained_on_simulated};
pub(crate) use images::Images;

use crate::args::RunArgs;
use crate::ladder;
use crate::pipeline::{self, Data, Length, Reproduction, Test};
use crate::progress::Interrupt;
use crate::report::thesis::Thesis;
use crate::report::types::Config;
use anyhow::Result;
use hccr_compress::LayerInfo;
use hccr_models::offline::OfflineRecipe;
use hccr_models::pipeline::Stages;
use hccr_models::{TrainerState, Workload};
use hccr_nn_train::Sgd;
use std::time::Instant;

/// The pipeline, as the flags configure it.
struct Offline<'a> {
    args: &'a OfflineArgs,
    recipe: OfflineRecipe,
}

impl Reproduction for Offline<'_> {
    type Set = Images;
    type Optimizer = Sgd;
    const NAME: &'static str = "offline";

    fn run_args(&self) -> &RunArgs {
        &self.args.run
    }

    fn command(&self) -> String {
        self.args.run.command(Self::NAME, &self.args.flags())
    }

    fn identity(&self) -> String {
        self.args.run.identity(Self::NAME, &self.args.flags())
    }

    fn test(&self, data: &Data<Images>) -> Result<Test<Images>> {
        data::test(self.args, &self.recipe.common.data, data)
    }

    fn untrained(&self, data: &Data<Images>) -> Result<TrainerState<Sgd>> {
        Ok(self.recipe.untrained(&*data.train, self.args.run.seed)?)
    }

    fn workload(&self, layers: &[LayerInfo]) -> Result<Workload> {
        Ok(self.recipe.workload(layers)?)
    }

    fn stages(&self) -> Stages<Sgd> {
        self.recipe.stages(self.args.run.seed)
    }
}

/// Runs the pipeline, or goes on with it, and writes the report; gives the compressed network's file where this process has it.
pub(crate) fn run(args: &OfflineArgs, interrupt: &Interrupt) -> Result<Option<Vec<u8>>> {
    args.check()?;
    let (tier, classes, RunArgs { effort, seed, .. }) = (args.size.tier(), args.size.classes, &args.run);
    let recipe = |effort| {
        let mut recipe = OfflineRecipe::new(tier, classes, args.images.width, effort, *seed);
        if args.images.is_as_in_thesis() {
            recipe = recipe.as_in_thesis();
        }
        if let Some(times) = args.images.channels() {
            recipe = recipe.with_channel_pruning(times);
        }
        if args.size.wants_longer_baseline() {
            recipe = recipe.with_longer_baseline();
        }
        recipe.common.distillation = args.size.distillation();
        if let Some(block) = args.images.blocks() {
            recipe = recipe.in_blocks(block);
        }
        recipe
    };
    let mut offline = Offline { args, recipe: recipe(*effort) };
    let _lock = hccr_files::lock(&args.run.out(Offline::NAME))?;
    let started = Instant::now();
    let data = data::load(args, &offline.recipe.common.data)?;
    let data_seconds = started.elapsed().as_secs_f64();
    if let Some(length) = Length::of(&args.size, &offline.recipe.common, &*data.train) {
        offline.recipe = recipe(length.effort);
        offline.recipe.common.evaluate_each_pass(length.pass, args.size.patience);
    }
    let Some(finished) = pipeline::run(&offline, &data, interrupt)? else { return Ok(None) };

    let config = Config {
        tier: args.size.tier_name(),
        classes: data.train.classes().len(),
        width: Some(offline.recipe.width.into()),
        hidden_sizes: None,
        train_samples: data.train.labels().len(),
        dev_samples: data.dev.len(),
        command: offline.command(),
    };
    let (mut results, test) = pipeline::collect(&offline, config, Thesis::offline(), &data, data_seconds, &finished)?;
    eprintln!("climbing the ladder ...");
    results.report.ladder = Some(ladder::offline(*seed)?);
    let notes = &mut results.report.notes;
    notes.push(pipeline::asked(offline.recipe.common.goal));
    notes.push("MACs on padding count, as in the thesis; a time is of one character on one thread.".into());
    if !args.images.has_files() {
        notes.push("The characters are simulated: the accuracies cannot be compared with published ones.".into());
    }
    results.write(&args.run.out(Offline::NAME), &test, |i| test.image(i))?;
    Ok(Some(results.model("graph-opt").to_vec()))
}
