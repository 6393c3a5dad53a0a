//! CRA, connection redundancy analysis.
//!
//! One layer at a time, the others unpruned: the share of its smallest weights set to zero rises until the accuracy on
//! held-out data has fallen by a tolerance; the largest share that holds is the layer's redundancy (thesis). Each layer's
//! curve is followed past the tolerance, so that one analysis answers for other tolerances too.

use crate::error::{CompressError, InputError};
use crate::layer::LayerInfo;
use crate::layers::{check_names, find};
use crate::magnitude::{BlockShapes, Blocks};
use crate::phase::Progress;
use crate::trainer::Trainer;
use serde::{Deserialize, Serialize};

/// Configuration of [`Cra`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CraConfig {
    /// Layers to analyse; empty: all but the first, which has few weights and reads the image itself.
    pub layers: Vec<String>,
    /// Ratios of dropped weights to try, ascending, above 0 and at most 1.
    pub grid: Vec<f32>,
    /// Which weights are dropped together, as in [`AdwConfig::block`](crate::AdwConfig::block).
    pub block: BlockShapes,
    /// A layer's curve ends once the accuracy has fallen by this much (0.05: five points).
    pub stop_drop: f32,
    /// No layer is asked to lose a larger share of its weights than this.
    pub max_sparsity: f32,
}

/// A layer's curve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RedundancyCurve {
    /// Name of the layer.
    pub layer: String,
    /// (share of weights dropped, accuracy on held-out data), by ascending share; the first is the unpruned network.
    /// All are measured by [`Trainer::evaluate_with`].
    pub points: Vec<(f32, f32)>,
}

/// The state of an analysis; it can be saved and resumed between any two calls of [`advance`](Self::advance).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cra {
    pub(crate) config: CraConfig,
    pub(crate) curves: Vec<RedundancyCurve>,
    /// The blocks of each curve's layer.
    blocks: Vec<Blocks>,
    /// The curve being measured.
    current: usize,
    baseline: Option<f32>,
}

impl Cra {
    /// Plans the analysis of a network of `layers`.
    ///
    /// # Errors
    /// [`InputError`] where the configuration does not fit the layers.
    pub fn new(mut config: CraConfig, layers: &[LayerInfo]) -> Result<Self, InputError> {
        if config.layers.is_empty() {
            config.layers = layers.iter().skip(1).map(|l| l.name.clone()).collect();
        }
        config.block.check()?;
        check_names(layers, &config.layers)?;
        let valid = |r: &f32| *r > 0.0 && *r <= 1.0;
        if !config.grid.iter().all(valid) || !config.grid.windows(2).all(|w| w[0] < w[1]) || config.grid.is_empty() {
            return Err(InputError::config("grid", "needs ascending ratios above 0 and at most 1"));
        }
        if !valid(&config.max_sparsity) {
            return Err(InputError::config("max_sparsity", "must be above 0 and at most 1"));
        }
        if !config.stop_drop.is_finite() || config.stop_drop < 0.0 {
            return Err(InputError::config("stop_drop", "must be a fall of accuracy from 0 to 1"));
        }
        let curve = |layer: &String| RedundancyCurve { layer: layer.clone(), points: Vec::new() };
        let curves = config.layers.iter().map(curve).collect();
        let blocks = |name: &String| Ok(Blocks::new(find(layers, name)?, config.block));
        let blocks = config.layers.iter().map(blocks).collect::<Result<_, InputError>>()?;
        Ok(Self { config, curves, blocks, current: 0, baseline: None })
    }

    /// The curves measured so far, one per layer.
    pub fn curves(&self) -> &[RedundancyCurve] {
        &self.curves
    }

    /// Accuracy of the unpruned network on held-out data, once measured: that of the curves' first points.
    pub fn baseline(&self) -> Option<f32> {
        self.baseline
    }

    /// Whether all is done.
    pub fn is_done(&self) -> bool {
        self.current == self.curves.len()
    }

