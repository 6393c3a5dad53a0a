//! What CRA's curves say that pruning should aim at.

use crate::cra::{Cra, RedundancyCurve};
use crate::error::InputError;
use crate::layer::LayerInfo;
use crate::magnitude::dropped_weights;
use serde::{Deserialize, Serialize};

/// What to bring a network down to; see [`Cra::targets_for_budget`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Multiply-accumulates per sample on non-zero weights, at most, where that matters.
    pub nonzero_macs: Option<u64>,
    /// Non-zero weights, at most, where that matters.
    pub nonzeros: Option<u64>,
}

/// What pruning aims at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Targets {
    /// The fall of accuracy, before any retraining, that each layer was allowed on its own; `None` where another rule than a tolerance
    /// chose the ratios.
    pub tolerance: Option<f32>,
    /// (layer, share of its weights to drop), in the order of the network.
    pub ratios: Vec<(String, f32)>,
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
    /// Each analysed layer's redundancy: the share of weights that it can lose for a fall of accuracy of `tolerance`.
    pub fn ratios_at(&self, tolerance: f32) -> Vec<(String, f32)> {
        let ratio = |c: &RedundancyCurve| (c.layer.clone(), c.ratio_at(tolerance, self.config.max_sparsity));
        self.curves.iter().map(ratio).collect()
    }

    /// The ratios at the smallest tolerance, common to all layers, that leaves the network at most `nonzeros` weights that are not
    /// zero.
    ///
    /// # Errors
    /// [`InputError::OverBudget`] where even the highest sparsities allowed leave more.
    pub fn targets_for_weights(&self, layers: &[LayerInfo], nonzeros: u64) -> Result<Targets, InputError> {
        let meets = |tolerance| cost(layers, &self.ratios_at(tolerance)).1 <= nonzeros;
        let Some(tolerance) = smallest(meets) else {
            let (nonzero_macs, nonzeros) = cost(layers, &self.ratios_at(1.0));
            return Err(InputError::OverBudget { nonzero_macs, nonzeros });
        };
        Ok(self.targets_at(tolerance))
    }

    /// The ratios at a tolerance that is common to all layers, whatever that leaves: the thesis's rule.
    pub fn targets_at(&self, tolerance: f32) -> Targets {
        Targets { tolerance: Some(tolerance), ratios: self.ratios_at(tolerance) }
    }
}

/// The smallest tolerance from 0 to 1 that `meets`, which holds for all above one for which it holds.
fn smallest(meets: impl Fn(f32) -> bool) -> Option<f32> {
    if meets(0.0) {
        return Some(0.0);
    }
    let (mut low, mut high) = (0.0, 1.0);
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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::cra::CraConfig;
    use crate::layer::LayerKind;
    use crate::magnitude::BlockShapes;
    use hccr_runtime::shape::{Conv2dParams, LinearParams};

    pub(crate) fn curve(layer: &str, points: &[(f32, f32)]) -> RedundancyCurve {
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
    pub(crate) fn analysed() -> (Cra, [LayerInfo; 3]) {
        let layers = [layer("first", 10, 1), layer("a", 100, 10), layer("b", 1000, 1)];
        let config = CraConfig {
            layers: vec![],
            grid: vec![0.5, 0.9],
            block: BlockShapes::SINGLE,
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
    fn the_smallest_tolerance_that_leaves_few_enough_weights() {
        let (cra, layers) = analysed();
        assert_eq!(cost(&layers, &[]), (10 + 100 * 100 + 1000, 1110));
        let few = cra.targets_for_weights(&layers, 140).unwrap();
        let tolerance = few.tolerance.unwrap();
        assert_eq!(few, cra.targets_at(tolerance));
        assert!(cost(&layers, &few.ratios).1 <= 140 && cost(&layers, &cra.ratios_at(tolerance - 1e-4)).1 > 140);
        // What is met already costs nothing.
        assert_eq!(cra.targets_for_weights(&layers, 1110).unwrap().tolerance, Some(0.0));
        assert_eq!(cra.targets_at(0.1), Targets { tolerance: Some(0.1), ratios: cra.ratios_at(0.1) });
        let refused = cra.targets_for_weights(&layers, 60);
        assert_eq!(refused, Err(InputError::OverBudget { nonzero_macs: 10 + 500 + 50, nonzeros: 65 }));
    }
}
