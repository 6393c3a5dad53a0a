//! The stage that trains the baseline on, for compression to be compared with.

use crate::TrainerState;
use crate::pipeline::{Measured, Output, Run, Stage, StageError};
use hccr_compress::{Phase, Progress};
use hccr_nn_train::Optimizer;
use hccr_runtime::Model;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::fmt;

/// Trains the uncompressed network on, and then goes back to where it was: later stages do not notice.
///
/// A compressed network has trained for more steps than its baseline. With as many steps the baseline reads more as well, and what
/// compression costs is the difference to that.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LongerBaseline<O> {
    phase: Phase,
    /// The trainer as it was, while it trains on.
    start: Option<TrainerState<O>>,
    /// The file of the model, at the end.
    model: Option<Vec<u8>>,
}

impl<O> LongerBaseline<O> {
    /// Training by `phase`.
    pub fn new(phase: Phase) -> Self {
        Self { phase, start: None, model: None }
    }
}

impl<O: Optimizer + Clone + fmt::Debug + Serialize + DeserializeOwned> Stage<O> for LongerBaseline<O> {
    fn name(&self) -> &str {
        "baseline-longer"
    }

    fn advance(&mut self, run: &mut Run<'_, O>) -> Result<Progress, StageError> {
        if self.start.is_none() && self.model.is_none() {
            self.start = Some(run.trainer.state().clone());
        }
        let progress = self.phase.advance(&mut run.trainer)?;
        if self.phase.is_done() {
            self.model = Some(run.network()?.to_bytes());
            run.trainer.restore(self.start.take().ok_or("no network to go back to")?);
        }
        Ok(progress)
    }

    fn is_done(&self) -> bool {
        self.model.is_some()
    }

    fn output(&self, _: &Run<'_, O>) -> Result<Output, StageError> {
        Ok(Output::Comparison(Model::from_bytes(self.model.as_ref().ok_or("not trained yet")?)?))
    }

    fn measured(&self) -> Measured<'_> {
        Measured::Training(self.phase.history())
    }
}
