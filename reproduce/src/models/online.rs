//! A shipped online model: from its recipe to its file.

use super::args::Kind;
use super::{Job, samples};
use crate::args::RunArgs;
use crate::online::fused;
use crate::pipeline::{self, Data, Reproduction, Test};
use crate::progress::Interrupt;
use crate::report::thesis::Thesis;
use crate::report::types::{Config, Fused};
use anyhow::{Context, Result};
use hccr_compress::LayerInfo;
use hccr_data::{InkSet, Simulator, SimulatorConfig, Split, simulate_ink};
use hccr_evaluate::image_of_ink;
use hccr_models::online::{EndlessInks, OnlineRecipe, SequenceSet};
use hccr_models::pipeline::Stages;
use hccr_models::{SampleSet, TrainerState, Workload};
use hccr_nn_train::{Adam, Clipped};
use hccr_runtime::Fusion;
use std::path::PathBuf;
use std::time::Instant;

/// The variation of the writing on which the weight of a fusion is fitted. Of the usual, which strays more than people do, the offline
/// network reads far less than the online one, while of people's both read about as much; a weight fitted there leans too much on the
/// order of strokes.
const NEAT: f32 = 0.6;

struct OnlineModel<'a> {
    job: &'a Job<'a>,
    recipe: OnlineRecipe,
}

impl OnlineModel<'_> {
    fn simulated(&self, name: &str, split: Split) -> Result<SequenceSet> {
        let simulator = &self.recipe.common.data;
        let inks = self.job.simulated(name, |progress| simulate_ink(simulator, split, progress))?;
        SequenceSet::new(inks, self.recipe.augmentation, self.recipe.steps_at_once).context("normalizing ink")
    }
}

impl Reproduction for OnlineModel<'_> {
    type Set = SequenceSet;
    type Optimizer = Clipped<Adam>;
    const NAME: &'static str = "online";

    fn run_args(&self) -> &RunArgs {
        &self.job.run
    }

    fn out(&self) -> PathBuf {
        self.job.out()
    }

    fn command(&self) -> String {
        self.job.command()
    }

    fn identity(&self) -> String {
        self.job.identity()
    }

    fn test(&self, _: &Data<SequenceSet>) -> Result<Test<SequenceSet>> {
        Ok(Test::new(self.simulated("test set", Split::Test)?))
    }

    fn untrained(&self, data: &Data<SequenceSet>) -> Result<TrainerState<Clipped<Adam>>> {
        let mut state = self.recipe.untrained(data.train.classes().len(), self.job.run.seed)?;
        if let Some(network) = self.job.begun(&state.network, &*data.train)? {
            state.network = network;
        }
        Ok(state)
    }

    fn workload(&self, layers: &[LayerInfo]) -> Result<Workload> {
        Ok(self.recipe.workload(layers))
    }

    fn stages(&self) -> Stages<Clipped<Adam>> {
        self.recipe.shipped_stages()
    }
}

/// Trains, compresses and measures the model, and writes its files.
pub(super) fn make(job: &Job<'_>, interrupt: &Interrupt) -> Result<()> {
    let model = OnlineModel { job, recipe: OnlineRecipe::shipped(&job.shipping) };
    let simulator = &model.recipe.common.data;
    let started = Instant::now();
    let train =
        Box::new(EndlessInks::new(Simulator::new(simulator)?, model.recipe.augmentation, model.recipe.steps_at_once));
    let dev = model.simulated("dev set", Split::Dev)?;
    let data = Data { train, dev, description: job.description("pen trajectories", simulator) };
    let data_seconds = started.elapsed().as_secs_f64();
    let Some(finished) = pipeline::run(&model, &data, interrupt)? else { return Ok(()) };

    let trained = finished.run().trainer.state();
    let config = Config {
        // A model that is trained on has sizes of its own.
        hidden_sizes: job.from.is_none().then_some(model.recipe.hidden_sizes),
        ..job.config(simulator.classes.len(), trained.steps * trained.batch_size as u64, data.dev.labels().len())
    };
    let (mut results, test_set) = pipeline::collect(&model, config, Thesis::online(), &data, data_seconds, &finished)?;
    let neat = SimulatorConfig { variation: NEAT, ..simulator.clone() };
    let neat = job.simulated("neat dev set", |progress| simulate_ink(&neat, Split::Dev, progress))?;
    let fitted = (data.dev.inks(), Some(&neat));
    results.report.fused = fused_with_offline(job, results.last_model(), fitted, test_set.inks())?;
    if let Some(fused) = &results.report.fused {
        let fusion = Fusion::new(fused.weight as f32, fused.temperature as f32);
        results.edit_last_model(|model| model.set_fusion(fusion))?;
    }
    let (test, archive) = (test_set.inks(), job.samples("pot"));
    samples::write_inks(test, &archive)?;
    let read = samples::inks_read(results.last_model(), &archive)?;
    job.finish(results, read, |results, out| results.write(out, &test_set, |i| Ok(image_of_ink(test, i)?)))
}

/// The model fused with the offline one of the same characters, if that is made.
fn fused_with_offline(
    job: &Job<'_>,
    online: &[u8],
    fitted: (&InkSet, Option<&InkSet>),
    test: &InkSet,
) -> Result<Option<Fused>> {
    let path = job.models().join(job.args.model_name(Kind::Offline) + ".hccr");
    if !path.exists() {
        eprintln!("not fused: there is no {}", path.display());
        return Ok(None);
    }
    let bytes = hccr_files::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let offline = fused::offline_recognizer(&bytes, &test.classes)?;
    Ok(Some(fused::measure(online, &offline, fitted, test, job.run.seed)?))
}
