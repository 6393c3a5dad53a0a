//! The online pipeline: pen trajectories -> baseline -> SVD -> CRA and ADW -> codebook -> graph optimization -> report.

mod args;
mod data;
pub(crate) mod fused;
mod inks;

pub(crate) use args::{InkArgs, OnlineArgs};
pub(crate) use data::{load, sequences, simulated, test};

use crate::args::RunArgs;
use crate::ladder;
use crate::pipeline::{self, Data, Length, Reproduction, Test};
use crate::progress::Interrupt;
use crate::report::thesis::Thesis;
use crate::report::types::Config;
use anyhow::{Context, Result};
use hccr_compress::LayerInfo;
use hccr_evaluate::image_of_ink;
use hccr_models::online::{Augmentation, OnlineRecipe, SequenceSet};
use hccr_models::pipeline::Stages;
use hccr_models::{SampleSet, TrainerState, Workload};
use hccr_nn_train::{Adam, Clipped};
use std::path::PathBuf;
use std::time::Instant;

/// The pipeline, as the flags configure it.
struct Online<'a> {
    args: &'a OnlineArgs,
    recipe: OnlineRecipe,
}

impl Reproduction for Online<'_> {
    type Set = SequenceSet;
    type Optimizer = Clipped<Adam>;
    const NAME: &'static str = "online";

    fn run_args(&self) -> &RunArgs {
        &self.args.run
    }

    fn command(&self) -> String {
        self.args.run.command(Self::NAME, &self.args.flags())
    }

    fn identity(&self) -> String {
        self.args.run.identity(Self::NAME, &self.args.flags())
    }

    fn test(&self, data: &Data<SequenceSet>) -> Result<Test<SequenceSet>> {
        data::test(self.args, &self.recipe, data)
    }

    fn untrained(&self, data: &Data<SequenceSet>) -> Result<TrainerState<Clipped<Adam>>> {
        Ok(self.recipe.untrained(data.train.classes().len(), self.args.run.seed)?)
    }

    fn workload(&self, layers: &[LayerInfo]) -> Result<Workload> {
        Ok(self.recipe.workload(layers))
    }

    fn stages(&self) -> Stages<Clipped<Adam>> {
        self.recipe.stages()
    }
}

/// The recipe that the flags ask for, of so many classes.
pub(crate) fn recipe(args: &OnlineArgs, classes: Option<usize>, effort: f64) -> OnlineRecipe {
    let mut recipe = OnlineRecipe::new(args.size.tier(), classes, effort, args.run.seed);
    if args.size.wants_longer_baseline() {
        recipe = recipe.with_longer_baseline();
    }
    recipe.common.distillation = args.size.distillation();
    if !args.ink.pot.is_empty() {
        recipe.augmentation = if args.size.no_augmentation { Augmentation::default() } else { Augmentation::OF_FILES };
        recipe.dropout = 0.3;
    }
    recipe
}

/// Runs the pipeline, or goes on with it, and writes the report; `offline` is the file of a network to fuse with.
pub(crate) fn run(args: &OnlineArgs, offline: Option<&[u8]>, interrupt: &Interrupt) -> Result<()> {
    args.check()?;
    let read = |path: &PathBuf| hccr_files::read(path).with_context(|| format!("cannot read {}", path.display()));
    let given = args.offline_model.as_ref().map(read).transpose()?;
    let RunArgs { effort, seed, .. } = &args.run;
    let recipe = |effort| recipe(args, args.size.classes, effort);
    let mut online = Online { args, recipe: recipe(*effort) };
    let _lock = hccr_files::lock(&args.run.out(Online::NAME))?;
    let started = Instant::now();
    let data = data::load(args, &online.recipe)?;
    // Before training, not after it.
    let offline = given.as_deref().or(offline);
    let offline = offline.map(|bytes| fused::offline_recognizer(bytes, data.train.classes())).transpose()?;
    let data_seconds = started.elapsed().as_secs_f64();
    if let Some(length) = Length::of(&args.size, &online.recipe.common, &*data.train) {
        online.recipe = recipe(length.effort);
        online.recipe.common.evaluate_each_pass(length.pass, args.size.patience);
    }
    let Some(finished) = pipeline::run(&online, &data, interrupt)? else { return Ok(()) };

    let config = Config {
        tier: args.size.tier_name(),
        classes: data.train.classes().len(),
        width: None,
        hidden_sizes: Some(online.recipe.hidden_sizes),
        train_samples: data.train.labels().len(),
        dev_samples: data.dev.labels().len(),
        command: online.command(),
    };
    let (mut results, test_set) = pipeline::collect(&online, config, Thesis::online(), &data, data_seconds, &finished)?;
    eprintln!("climbing the ladder ...");
    results.report.ladder = Some(ladder::online(*seed)?);
    let (dev, test) = (data.dev.inks(), test_set.inks());
    let notes = &mut results.report.notes;
    notes.push(pipeline::asked(online.recipe.common.goal));
    notes.push(format!(
        "MACs are for a character of {:.1} steps, the test set's mean; a time is of one such character on one thread, \
         normalized already.",
        test_set.mean_steps()
    ));
    if !args.ink.has_files() {
        notes.push("The ink is simulated: the accuracies cannot be compared with published ones.".into());
    }
    match &offline {
        Some(offline) => {
            let fused = fused::measure(results.model("graph-opt"), offline, (dev, None), test, *seed)?;
            results.report.fused = Some(fused);
        }
        None => notes.push("No offline network to fuse with: run both pipelines, or give --offline-model.".into()),
    }
    results.write(&args.run.out(Online::NAME), &test_set, |i| Ok(image_of_ink(test, i)?))
}
