//! A stage that prunes the same network in another way, for comparison.

use super::pruning::PruningConfig;
use crate::pipeline::{Measured, Output, Run, Stage, StageError};
use hccr_compress::{Adw, Progress, Strategy, Targets, Trainer};
use hccr_nn_train::Optimizer;
use serde::{Deserialize, Serialize};

/// How the thresholds of a compared pruning move.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Thresholds {
    /// They rise until each layer's target is met.
    Rising,
    /// Each jumps at the start to where its layer's target is met.
    OneShot,
    /// The rule before ADW: a multiple of each layer's mean magnitude, the same for all layers, such that the network loses as many
    /// weights at the start as the targets ask for in all.
    Fixed,
}

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
                let strategy = match self.thresholds {
                    Thresholds::Rising => Strategy::Adaptive,
                    Thresholds::OneShot => Strategy::OneShot,
                    Thresholds::Fixed => fixed_threshold(&run.trainer, run.targets()?)?,
                };
                none.insert(self.config.begin(strategy, run.targets()?, &run.trainer.layers())?)
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

/// The rule of [`Thresholds::Fixed`]: `alpha` by bisection, `beta` and `lambda` zero.
fn fixed_threshold<T: Trainer>(trainer: &T, targets: &Targets) -> Result<Strategy, T::Error> {
    let mut layers = Vec::new();
    let mut wanted = 0.0;
    for (name, target) in &targets.ratios {
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
