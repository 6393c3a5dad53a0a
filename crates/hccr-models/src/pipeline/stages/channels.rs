//! The stage that takes channels from convolutions: channel pruning.

use crate::pipeline::{Measured, Output, Run, Stage, StageError};
use hccr_compress::{ChannelPruning, ChannelPruningConfig, Progress, Trainer};
use hccr_nn_train::Optimizer;
use serde::{Deserialize, Serialize};

/// Takes channels from convolutions ([`ChannelPruning`]).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Channels {
    config: ChannelPruningConfig,
    work: Option<ChannelPruning>,
}

impl Channels {
    /// A channel pruning as `config` has it.
    pub fn new(config: ChannelPruningConfig) -> Self {
        Self { config, work: None }
    }
}

impl<O: Optimizer> Stage<O> for Channels {
    fn name(&self) -> &str {
        "channels"
    }

    fn advance(&mut self, run: &mut Run<'_, O>) -> Result<Progress, StageError> {
        let pruning = match &mut self.work {
            Some(pruning) => pruning,
            none => none.insert(ChannelPruning::new(self.config.clone(), &run.trainer.layers())?),
        };
        Ok(pruning.advance(&mut run.trainer)?)
    }

    fn is_done(&self) -> bool {
        self.work.as_ref().is_some_and(ChannelPruning::is_done)
    }

    fn output(&self, run: &Run<'_, O>) -> Result<Output, StageError> {
        Ok(Output::Model(run.network()?))
    }

    fn measured(&self) -> Measured<'_> {
        Measured::Retraining {
            before: self.work.as_ref().and_then(ChannelPruning::pruned_accuracy),
            history: self.work.as_ref().map_or(&[], ChannelPruning::history),
        }
    }
}
