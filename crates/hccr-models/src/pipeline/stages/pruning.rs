//! The stage that prunes: ADW, or with thresholds that move in another way.

use crate::pipeline::{Measured, Output, Run, Stage, StageError};
use hccr_compress::{Adw, AdwConfig, BlockShapes, Phase, Progress, Strategy, Trainer};
use hccr_nn_train::Optimizer;
use serde::{Deserialize, Serialize};

/// How the thresholds of a pruning move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Thresholds {
    /// They rise until each layer's target is met.
    Rising,
    /// Each jumps at the start to where its layer's target is met.
    OneShot,
    /// One threshold for all layers rises until the network has lost as many weights as the targets ask for in all.
    Global,
    /// The rule before ADW: a multiple of each layer's mean magnitude, the same for all layers, such that the network loses as many
    /// weights at the start as the targets ask for in all.
    Fixed,
}

/// How a pruning trains, and which weights it drops together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PruningConfig {
    /// Its training.
    pub phase: Phase,
    /// Mini-batches of it during which weights are dropped.
    pub ramp_steps: usize,
    /// Which weights are dropped together.
    pub block: BlockShapes,
}

impl PruningConfig {
    /// The pruning of the trainer's network to `targets`: layers, each with the share of its weights to drop.
    fn begin<T: Trainer>(
        &self,
        thresholds: Thresholds,
        targets: &[(String, f32)],
        trainer: &T,
    ) -> Result<Adw, StageError> {
        let strategy = match thresholds {
            Thresholds::Rising => Strategy::Adaptive,
            Thresholds::OneShot => Strategy::OneShot,
            Thresholds::Global => Strategy::Global,
            Thresholds::Fixed => fixed_threshold(trainer, targets)?,
        };
        let Self { phase, ramp_steps, block } = self.clone();
        let config = AdwConfig { strategy, targets: targets.to_vec(), block, phase, ramp_steps };
        Ok(Adw::new(config, &trainer.layers())?)
    }

    /// What `adw`, begun by it, has measured.
    fn measured<'a>(&self, adw: Option<&'a Adw>) -> Measured<'a> {
        Measured::Pruning {
            layers: adw.iter().flat_map(|adw| adw.sparsity()).map(|(name, _)| name).collect(),
            history: adw.map_or(&[], Adw::history),
        }
    }
}

/// Prunes ([`Adw`]): to the targets that a stage before it set, with thresholds that rise, unless it is told otherwise.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pruning {
    config: PruningConfig,
    thresholds: Thresholds,
    targets: Option<Vec<(String, f32)>>,
    work: Option<Adw>,
}

impl Pruning {
    /// A pruning as `config` has it.
    pub fn new(config: PruningConfig) -> Self {
        Self { config, thresholds: Thresholds::Rising, targets: None, work: None }
    }

    /// The same with thresholds that move in another way.
    #[must_use]
    pub fn with_thresholds(self, thresholds: Thresholds) -> Self {
        Self { thresholds, ..self }
    }

    /// The same to these targets: layers, each with the share of its weights to drop.
    #[must_use]
    pub fn to_targets(self, targets: Vec<(String, f32)>) -> Self {
        Self { targets: Some(targets), ..self }
    }
}

impl<O: Optimizer> Stage<O> for Pruning {
    fn name(&self) -> &str {
        "adw"
    }

    fn advance(&mut self, run: &mut Run<'_, O>) -> Result<Progress, StageError> {
        let adw = match &mut self.work {
            Some(adw) => adw,
            none => {
                let targets = self.targets.as_ref().map_or_else(|| run.targets().map(|t| &t.ratios), Ok)?;
                none.insert(self.config.begin(self.thresholds, targets, &run.trainer)?)
            }
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

/// The rule of [`Thresholds::Fixed`]: `alpha` by bisection, `beta` and `lambda` zero.
fn fixed_threshold<T: Trainer>(trainer: &T, targets: &[(String, f32)]) -> Result<Strategy, T::Error> {
    let mut layers = Vec::new();
    let mut wanted = 0.0;
    for (name, target) in targets {
        let magnitudes: Vec<f32> = trainer.weight(name)?.iter().map(|w| w.abs()).collect();
        let mean = magnitudes.iter().sum::<f32>() / magnitudes.len() as f32;
        wanted += f64::from(*target) * magnitudes.len() as f64;
        layers.push((magnitudes, mean));
    }
    let dropped = |alpha: f32| -> usize {
        layers.iter().map(|(magnitudes, mean)| magnitudes.iter().filter(|&&m| m <= alpha * mean).count()).sum()
    };
    let (mut low, mut high) = (0.0, 16.0);
    for _ in 0..30 {
        let middle = 0.5 * (low + high);
        if dropped(middle) as f64 > wanted { high = middle } else { low = middle }
    }
    Ok(Strategy::FixedThreshold { alpha: low, beta: 0.0, lambda: 0.0 })
}
