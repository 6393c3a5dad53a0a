//! What the stages of a pipeline share.

use crate::NetworkTrainer;
use hccr_compress::Targets;
use hccr_nn_train::Optimizer;
use hccr_runtime::{Model, ModelError};
use serde::{Deserialize, Serialize};

/// Why a stage could not go on: whatever error stopped it.
pub type StageError = Box<dyn std::error::Error + Send + Sync>;

/// What the stages of a pipeline share: the trainer, and what earlier stages left.
#[derive(Debug)]
pub struct Run<'a, O> {
    /// The network under way.
    pub trainer: NetworkTrainer<'a, O>,
    pub(super) kept: Kept,
}

/// What stages left for later ones.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) models: Vec<StageModel>,
    /// What pruning aims at.
    targets: Option<Targets>,
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

impl<O: Optimizer> Run<'_, O> {
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
    /// Where there is none.
    pub fn last_model(&self) -> Result<&[u8], StageError> {
        let found = self.kept.models.iter().rev().find(|model| !model.is_comparison);
        Ok(&found.ok_or("no stage before it left a model")?.file)
    }

    /// What pruning aims at.
    ///
    /// # Errors
    /// Where none were set yet.
    pub fn targets(&self) -> Result<&Targets, StageError> {
        Ok(self.kept.targets.as_ref().ok_or("no stage before it set the targets of pruning")?)
    }

    /// Sets what pruning aims at.
    pub fn set_targets(&mut self, targets: Targets) {
        self.kept.targets = Some(targets);
    }
}
