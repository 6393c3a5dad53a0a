//! CRA, connection redundancy analysis.
//!
//! One layer at a time, the others unpruned: the share of its smallest weights set to zero rises until the accuracy on
//! held-out data has fallen by a tolerance; the largest share that holds is the layer's redundancy (thesis). Each layer's
//! curve is followed past the tolerance, so that one analysis answers for other tolerances too.

use crate::error::{CompressError, InputError};
use crate::layer::{LayerInfo, LayerKind};
use crate::layers::{check_block, check_names, find};
use crate::magnitude::{Block, Blocks, dropped_weights};
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
    pub block: Block,
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
    pub points: Vec<(f32, f32)>,
}

/// What to bring a network down to; see [`Cra::targets_for_budget`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Multiply-accumulates per sample on non-zero weights, at most.
    pub nonzero_macs: u64,
    /// Non-zero weights, at most, where that matters too.
    pub nonzeros: Option<u64>,
}

/// Pruning targets that meet a budget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Targets {
    /// The fall of accuracy, before any retraining, that each convolution was allowed on its own.
    pub conv_tolerance: f32,
    /// The same for each fully connected layer.
    pub linear_tolerance: f32,
    /// (layer, share of its weights to drop), in the order of the network.
    pub ratios: Vec<(String, f32)>,
}

/// The state of an analysis; it can be saved and resumed between any two calls of [`advance`](Self::advance).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cra {
    config: CraConfig,
    curves: Vec<RedundancyCurve>,
    /// The blocks of each curve's layer.
    blocks: Vec<Blocks>,
    /// The curve being measured.
    current: usize,
    baseline: Option<f32>,
}

impl RedundancyCurve {
    /// The share of weights at which the accuracy has fallen by `tolerance`, interpolated linearly, at most `max_sparsity`.
    ///
    /// Past its last point the curve is continued towards accuracy 0 without any weights.
    pub fn ratio_at(&self, tolerance: f32, max_sparsity: f32) -> f32 {
        let Some(&(_, baseline)) = self.points.first() else { return 0.0 };
        let level = baseline - tolerance;
        let (mut before, mut at) = (0.0, baseline);
        for &(ratio, accuracy) in self.points.iter().chain([&(1.0, 0.0)]) {
            if accuracy < level {
                return (before + (ratio - before) * (at - level) / (at - accuracy)).min(max_sparsity);
            }
            (before, at) = (ratio, accuracy);
        }
        max_sparsity
    }
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
        check_block(config.block)?;
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

