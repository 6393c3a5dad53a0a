//! What differs between the offline and the online reproduction, and the data they work on.

use crate::args::RunArgs;
use anyhow::Result;
use hccr_compress::LayerInfo;
use hccr_models::pipeline::Stages;
use hccr_models::{SampleSet, TrainerState, Workload};
use hccr_nn_train::Optimizer;
use serde::{Serialize, de::DeserializeOwned};
use std::path::PathBuf;

/// What a run trains and develops on: two sets by different writers, with the same classes. No stage is given the test set.
#[derive(Debug)]
pub(crate) struct Data<S> {
    pub(crate) train: Box<dyn SampleSet>,
    pub(crate) dev: S,
    /// What the sets are, the test set included, in words.
    pub(crate) description: String,
}

/// What a finished run is measured on, by other writers than all that it has seen.
#[derive(Debug)]
pub(crate) struct Test<S> {
    pub(crate) set: S,
    /// What to add to the description of the data, now that the set is read.
    pub(crate) note: String,
}

impl<S> Test<S> {
    /// A set of which there is nothing to add.
    pub(crate) fn new(set: S) -> Self {
        Self { set, note: String::new() }
    }
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

    /// What tells its state from that of other runs.
    fn identity(&self) -> String {
        self.command()
    }

    /// Reads the test set: once, when all is trained.
    fn test(&self, data: &Data<Self::Set>) -> Result<Test<Self::Set>>;

    /// The network before training.
    fn untrained(&self, data: &Data<Self::Set>) -> Result<TrainerState<Self::Optimizer>>;

    /// The work of the stages on a network of these layers.
    fn workload(&self, layers: &[LayerInfo]) -> Result<Workload>;

    /// The stages, in order.
    fn stages(&self) -> Stages<Self::Optimizer>;
}
