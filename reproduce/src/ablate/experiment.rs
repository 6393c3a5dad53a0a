//! What differs between the ablations of the two pipelines.

use super::method::Method;
use super::recipe::Lengths;
use crate::args::RunArgs;
use crate::pipeline::{Data, Test};
use anyhow::Result;
use hccr_compress::{LayerInfo, Phase};
use hccr_models::pipeline::Stages;
use hccr_models::{SampleSet, TrainerState};
use hccr_nn_train::Optimizer;
use serde::{Serialize, de::DeserializeOwned};
use std::fmt;

/// What a run was told.
pub(super) struct Setting<'a> {
    /// The flags of the run.
    pub(super) run: &'a RunArgs,
    /// The flags of size and data, as they are given to the command.
    pub(super) flags: Vec<(&'static str, String)>,
    /// How long the families train, and how fast.
    pub(super) lengths: Lengths,
    /// Samples per mini-batch.
    pub(super) batch_size: usize,
}

/// A pipeline whose methods are compared with others.
pub(super) trait Experiment {
    /// Its samples to evaluate on.
    type Set: SampleSet;
    /// Its optimizer.
    type Optimizer: Optimizer + Clone + fmt::Debug + Serialize + DeserializeOwned + 'static;
    /// Its name.
    const NAME: &'static str;
    /// The methods of low rank that it has.
    const LOW_RANK_METHODS: &'static [Method];
    /// The one whose network is pruned.
    const PRUNED: Method;

    /// What the run was told.
    fn setting(&self) -> &Setting<'_>;

    /// Makes or reads the sets to train and develop on.
    fn data(&self) -> Result<Data<Self::Set>>;

    /// Makes or reads the test set: once, when all is trained.
    fn test(&self, data: &Data<Self::Set>) -> Result<Test<Self::Set>>;

    /// The network before training, with initial weights of `seed`.
    fn untrained(&self, dev: &Self::Set, seed: u64) -> Result<TrainerState<Self::Optimizer>>;

    /// The stages that make the network low-rank, or prune its channels, by one of its methods, for a speed-up of `level`; together they train for as
    /// many steps as `train` has.
    fn low_rank(&self, method: Method, level: f64, layers: &[LayerInfo], train: Phase) -> Stages<Self::Optimizer>;
}
