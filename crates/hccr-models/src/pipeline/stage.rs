//! What a stage of a pipeline is.

use super::run::{Run, StageError};
use hccr_compress::{Cra, GslreRecord, Progress, PruningRecord, Record, Targets};
use hccr_nn_train::{Optimizer, checkpoint};
use hccr_runtime::Model;
use serde::{Serialize, de::DeserializeOwned};

/// The stages of a pipeline, in order.
pub type Stages<O> = Vec<Box<dyn Stage<O>>>;

/// One stage of a pipeline: a serializable state that advances by small intervals.
///
/// Between any two calls of [`advance`](Self::advance) the pipeline may be saved; going on from what was saved gives the same bits.
/// So everything that a stage remembers is in its serialized form, its configuration included.
pub trait Stage<O: Optimizer>: Saved {
    /// Its name, unique in the pipeline: on the progress bar, in the report, and of its model's file.
    fn name(&self) -> &str;

    /// Does one interval of work on the trainer of `run`.
    ///
    /// # Errors
    /// Whatever stops it.
    fn advance(&mut self, run: &mut Run<'_, O>) -> Result<Progress, StageError>;

    /// Whether all is done.
    fn is_done(&self) -> bool;

    /// What it leaves; asked for once, when it is done.
    ///
    /// # Errors
    /// Where its model cannot be made.
    fn output(&self, run: &Run<'_, O>) -> Result<Output, StageError>;

    /// Everything measured so far, for metrics and report.
    fn measured(&self) -> Measured<'_>;
}

/// What a stage leaves when it is done.
#[derive(Clone, Debug)]
pub enum Output {
    /// A model that later stages build on: a row of the report.
    Model(Model),
    /// A model to compare with others, on which nothing builds.
    Comparison(Model),
    /// No model.
    Nothing,
}

/// What a stage measured.
#[derive(Clone, Debug)]
pub enum Measured<'a> {
    /// One record per interval of training.
    Training(&'a [Record]),
    /// Training after all layers were changed at once.
    Retraining {
        /// Share of the development set that was recognized between change and training, once measured.
        before: Option<f32>,
        /// One record per interval of training.
        history: &'a [Record],
    },
    /// The same, each with the layer that was expanded last.
    Expansion(&'a [GslreRecord]),
    /// A pruning.
    Pruning {
        /// Names of the pruned layers.
        layers: Vec<&'a str>,
        /// One record per interval of training.
        history: &'a [PruningRecord],
    },
    /// Curves of redundancy, once begun, and the targets chosen by them, once they are complete.
    Redundancy(Option<&'a Cra>, Option<&'a Targets>),
    /// Nothing that the model itself does not show.
    Nothing,
}

/// A state as bytes; implemented for everything that serde reads and writes and that can be shown.
pub trait Saved: std::fmt::Debug {
    /// The state as bytes.
    ///
    /// # Errors
    /// The reason in words, where it cannot be written.
    fn to_bytes(&self) -> Result<Vec<u8>, String>;

    /// Becomes what [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// The reason in words, where the bytes are of another kind of state.
    fn restore(&mut self, bytes: &[u8]) -> Result<(), String>;
}

impl<T: Serialize + DeserializeOwned + std::fmt::Debug> Saved for T {
    fn to_bytes(&self) -> Result<Vec<u8>, String> {
        checkpoint::encode(self)
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), String> {
        *self = checkpoint::decode(bytes)?;
        Ok(())
    }
}
