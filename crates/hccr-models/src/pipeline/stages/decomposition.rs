//! The stage that makes matrices low-rank: SVD.

use crate::pipeline::{Measured, Output, Run, Stage, StageError};
use hccr_compress::{Progress, Svd, SvdConfig, Trainer};
use hccr_nn_train::Optimizer;
use serde::{Deserialize, Serialize};

/// Makes matrices low-rank ([`Svd`]).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Decomposition {
    config: SvdConfig,
    work: Option<Svd>,
}

impl Decomposition {
    /// A decomposition as `config` has it.
    pub fn new(config: SvdConfig) -> Self {
        Self { config, work: None }
    }
}

impl<O: Optimizer> Stage<O> for Decomposition {
    fn name(&self) -> &str {
        "svd"
    }

    fn advance(&mut self, run: &mut Run<'_, O>) -> Result<Progress, StageError> {
        let svd = match &mut self.work {
            Some(svd) => svd,
            none => none.insert(Svd::new(self.config.clone(), &run.trainer.layers())?),
        };
        Ok(svd.advance(&mut run.trainer)?)
    }

    fn is_done(&self) -> bool {
        self.work.as_ref().is_some_and(Svd::is_done)
    }

    fn output(&self, run: &Run<'_, O>) -> Result<Output, StageError> {
        Ok(Output::Model(run.network()?))
    }

    fn measured(&self) -> Measured<'_> {
        Measured::Retraining {
            before: self.work.as_ref().and_then(Svd::decomposed_accuracy),
            history: self.work.as_ref().map_or(&[], Svd::history),
        }
    }
}
