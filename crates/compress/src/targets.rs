//! What CRA's curves say that pruning should aim at.

use crate::cra::{Cra, RedundancyCurve};
use crate::error::InputError;
use crate::layer::{LayerInfo, LayerKind};
use crate::layers::find;
use crate::magnitude::dropped_weights;
use serde::{Deserialize, Serialize};

/// What to bring a network down to; see [`Cra::targets_for_budget`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Multiply-accumulates per sample on non-zero weights, at most.
    pub nonzero_macs: u64,
    /// Non-zero weights, at most, where that matters too.
    pub nonzeros: Option<u64>,
}

/// What pruning aims at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Targets {
    /// The fall of accuracy, before any retraining, that each convolution was allowed on its own, and each fully connected layer; `None`
    /// where another rule than a tolerance chose the ratios.
    pub tolerances: Option<[f32; 2]>,
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

    /// The fall of accuracy at `ratio`, as [`ratio_at`](Self::ratio_at) continues the curve.
    fn fall_at(&self, ratio: f32) -> f32 {
        let Some(&(_, baseline)) = self.points.first() else { return 0.0 };
        let (mut before, mut at) = (0.0, baseline);
        for &(next, accuracy) in self.points.iter().chain([&(1.0, 0.0)]) {
            if ratio <= next {
                let part = if next > before { (ratio - before) / (next - before) } else { 1.0 };
                return baseline - (at + part * (accuracy - at));
            }
            (before, at) = (next, accuracy);
        }
        baseline
    }

    /// The corners, up to `max_sparsity`, of the largest convex function below the fall of accuracy: (share of weights, fall).
    fn hull(&self, max_sparsity: f32) -> Vec<(f32, f32)> {
        let measured = self.points.iter().map(|point| point.0).filter(|&ratio| ratio > 0.0 && ratio < max_sparsity);
        let mut hull = vec![(0.0, 0.0)];
        for ratio in measured.chain([max_sparsity]) {
            let corner = (ratio, self.fall_at(ratio).max(0.0));
            let slope = |from: (f32, f32), to: (f32, f32)| (to.1 - from.1) / (to.0 - from.0);
            while let [.., a, b] = hull[..] {
                if slope(a, b) < slope(b, corner) {
                    break;
                }
                hull.pop();
            }
            hull.push(corner);
        }
        hull
    }
}

impl Cra {
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
            (Some(conv), Some(linear)) => {
                Ok(Targets { tolerances: Some([conv, linear]), ratios: ratios(conv, linear) })
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
        Ok(self.targets_at(tolerance))
    }

    /// The ratios at a tolerance that is common to all layers, whatever that leaves: the thesis's rule.
    pub fn targets_at(&self, tolerance: f32) -> Targets {
        Targets { tolerances: Some([tolerance; 2]), ratios: self.ratios_at(tolerance) }
    }

