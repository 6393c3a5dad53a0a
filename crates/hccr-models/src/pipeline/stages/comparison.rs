//! A stage that prunes the same network in another way, for comparison.

use super::pruning::{PruningConfig, Thresholds};
use crate::pipeline::{Measured, Output, Run, Stage, StageError};
use hccr_compress::{Adw, Progress};
use hccr_nn_train::Optimizer;
use serde::{Deserialize, Serialize};

/// Goes back to the network before pruning, and prunes it in another way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Comparison {
    name: String,
    thresholds: Thresholds,
    config: PruningConfig,
    work: Option<Adw>,
}

impl Comparison {
    /// A pruning called `name`.
    pub fn new(name: &str, thresholds: Thresholds, config: PruningConfig) -> Self {
        Self { name: name.into(), thresholds, config, work: None }
    }
}

impl<O: Optimizer + Clone> Stage<O> for Comparison {
    fn name(&self) -> &str {
        &self.name
    }

    fn advance(&mut self, run: &mut Run<'_, O>) -> Result<Progress, StageError> {
        let adw = match &mut self.work {
            Some(adw) => adw,
            none => {
                run.go_back_to_unpruned()?;
                none.insert(self.config.begin(self.thresholds, &run.targets()?.ratios, &run.trainer)?)
            }
        };
        Ok(adw.advance(&mut run.trainer)?)
    }

    fn is_done(&self) -> bool {
        self.work.as_ref().is_some_and(Adw::is_done)
    }

    fn output(&self, run: &Run<'_, O>) -> Result<Output, StageError> {
        Ok(Output::Comparison(run.network()?))
    }

    fn measured(&self) -> Measured<'_> {
        self.config.measured(self.work.as_ref())
    }
}