    /// Measures one point: prunes a layer, evaluates, and puts its weight back exactly.
    ///
    /// # Errors
    /// [`CompressError::Trainer`] where the trainer fails; the weight is put back even then.
    pub fn advance<T: Trainer>(&mut self, trainer: &mut T) -> Result<Progress, CompressError<T::Error>> {
        if self.is_done() {
            return Ok(self.progress("done".into()));
        }
        let Some(baseline) = self.baseline else {
            // As its points are measured: a trainer may measure a network's statistics anew for each.
            let accuracy = accuracy_without(trainer, &self.config.layers[0], self.blocks[0], 0.0)
                .map_err(CompressError::Trainer)?;
            self.baseline = Some(accuracy);
            self.curves.iter_mut().for_each(|c| c.points.push((0.0, accuracy)));
            return Ok(self.progress(format!("unpruned: {:.2} %", 100.0 * accuracy)));
        };
        let points = self.curves[self.current].points.len();
        let (accuracy, message) = self.measure(trainer, self.current, self.config.grid[points - 1])?;
        let curve = &self.curves[self.current];
        if accuracy <= baseline - self.config.stop_drop || curve.points.len() > self.config.grid.len() {
            self.current += 1;
        }
        Ok(self.progress(message))
    }

    /// Measures one more point of the curve `layer`, once [all is done](Self::is_done): where ratios are chosen by a curve, it should be
    /// measured there, not between two points far from each other.
    ///
    /// # Errors
    /// As [`advance`](Self::advance).
    ///
    /// # Panics
    /// Where there is no such curve.
    pub fn refine<T: Trainer>(
        &mut self,
        trainer: &mut T,
        layer: usize,
        ratio: f32,
    ) -> Result<Progress, CompressError<T::Error>> {
        let message = self.measure(trainer, layer, ratio)?.1;
        Ok(self.progress(message))
    }

    /// Adds a point to a curve; gives its accuracy, and both in words.
    fn measure<T: Trainer>(
        &mut self,
        trainer: &mut T,
        layer: usize,
        ratio: f32,
    ) -> Result<(f32, String), CompressError<T::Error>> {
        let curve = &mut self.curves[layer];
        let accuracy =
            accuracy_without(trainer, &curve.layer, self.blocks[layer], ratio).map_err(CompressError::Trainer)?;
        match curve.points.binary_search_by(|point| point.0.total_cmp(&ratio)) {
            Ok(at) => curve.points[at].1 = accuracy,
            Err(at) => curve.points.insert(at, (ratio, accuracy)),
        }
        Ok((accuracy, format!("{} without {:.1} %: {:.2} %", curve.layer, 100.0 * ratio, 100.0 * accuracy)))
    }

    fn progress(&self, message: String) -> Progress {
        let grid = self.config.grid.len();
        let total = self.curves.len() * grid;
        let within = self.curves.get(self.current).map_or(0, |c| c.points.len().saturating_sub(1));
        Progress { done: self.current * grid + within, total, message }
    }
}

fn accuracy_without<T: Trainer>(trainer: &mut T, layer: &str, blocks: Blocks, ratio: f32) -> Result<f32, T::Error> {
    let weight = trainer.weight(layer)?;
    let keep = blocks.keep_largest(&weight, ratio);
    let pruned: Vec<f32> = weight.iter().zip(keep).map(|(&w, kept)| if kept { w } else { 0.0 }).collect();
    trainer.evaluate_with(layer, &pruned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::tests::analysed;

    #[test]
    fn bad_configurations_are_refused() {
        let (cra, layers) = analysed();
        let refused = |change: fn(&mut CraConfig)| {
            let mut config = cra.config.clone();
            change(&mut config);
            assert!(Cra::new(config, &layers).is_err());
        };
        refused(|c| c.layers.push("conv9".into()));
        refused(|c| c.grid = vec![]);
        refused(|c| c.grid = vec![0.5, 0.5]);
        refused(|c| c.block.matrix.channels = 0);
        refused(|c| c.max_sparsity = f32::NAN);
        refused(|c| c.stop_drop = -0.1);
    }
}
