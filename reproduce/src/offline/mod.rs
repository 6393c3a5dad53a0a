//! The offline pipeline: images -> baseline -> GSLRE -> CRA and ADW -> codebook -> graph optimization -> integers -> report.

mod args;
mod data;
mod images;

pub(crate) use args::{ImageArgs, OfflineArgs};
pub(crate) use data::{others, simulator_in_words, trained_on_simulated};

use crate::args::{RunArgs, file_names};
use crate::ladder;
use crate::pipeline::{self, Data, Reproduction, Test};
use crate::progress::Interrupt;
use crate::report::thesis::Thesis;
use crate::report::types::Config;
use anyhow::{Result, ensure};
use args::Zeros;
use hccr_models::TrainerState;
use hccr_models::offline::OfflineRecipe;
use hccr_models::pipeline::Stages;
use hccr_nn_train::Sgd;
use hccr_runtime::Plan;
use images::Images;
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
        let ImageArgs { width, gnt_train, gnt_test, zeros } = &self.args.images;
        let mut flags = self.args.size.flags();
        flags.extend(width.iter().map(|width| ("width", width.to_string())));
        if *zeros == Zeros::Blocks {
            flags.push(("zeros", "blocks".into()));
        }
        let files =
            [("gnt-train", gnt_train), ("gnt-test", gnt_test)].into_iter().filter(|(_, paths)| !paths.is_empty());
        flags.extend(files.map(|(name, paths)| (name, file_names(paths))));
        self.args.run.command(Self::NAME, &flags)
    }

    fn test(&self, data: &Data<Images>) -> Result<Test<Images>> {
        data::test(self.args, &self.recipe.common.data, data)
    }

    fn untrained(&self, data: &Data<Images>) -> Result<TrainerState<Sgd>> {
        Ok(self.recipe.untrained(&*data.train, self.args.run.seed)?)
    }

    fn stages(&self) -> Stages<Sgd> {
        self.recipe.stages(self.args.run.seed)
    }
}

/// Runs the pipeline, or goes on with it, and writes the report; gives the compressed network's file.
pub(crate) fn run(args: &OfflineArgs, interrupt: &Interrupt) -> Result<Vec<u8>> {
    args.size.check()?;
    args.run.check()?;
    if let Some(width) = args.images.width {
        ensure!(width > 0.0 && width <= 4.0, "--width must be above 0 and at most 4");
    }
    let (tier, classes, RunArgs { effort, seed, .. }) = (args.size.tier(), args.size.classes, &args.run);
    let mut recipe = OfflineRecipe::new(tier, classes, args.images.width, *effort, *seed);
    if args.images.zeros == Zeros::Blocks {
        recipe.common.adw.block = Plan::BLOCK.into();
    }
    let offline = Offline { args, recipe };
    let _lock = hccr_files::lock(&args.run.out(Offline::NAME))?;
    if !args.run.resume {
        pipeline::set_state_aside(&args.run.out(Offline::NAME))?;
    }
    let started = Instant::now();
    let data = data::load(args, &offline.recipe.common.data)?;
    let data_seconds = started.elapsed().as_secs_f64();
    let finished = pipeline::run(&offline, &data, interrupt)?;

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
    notes.push("MACs on padding count, as in the thesis; a time is of one character on one thread.".into());
    if !args.images.has_files() {
        notes.push("The characters are simulated: the accuracies cannot be compared with published ones.".into());
    }
    results.write(&args.run.out(Offline::NAME), &test, |i| test.image(i))?;
    Ok(results.model("graph-opt").to_vec())
}
