//! The online pipeline: pen trajectories -> baseline -> SVD -> CRA and ADW -> codebook -> graph optimization -> report.

mod data;
mod fused;

use crate::args::{RunArgs, file_names};
use crate::ladder;
use crate::pipeline::{self, Data, Reproduction};
use crate::progress::Interrupt;
use crate::report::thesis::Thesis;
use crate::report::types::Config;
use anyhow::{Context, Result};
use clap::Args;
use hccr_models::online::{OnlineRecipe, SequenceSet, lstm2};
use hccr_models::pipeline::Stages;
use hccr_models::{SampleSet, TrainerState};
use hccr_nn_train::{Adam, Clipped};
use hccr_random::Rng;
use hccr_runtime::image::{Image, PixelFormat, normalize};
use hccr_runtime::ink::Ink;
use std::path::PathBuf;
use std::time::Instant;

/// Side of the images on the report's sheet.
const SIDE: usize = 96;

/// Flags of the online pipeline alone.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct InkArgs {
    /// Train the online network on these POT files, folders of them or zip archives of them (CASIA-OLHWDB 1.0, 1.1, 1.2)
    /// instead of on simulated writing; a sixteenth of their writers (files) is set aside for development
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pot: Vec<PathBuf>,
    /// Test the online network on these POT files, folders or zip archives [default: a fifth of the writers of --pot]
    #[arg(long, value_name = "PATH", num_args = 1.., requires = "pot")]
    pot_test: Vec<PathBuf>,
    /// Train on the simulator's ink of the same classes, too
    #[arg(long, requires = "pot")]
    with_simulated: bool,
}

impl InkArgs {
    /// Whether there is anything but simulated writing alone.
    pub(crate) fn has_files(&self) -> bool {
        !self.pot.is_empty()
    }
}

/// Flags of the online pipeline.
#[derive(Args, Clone, Debug)]
pub(crate) struct OnlineArgs {
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) ink: InkArgs,
    /// A compressed offline network of the same classes (graph-opt.hccr of an offline run), to fuse with
    #[arg(long, value_name = "FILE")]
    pub(crate) offline_model: Option<PathBuf>,
}

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
        let InkArgs { pot, pot_test, with_simulated } = &self.args.ink;
        let files = [("pot", pot), ("pot-test", pot_test)].into_iter().filter(|(_, paths)| !paths.is_empty());
        let mut flags: Vec<(&str, String)> = files.map(|(name, paths)| (name, file_names(paths))).collect();
        if *with_simulated {
            flags.push(("with-simulated", String::new()));
        }
        self.args.run.command(Self::NAME, &flags)
    }

    fn untrained(&self, data: &Data<SequenceSet>) -> Result<TrainerState<Clipped<Adam>>> {
        let OnlineRecipe { common, hidden_sizes, dropout, optimizer, .. } = &self.recipe;
        let seed = self.args.run.seed;
        let network = lstm2(data.train.classes().len(), *hidden_sizes, *dropout, &mut Rng::new(seed, 0x11e8))?;
        Ok(TrainerState { network, steps: 0, seed, batch_size: common.batch_size, optimizer: *optimizer })
    }

    fn stages(&self) -> Stages<SequenceSet, Clipped<Adam>> {
        self.recipe.stages()
    }
}

/// Runs the pipeline, or goes on with it, and writes the report; `offline` is the file of a network to fuse with.
pub(crate) fn run(args: &OnlineArgs, offline: Option<&[u8]>, interrupt: &Interrupt) -> Result<()> {
    args.run.check()?;
    let read = |path: &PathBuf| std::fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let given = args.offline_model.as_ref().map(read).transpose()?;
    let (tier, RunArgs { classes, effort, seed, .. }) = (args.run.tier(), &args.run);
    let mut recipe = OnlineRecipe::new(tier, *classes, *effort, *seed);
    if args.ink.has_files() {
        // Files hold fewer inks, by fewer writers, than the simulator writes.
        recipe.augmentation.lean = 0.1;
        recipe.dropout = 0.3;
    }
    let online = Online { args, recipe };
    if !args.run.resume {
        pipeline::set_state_aside(&args.run.out(Online::NAME))?;
    }
    let started = Instant::now();
    let data = data::load(args, &online.recipe)?;
    // Before training, not after it.
    let offline = given.as_deref().or(offline);
    let offline = offline.map(|bytes| fused::offline_recognizer(bytes, data.train.classes())).transpose()?;
    let data_seconds = started.elapsed().as_secs_f64();
    let finished = pipeline::run(&online, &data, interrupt)?;

    let config = Config {
        tier: args.run.tier_name(),
        classes: data.train.classes().len(),
        width: None,
        hidden_sizes: Some(online.recipe.hidden_sizes),
        train_samples: data.train.labels().len(),
        dev_samples: data.dev.labels().len(),
        command: online.command(),
    };
    let mut results = pipeline::collect(&online, config, Thesis::online(), &data, data_seconds, &finished)?;
    eprintln!("climbing the ladder ...");
    results.report.ladder = Some(ladder::online(*seed)?);
    let (dev, test) = (data.dev.inks(), data.test.inks());
    let notes = &mut results.report.notes;
    notes.push(format!(
        "MACs are for a character of {:.1} steps, the test set's mean; a time is of one such character on one thread, \
         normalized already.",
        data.test.mean_steps()
    ));
    if !args.ink.has_files() {
        notes.push("The ink is simulated: the accuracies cannot be compared with published ones.".into());
    }
    match &offline {
        Some(offline) => {
            let fused = fused::measure(results.model("graph-opt"), offline, dev, test, *seed)?;
            results.report.fused = Some(fused);
        }
        None => notes.push("No offline network to fuse with: run both pipelines, or give --offline-model.".into()),
    }
    results.write(&args.run.out(Online::NAME), &data.test, |i| {
        let pixels = Ink::new(&test.ink(i))?.render(SIDE, SIDE as f32 / 24.0)?;
        let mut normalized = vec![0; SIDE * SIDE];
        normalize(&Image::new(&pixels, SIDE, SIDE, PixelFormat::Gray)?, SIDE, &mut normalized)?;
        Ok(normalized)
    })
}
