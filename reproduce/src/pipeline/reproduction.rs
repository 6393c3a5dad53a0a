//! What differs between the offline and the online reproduction, and the data they work on.

use crate::args::RunArgs;
use anyhow::Result;
use hccr_models::pipeline::Stages;
use hccr_models::{SampleSet, TrainerState};
use hccr_nn_train::Optimizer;
use serde::{Serialize, de::DeserializeOwned};

/// Training, development and test set, by different writers, with the same classes.
#[derive(Debug)]
pub(crate) struct Data<S> {
    pub(crate) train: S,
    pub(crate) dev: S,
    pub(crate) test: S,
    /// What the sets are, in words.
    pub(crate) description: String,
}

/// What differs between the offline and the online reproduction.
pub(crate) trait Reproduction {
    /// Its samples.
    type Set: SampleSet;
    /// Its optimizer.
    type Optimizer: Optimizer + Clone + Serialize + DeserializeOwned;
    /// Its name.
    const NAME: &'static str;

    /// The flags of the run.
    fn run_args(&self) -> &RunArgs;

    /// The command that repeats the run.
    fn command(&self) -> String;

    /// The network before training.
    fn untrained(&self, data: &Data<Self::Set>) -> Result<TrainerState<Self::Optimizer>>;

    /// The stages, in order.
    fn stages(&self) -> Stages<Self::Optimizer>;
}
