//! What differs between the offline and the online reproduction, and the data they work on.

use crate::args::RunArgs;
use anyhow::Result;
use hccr_models::pipeline::Stages;
use hccr_models::{SampleSet, TrainerState};
use hccr_nn_train::Optimizer;
use serde::{Serialize, de::DeserializeOwned};
use std::path::PathBuf;

/// Training, development and test set, by different writers, with the same classes.
#[derive(Debug)]
pub(crate) struct Data<S> {
    pub(crate) train: Box<dyn SampleSet>,
    pub(crate) dev: S,
    pub(crate) test: S,
    /// What the sets are, in words.
    pub(crate) description: String,
}

/// What differs between the offline and the online reproduction.
pub(crate) trait Reproduction {
    /// Its samples to evaluate on.
    type Set: SampleSet;
    /// Its optimizer.
    type Optimizer: Optimizer + Clone + Serialize + DeserializeOwned + 'static;
    /// Its name.
    const NAME: &'static str;

    /// The flags of the run.
    fn run_args(&self) -> &RunArgs;

    /// The directory of its results.
    fn out(&self) -> PathBuf {
        self.run_args().out(Self::NAME)
    }

    /// The command that repeats the run.
    fn command(&self) -> String;

    /// The network before training.
    fn untrained(&self, data: &Data<Self::Set>) -> Result<TrainerState<Self::Optimizer>>;

    /// The stages, in order.
    fn stages(&self) -> Stages<Self::Optimizer>;
}
