//! The stage that trains the uncompressed network.

use crate::pipeline::{Measured, Output, Run, Stage, StageError};
use hccr_compress::{Phase, Progress};
use hccr_nn_train::Optimizer;
use serde::{Deserialize, Serialize};

/// Trains the uncompressed network.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Baseline {
    phase: Phase,
}

impl Baseline {
    /// Training by `phase`.
    pub fn new(phase: Phase) -> Self {
        Self { phase }
    }
}

impl<O: Optimizer> Stage<O> for Baseline {
    fn name(&self) -> &str {
        "baseline"
    }

    fn advance(&mut self, run: &mut Run<'_, O>) -> Result<Progress, StageError> {
        Ok(self.phase.advance(&mut run.trainer)?)
    }

    fn is_done(&self) -> bool {
        self.phase.is_done()
    }

    fn output(&self, run: &Run<'_, O>) -> Result<Output, StageError> {
        Ok(Output::Model(run.network()?))
    }

    fn measured(&self) -> Measured<'_> {
        Measured::Training(self.phase.history())
    }
}