    /// Accuracy of the unpruned network on held-out data, once measured.
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
            let accuracy = trainer.evaluate().map_err(CompressError::Trainer)?;
            self.baseline = Some(accuracy);
            self.curves.iter_mut().for_each(|c| c.points.push((0.0, accuracy)));
            return Ok(self.progress(format!("unpruned: {:.2} %", 100.0 * accuracy)));
        };
        let curve = &mut self.curves[self.current];
        let ratio = self.config.grid[curve.points.len() - 1];
        let blocks = self.blocks[self.current];
        let accuracy = accuracy_without(trainer, &curve.layer, blocks, ratio).map_err(CompressError::Trainer)?;
        curve.points.push((ratio, accuracy));
        let message = format!("{} without {:.1} %: {:.2} %", curve.layer, 100.0 * ratio, 100.0 * accuracy);
        if accuracy <= baseline - self.config.stop_drop || curve.points.len() > self.config.grid.len() {
            self.current += 1;
        }
        Ok(self.progress(message))
    }

    /// Each analysed layer's redundancy: the share of weights that it can lose for a fall of accuracy of `tolerance`.
    pub fn ratios_at(&self, tolerance: f32) -> Vec<(String, f32)> {
        let ratio = |c: &RedundancyCurve| (c.layer.clone(), c.ratio_at(tolerance, self.config.max_sparsity));
        self.curves.iter().map(ratio).collect()
    }

    /// The ratios at the smallest tolerances that bring the network down to `budget`.
    ///
    /// Convolutions hold nearly all multiply-accumulates and fully connected layers nearly all weights. So one tolerance,
    /// at first common to all layers, rises until the first number is met, and then that of the fully connected layers
    /// alone until the second is. The thesis sets a tolerance and takes the compression that follows; asking for a given
    /// compression is this project's own choice. `layers` are all layers of the network; those not analysed count in full.
    ///
    /// # Errors
    /// [`InputError::OverBudget`] where even the highest sparsities allowed do not meet the budget.
    pub fn targets_for_budget(&self, layers: &[LayerInfo], budget: Budget) -> Result<Targets, InputError> {
        let ratios = |conv: f32, linear: f32| -> Vec<(String, f32)> {
            let is_linear =
                |name: &str| layers.iter().any(|l| l.name == name && matches!(l.kind, LayerKind::Linear(_)));
            let ratio = |c: &RedundancyCurve| {
                let tolerance = if is_linear(&c.layer) { linear } else { conv };
                (c.layer.clone(), c.ratio_at(tolerance, self.config.max_sparsity))
            };
            self.curves.iter().map(ratio).collect()
        };
        let macs = |t| cost(layers, &ratios(t, t)).0 <= budget.nonzero_macs;
        let conv = smallest(0.0, macs);
        let weights = |t| budget.nonzeros.is_none_or(|most| cost(layers, &ratios(conv.unwrap_or(1.0), t)).1 <= most);
        match (conv, smallest(conv.unwrap_or(1.0), weights)) {
            (Some(conv_tolerance), Some(linear_tolerance)) => {
                Ok(Targets { conv_tolerance, linear_tolerance, ratios: ratios(conv_tolerance, linear_tolerance) })
            }
            _ => {
                let (nonzero_macs, nonzeros) = cost(layers, &ratios(1.0, 1.0));
                Err(InputError::OverBudget { nonzero_macs, nonzeros })
            }
        }
    }

    /// The ratios at the smallest tolerance, common to all layers, that leaves the network at most `nonzeros` weights that are not
    /// zero.
    ///
    /// # Errors
    /// As [`targets_for_budget`](Self::targets_for_budget).
    pub fn targets_for_weights(&self, layers: &[LayerInfo], nonzeros: u64) -> Result<Targets, InputError> {
        let Some(tolerance) = smallest(0.0, |t| cost(layers, &self.ratios_at(t)).1 <= nonzeros) else {
            let (nonzero_macs, nonzeros) = cost(layers, &self.ratios_at(1.0));
            return Err(InputError::OverBudget { nonzero_macs, nonzeros });
        };
        Ok(Targets { conv_tolerance: tolerance, linear_tolerance: tolerance, ratios: self.ratios_at(tolerance) })
    }

    fn progress(&self, message: String) -> Progress {
        let grid = self.config.grid.len();
        let total = self.curves.len() * grid;
        let within = self.curves.get(self.current).map_or(0, |c| c.points.len().saturating_sub(1));
        Progress { done: self.current * grid + within, total, message }
    }
}

/// The smallest tolerance from `low` to 1 that `meets`, which holds for all above one for which it holds.
fn smallest(low: f32, meets: impl Fn(f32) -> bool) -> Option<f32> {
    if meets(low) {
        return Some(low);
    }
    let (mut low, mut high) = (low, 1.0);
    if !meets(high) {
        return None;
    }
    // 24 halvings are all that single precision can tell apart.
    for _ in 0..24 {
        let middle = 0.5 * (low + high);
        if meets(middle) { high = middle } else { low = middle }
    }
    Some(high)
}

/// (multiply-accumulates per sample on non-zero weights, non-zero weights) after dropping the share `ratios` of each layer;
/// where weights go in blocks, at most.
pub fn cost(layers: &[LayerInfo], ratios: &[(String, f32)]) -> (u64, u64) {
    let (mut macs, mut nonzeros) = (0, 0);
    for layer in layers {
        let ratio = ratios.iter().find(|(name, _)| *name == layer.name).map_or(0.0, |(_, ratio)| *ratio);
        let kept = (layer.weights() - dropped_weights(layer.weights(), ratio)) as u64;
        nonzeros += kept;
        macs += kept * layer.macs_per_weight() as u64;
    }
    (macs, nonzeros)
}

fn accuracy_without<T: Trainer>(trainer: &mut T, layer: &str, blocks: Blocks, ratio: f32) -> Result<f32, T::Error> {
    let weight = trainer.weight(layer)?;
    let keep = blocks.keep_largest(&weight, ratio);
    let pruned: Vec<f32> = weight.iter().zip(keep).map(|(&w, kept)| if kept { w } else { 0.0 }).collect();
    trainer.set_weight(layer, &pruned)?;
    let accuracy = trainer.evaluate();
    trainer.set_weight(layer, &weight)?;
    accuracy
}

#[cfg(test)]
mod tests {
    use super::*;
    use hccr_runtime::shape::{Conv2dParams, LinearParams};

    fn curve(layer: &str, points: &[(f32, f32)]) -> RedundancyCurve {
        RedundancyCurve { layer: layer.into(), points: points.to_vec() }
    }

