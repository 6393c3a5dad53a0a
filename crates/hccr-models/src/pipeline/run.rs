//! What the stages of a pipeline share.

use crate::{NetworkTrainer, SampleSet, TrainerState};
use hccr_compress::Targets;
use hccr_nn_train::Optimizer;
use hccr_runtime::{Model, ModelError};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What the stages of a pipeline share: the trainer, and what earlier stages left.
#[derive(Debug)]
pub struct Run<'a, S, O> {
    /// The network under way.
    pub trainer: NetworkTrainer<'a, S, O>,
    pub(super) kept: Kept<O>,
}

/// What stages left for later ones.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Kept<O> {
    pub(super) models: Vec<StageModel>,
    /// What pruning aims at, and the trainer when that was decided.
    unpruned: Option<(Targets, TrainerState<O>)>,
}

/// The model file that a stage left.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StageModel {
    /// Name of the stage.
    pub stage: String,
    /// Whether nothing builds on it.
    pub is_comparison: bool,
    /// The file.
    pub file: Vec<u8>,
}

/// A stage needs what no stage before it left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongOrder {
    /// What it needs.
    pub needs: &'static str,
}

impl fmt::Display for WrongOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it needs {}, which no stage before it left", self.needs)
    }
}

impl std::error::Error for WrongOrder {}

impl<O> Default for Kept<O> {
    fn default() -> Self {
        Self { models: Vec::new(), unpruned: None }
    }
}

impl<S: SampleSet, O: Optimizer> Run<'_, S, O> {
    /// The network under way, as a model.
    ///
    /// # Errors
    /// [`ModelError`] where it makes no valid one.
    pub fn network(&self) -> Result<Model, ModelError> {
        self.trainer.state().network.to_model(self.trainer.train_set().classes())
    }

    /// The files that stages left, in order.
    pub fn models(&self) -> &[StageModel] {
        &self.kept.models
    }

    /// The file of the last model that is no comparison.
    ///
    /// # Errors
    /// [`WrongOrder`] where there is none.
    pub fn last_model(&self) -> Result<&[u8], WrongOrder> {
        let found = self.kept.models.iter().rev().find(|model| !model.is_comparison);
        found.map(|model| &model.file[..]).ok_or(WrongOrder { needs: "a model" })
    }

    /// What pruning aims at.
    ///
    /// # Errors
    /// [`WrongOrder`] where nothing was chosen yet.
    pub fn targets(&self) -> Result<&Targets, WrongOrder> {
        let chosen = self.kept.unpruned.as_ref().ok_or(WrongOrder { needs: "targets of pruning" });
        chosen.map(|(targets, _)| targets)
    }
}

impl<S: SampleSet, O: Optimizer + Clone> Run<'_, S, O> {
    /// Sets what pruning aims at, and remembers the network as it is now, to prune it in several ways.
    pub fn set_targets(&mut self, targets: Targets) {
        self.kept.unpruned = Some((targets, self.trainer.state().clone()));
    }

    /// Goes back to the network for which the targets were set.
    ///
    /// # Errors
    /// [`WrongOrder`] where none were set yet.
    pub fn go_back_to_unpruned(&mut self) -> Result<(), WrongOrder> {
        let (_, state) = self.kept.unpruned.as_ref().ok_or(WrongOrder { needs: "targets of pruning" })?;
        self.trainer.restore(state.clone());
        Ok(())
    }
}
