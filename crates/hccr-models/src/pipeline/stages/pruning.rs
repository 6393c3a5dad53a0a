//! The stage that prunes to the targets: ADW.

use crate::pipeline::{Measured, Output, Run, Stage, StageError};
use hccr_compress::{Adw, AdwConfig, Block, LayerInfo, Phase, Progress, Strategy, Targets, Trainer};
use hccr_nn_train::Optimizer;
use serde::{Deserialize, Serialize};

/// How a pruning trains, and which weights it drops together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PruningConfig {
    /// Its training.
    pub phase: Phase,
    /// Mini-batches of it during which weights are dropped.
    pub ramp_steps: usize,
    /// Which weights are dropped together.
    pub block: Block,
}

impl PruningConfig {
    /// The pruning of `layers` to `targets`.
    pub(super) fn begin(&self, strategy: Strategy, targets: &Targets, layers: &[LayerInfo]) -> Result<Adw, StageError> {
        let Self { phase, ramp_steps, block } = self.clone();
        Ok(Adw::new(AdwConfig { strategy, targets: targets.ratios.clone(), block, phase, ramp_steps }, layers)?)
    }

    /// What `adw`, begun by it, has measured.
    pub(super) fn measured<'a>(&self, adw: Option<&'a Adw>) -> Measured<'a> {
        Measured::Pruning {
            layers: adw.iter().flat_map(|adw| adw.sparsity()).map(|(name, _)| name).collect(),
            block: self.block,
            history: adw.map_or(&[], Adw::history),
        }
    }
}

/// Prunes to the targets with thresholds that rise ([`Adw`]).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pruning {
    config: PruningConfig,
    work: Option<Adw>,
}

impl Pruning {
    /// A pruning as `config` has it.
    pub fn new(config: PruningConfig) -> Self {
        Self { config, work: None }
    }
}

impl<O: Optimizer> Stage<O> for Pruning {
    fn name(&self) -> &str {
        "adw"
    }

    fn advance(&mut self, run: &mut Run<'_, O>) -> Result<Progress, StageError> {
        let adw = match &mut self.work {
            Some(adw) => adw,
            none => none.insert(self.config.begin(Strategy::Adaptive, run.targets()?, &run.trainer.layers())?),
        };
        Ok(adw.advance(&mut run.trainer)?)
    }

    fn is_done(&self) -> bool {
        self.work.as_ref().is_some_and(Adw::is_done)
    }

    fn output(&self, run: &Run<'_, O>) -> Result<Output, StageError> {
        Ok(Output::Model(run.network()?))
    }

    fn measured(&self) -> Measured<'_> {
        self.config.measured(self.work.as_ref())
    }
}