    /// The ratios that leave at most `nonzeros` weights and cost the least accuracy, if what the layers lose adds up.
    ///
    /// A tolerance lets a small layer lose as much accuracy as a large one, for far fewer weights. Here the weight that is dropped last
    /// costs as much accuracy in every layer: the curves, made convex, are followed down to one slope.
    ///
    /// # Errors
    /// As [`targets_for_budget`](Self::targets_for_budget).
    pub fn targets_at_one_slope(&self, layers: &[LayerInfo], nonzeros: u64) -> Result<Targets, InputError> {
        let most = self.config.max_sparsity;
        let mut pieces = Vec::new();
        for (at, curve) in self.curves.iter().enumerate() {
            let weights = find(layers, &curve.layer)?.weights() as f64;
            let hull = curve.hull(most);
            pieces.extend(hull.windows(2).map(|ends| {
                let dropped = f64::from(ends[1].0 - ends[0].0) * weights;
                (f64::from(ends[1].1 - ends[0].1) / dropped, at, dropped, weights)
            }));
        }
        pieces.sort_by(|a, b| a.0.total_cmp(&b.0));
        let all = cost(layers, &[]).1;
        let mut left = all.saturating_sub(nonzeros) as f64;
        let mut ratios: Vec<_> = self.curves.iter().map(|curve| (curve.layer.clone(), 0.0)).collect();
        for (_, at, dropped, weights) in pieces {
            let now = dropped.min(left);
            ratios[at].1 += (now / weights) as f32;
            left -= now;
        }
        ratios.iter_mut().for_each(|(_, ratio)| *ratio = ratio.min(most));
        if left > 0.5 {
            let (nonzero_macs, nonzeros) = cost(layers, &ratios);
            return Err(InputError::OverBudget { nonzero_macs, nonzeros });
        }
        Ok(Targets { tolerances: None, ratios })
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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::cra::CraConfig;
    use crate::magnitude::Block;
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
    pub(crate) fn analysed() -> (Cra, [LayerInfo; 3]) {
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
        let [conv, linear] = both.tolerances.unwrap();
        assert_eq!((conv, &both.ratios), (linear, &cra.ratios_at(conv)));
        assert!(cost(&layers, &cra.ratios_at(conv - 1e-4)).0 > 6000);
        // Fewer weights as well: the fully connected layer pays, the convolution does not.
        let fewer = targets(6000, Some(140));
        assert_eq!(fewer.ratios[0], both.ratios[0]);
        assert!(fewer.tolerances.unwrap()[0] == conv && fewer.tolerances.unwrap()[1] > linear);
        // The weights alone: one tolerance for all again.
        let few = cra.targets_for_weights(&layers, 140).unwrap();
        let [conv, linear] = few.tolerances.unwrap();
        assert_eq!((conv, cost(&layers, &few.ratios).1 <= 140), (linear, true));
        assert!(cost(&layers, &cra.ratios_at(conv - 1e-4)).1 > 140);
        assert!(cra.targets_for_weights(&layers, 60).is_err());
        // What is met already costs nothing.
        let none = targets(11_010, None);
        assert_eq!(none.tolerances, Some([0.0; 2]));
        assert_eq!(cra.targets_at(0.1), Targets { tolerances: Some([0.1; 2]), ratios: cra.ratios_at(0.1) });
    }

    #[test]
    fn at_one_slope_the_large_layer_pays_first() {
        let (cra, layers) = analysed();
        let kept = |nonzeros| {
            let targets = cra.targets_at_one_slope(&layers, nonzeros).unwrap();
            assert!(cost(&layers, &targets.ratios).1.abs_diff(nonzeros) <= 1, "{targets:?}");
            targets.ratios.iter().map(|(_, ratio)| *ratio).collect::<Vec<_>>()
        };
        // The first half of `b` costs nothing, then 0.1 per 400 weights, then 0.4 per 50; `a` loses 0.1 with its first 50.
        assert_eq!(kept(610), [0.0, 0.5]);
        let [a, b] = kept(410)[..] else { panic!("two layers") };
        assert!(a == 0.0 && (b - 0.7).abs() < 1e-6);
        let [a, b] = kept(185)[..] else { panic!("two layers") };
        assert!((a - 0.25).abs() < 1e-6 && (b - 0.9).abs() < 1e-6, "{a} {b}");
        assert!(cra.targets_at_one_slope(&layers, 60).is_err());
    }

    #[test]
    fn a_hull_has_no_bumps_and_nothing_above_the_start() {
        let hull = curve("a", &[(0.0, 0.9), (0.4, 0.7), (0.6, 0.92), (0.8, 0.5)]).hull(0.9);
        assert_eq!(hull[..2], [(0.0, 0.0), (0.6, 0.0)]);
        assert!((hull[2].1 - 0.4).abs() < 1e-6 && (hull[3].1 - 0.65).abs() < 1e-6 && hull.len() == 4, "{hull:?}");
    }

    #[test]
    fn an_impossible_budget_says_what_is_possible() {
        let (cra, layers) = analysed();
        let refused = cra.targets_for_budget(&layers, Budget { nonzero_macs: 100, nonzeros: None });
        assert_eq!(refused, Err(InputError::OverBudget { nonzero_macs: 10 + 500 + 50, nonzeros: 65 }));
    }
}