    fn layer(name: &str, weights: usize, side: usize) -> LayerInfo {
        let kind = match side {
            1 => LayerKind::Linear(LinearParams { in_features: weights, out_features: 1 }),
            _ => LayerKind::Conv2d(Conv2dParams::same(weights, 1, [1, 1])),
        };
        LayerInfo { name: name.into(), kind, output_size: [side, side] }
    }

    /// Two layers, the first ten times as costly a weight and far more sensitive, after one that is left alone.
    fn analysed() -> (Cra, [LayerInfo; 3]) {
        let layers = [layer("first", 10, 1), layer("a", 100, 10), layer("b", 1000, 1)];
        let config = CraConfig {
            layers: vec![],
            grid: vec![0.5, 0.9],
            block: Block::SINGLE,
            stop_drop: 0.5,
            max_sparsity: 0.95,
        };
        let mut cra = Cra::new(config, &layers).unwrap();
        cra.curves =
            vec![curve("a", &[(0.0, 0.9), (0.5, 0.8), (0.9, 0.3)]), curve("b", &[(0.0, 0.9), (0.5, 0.9), (0.9, 0.8)])];
        (cra, layers)
    }

    #[test]
    fn ratios_are_interpolated_and_capped() {
        let c = curve("a", &[(0.0, 0.9), (0.5, 0.8), (0.9, 0.6)]);
        let near = |tolerance: f32, want: f32| {
            let ratio = c.ratio_at(tolerance, 0.98);
            assert!((ratio - want).abs() < 1e-5, "{tolerance}: {ratio} instead of {want}");
        };
        near(0.0, 0.0);
        near(0.05, 0.25);
        near(0.2, 0.7);
        // Between the last point and (1, 0).
        near(0.6, 0.95);
        near(0.89, 0.98);
        near(1.0, 0.98);
        // A bump does not hide the first fall.
        let c = curve("a", &[(0.0, 0.9), (0.4, 0.7), (0.6, 0.9), (0.8, 0.1)]);
        assert!((c.ratio_at(0.1, 1.0) - 0.2).abs() < 1e-5);
    }

    #[test]
    fn the_smallest_tolerances_that_meet_the_budget() {
        let (cra, layers) = analysed();
        assert_eq!(cost(&layers, &[]), (10 + 100 * 100 + 1000, 1110));
        let targets = |nonzero_macs, nonzeros| {
            let targets = cra.targets_for_budget(&layers, Budget { nonzero_macs, nonzeros }).unwrap();
            let (macs, weights) = cost(&layers, &targets.ratios);
            assert!(macs <= nonzero_macs && nonzeros.is_none_or(|most| weights <= most), "{targets:?}");
            targets
        };
        // The multiply-accumulates alone: one tolerance for all, and no more of it than they need.
        let both = targets(6000, None);
        assert_eq!((both.conv_tolerance, &both.ratios), (both.linear_tolerance, &cra.ratios_at(both.conv_tolerance)));
        assert!(cost(&layers, &cra.ratios_at(both.conv_tolerance - 1e-4)).0 > 6000);
        // Fewer weights as well: the fully connected layer pays, the convolution does not.
        let fewer = targets(6000, Some(140));
        assert_eq!((fewer.conv_tolerance, &fewer.ratios[0]), (both.conv_tolerance, &both.ratios[0]));
        assert!(fewer.linear_tolerance > both.linear_tolerance);
        // The weights alone: one tolerance for all again.
        let few = cra.targets_for_weights(&layers, 140).unwrap();
        assert_eq!((few.conv_tolerance, cost(&layers, &few.ratios).1 <= 140), (few.linear_tolerance, true));
        assert!(cost(&layers, &cra.ratios_at(few.conv_tolerance - 1e-4)).1 > 140);
        assert!(cra.targets_for_weights(&layers, 60).is_err());
        // What is met already costs nothing.
        let none = targets(11_010, None);
        assert_eq!((none.conv_tolerance, none.linear_tolerance), (0.0, 0.0));
    }

    #[test]
    fn an_impossible_budget_says_what_is_possible() {
        let (cra, layers) = analysed();
        let refused = cra.targets_for_budget(&layers, Budget { nonzero_macs: 100, nonzeros: None });
        assert_eq!(refused, Err(InputError::OverBudget { nonzero_macs: 10 + 500 + 50, nonzeros: 65 }));
    }

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
        refused(|c| c.block.channels = 0);
        refused(|c| c.max_sparsity = f32::NAN);
        refused(|c| c.stop_drop = -0.1);
    }
}
