//! A shipped offline model: from its recipe to its file.

use super::Job;
use super::samples;
use crate::args::RunArgs;
use crate::pipeline::{self, Data, Reproduction, Test};
use crate::progress::Interrupt;
use crate::report::thesis::Thesis;
use crate::report::types::Config;
use anyhow::Result;
use hccr_compress::LayerInfo;
use hccr_data::{ImageSet, Simulator, Split, simulate};
use hccr_models::offline::{EndlessImages, OfflineRecipe};
use hccr_models::pipeline::Stages;
use hccr_models::{TrainerState, Workload, spread};
use hccr_nn_train::{Batch, Sgd};
use std::path::PathBuf;
use std::time::Instant;

/// Images that give the statistics of batch normalizations that are put back.
const STATISTICS: usize = 512;

struct OfflineModel<'a> {
    job: &'a Job<'a>,
    recipe: OfflineRecipe,
}

impl Reproduction for OfflineModel<'_> {
    type Set = ImageSet;
    type Optimizer = Sgd;
    const NAME: &'static str = "offline";

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

    fn test(&self, _: &Data<ImageSet>) -> Result<Test<ImageSet>> {
        let simulator = &self.recipe.common.data;
        Ok(Test::new(self.job.simulated("test set", |progress| simulate(simulator, Split::Test, progress))?))
    }

    fn untrained(&self, data: &Data<ImageSet>) -> Result<TrainerState<Sgd>> {
        let (mut state, dev) = (self.recipe.untrained(&data.dev, self.job.run.seed)?, &data.dev);
        if let Some(mut network) = self.job.begun(&state.network, &*data.train)? {
            let images: Vec<&[u8]> = spread(dev.len(), STATISTICS).into_iter().map(|i| dev.image(i)).collect();
            network.unfold_norms(Batch::from_bytes(&images, [dev.size; 2], &network.mean));
            state.network = network;
        }
        Ok(state)
    }

    fn workload(&self, layers: &[LayerInfo]) -> Result<Workload> {
        Ok(self.recipe.workload(layers)?)
    }

    fn stages(&self) -> Stages<Sgd> {
        self.recipe.shipped_stages(self.job.run.seed)
    }
}

/// Trains, compresses and measures the model, and writes its files.
pub(super) fn make(job: &Job<'_>, interrupt: &Interrupt) -> Result<()> {
    let model = OfflineModel { job, recipe: OfflineRecipe::shipped(&job.shipping) };
    let simulator = &model.recipe.common.data;
    let started = Instant::now();
    let train = Box::new(EndlessImages::new(Simulator::new(simulator)?));
    let dev = job.simulated("dev set", |progress| simulate(simulator, Split::Dev, progress))?;
    let data = Data { train, dev, description: job.description("handwriting", simulator) };
    let data_seconds = started.elapsed().as_secs_f64();
    let Some(finished) = pipeline::run(&model, &data, interrupt)? else { return Ok(()) };

    let trained = finished.run().trainer.state();
    let config = Config {
        // A model that is trained on has a width of its own.
        width: job.from.is_none().then(|| model.recipe.width.into()),
        ..job.config(simulator.classes.len(), trained.steps * trained.batch_size as u64, data.dev.len())
    };
    let (results, test) = pipeline::collect(&model, config, Thesis::offline(), &data, data_seconds, &finished)?;
    let archive = job.samples("gnt");
    samples::write_images(&test, &archive)?;
    let read = samples::images_read(results.last_model(), &archive)?;
    job.finish(results, read, |results, out| results.write(out, &test, |i| Ok(test.image(i).to_vec())))
}
