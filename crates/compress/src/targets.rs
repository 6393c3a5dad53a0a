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

    /// The corners, up to `max_sparsity`, of the largest convex function below what the layer loses: (share of weights, loss). A loss
    /// is the logarithm of the accuracy with all weights over that with those that are left.
    fn hull(&self, max_sparsity: f32) -> Vec<(f32, f32)> {
        let baseline = self.points.first().map_or(0.0, |&(_, accuracy)| accuracy);
        let slope = |from: (f32, f32), to: (f32, f32)| (to.1 - from.1) / (to.0 - from.0);
        let further = |hull: &[(f32, f32)], ratio: f32| match *hull {
            [.., a, b] => Some(b.1 + slope(a, b) * (ratio - b.0)),
            _ => None,
        };
        let mut hull = vec![(0.0, 0.0)];
        for &(ratio, accuracy) in self.points.iter().filter(|point| point.0 > 0.0 && point.0 <= max_sparsity) {
            let share = if baseline > 0.0 { accuracy / baseline } else { 1.0 };
            let corner = (ratio, -share.clamp(LEAST_SHARE, 1.0).ln());
            let only_guesses = share < LEAST_SHARE;
            if only_guesses && further(&hull, ratio).is_some_and(|loss| loss >= corner.1) {
                break;
            }
            while let [.., a, b] = hull[..] {
                if slope(a, b) < slope(b, corner) {
                    break;
                }
                hull.pop();
            }
            hull.push(corner);
            if only_guesses {
                break;
            }
        }
        if hull.last().is_some_and(|last| last.0 < max_sparsity) {
            // It goes on as steeply; a layer that was not measured is the last to lose weights.
            let end = further(&hull, max_sparsity).unwrap_or(f32::INFINITY);
            hull.push((max_sparsity, end));
        }
        hull
    }
}

/// With a smaller share of the accuracy a network does little more than guess: how much is lost can no longer be measured, only that it
/// is at least so much.
const LEAST_SHARE: f32 = 0.02;

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

    /// The ratios that leave at most `nonzeros` weights and the most accuracy, if each layer leaves a share of it, and the shares multiply.
    ///
    /// A tolerance lets a small layer lose as much accuracy as a large one, for far fewer weights. Here the weight that is dropped last
    /// costs as large a share of the accuracy in every layer: the curves' logarithms, made convex, are followed down to one slope. Shares
    /// and not points, because points have an end: what has lost 50 of 54 points could lose all other weights for 4 more.
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
        let dropped = |nonzeros| {
            let targets = cra.targets_at_one_slope(&layers, nonzeros).unwrap();
            assert!(cost(&layers, &targets.ratios).1.abs_diff(nonzeros) <= 1, "{targets:?}");
            [targets.ratios[0].1, targets.ratios[1].1]
        };
        let near = |got: [f32; 2], want: [f32; 2]| {
            assert!(got.iter().zip(want).all(|(got, want)| (got - want).abs() < 1e-6), "{got:?} instead of {want:?}");
        };
        // The first half of `b` costs nothing, and the next 450 weights less per weight than the first of `a`.
        assert_eq!(dropped(610), [0.0, 0.5]);
        near(dropped(410), [0.0, 0.7]);
        near(dropped(160), [0.0, 0.95]);
        near(dropped(135), [0.25, 0.95]);
        assert!(cra.targets_at_one_slope(&layers, 60).is_err());
    }

    #[test]
    fn a_layer_that_only_guesses_is_not_dropped_for_nothing() {
        let (mut cra, layers) = analysed();
        // Points would let `b` lose all of its last half, for 0.1, before `a` loses anything.
        cra.curves[0].points = vec![(0.0, 0.9), (0.5, 0.88), (0.9, 0.7)];
        cra.curves[1].points = vec![(0.0, 0.9), (0.4, 0.6), (0.5, 0.01), (0.9, 0.0)];
        let targets = cra.targets_at_one_slope(&layers, 600).unwrap();
        assert!(targets.ratios[0].1 > 0.5, "{targets:?}");
        assert!(targets.ratios[1].1 < 0.45, "{targets:?}");
    }

    #[test]
    fn a_hull_has_no_bumps_and_nothing_above_the_start_and_goes_on_to_its_end() {
        let hull = |points: &[(f32, f32)]| curve("a", points).hull(0.9);
        let near = |hull: &[(f32, f32)], want: &[(f32, f32)]| {
            assert_eq!(hull.len(), want.len(), "{hull:?}");
            for (got, want) in hull.iter().zip(want) {
                assert!((got.0 - want.0).abs() < 1e-6 && (got.1 - want.1).abs() < 1e-5, "{hull:?}");
            }
        };
        let half = 2f32.ln();
        near(
            &hull(&[(0.0, 0.8), (0.4, 0.7), (0.6, 0.82), (0.8, 0.4)]),
            &[(0.0, 0.0), (0.6, 0.0), (0.8, half), (0.9, 1.5 * half)],
        );
        // What is below the least share counts as that much, and nothing after it, unless the curve was as steep before.
        let least = -LEAST_SHARE.ln();
        near(
            &hull(&[(0.0, 0.8), (0.6, 0.8), (0.7, 0.0), (0.8, 0.1)]),
            &[(0.0, 0.0), (0.6, 0.0), (0.7, least), (0.9, 3.0 * least)],
        );
        let steep = [(0.0, 0.0), (0.6, 0.0), (0.7, 10f32.ln()), (0.9, 3.0 * 10f32.ln())];
        near(&hull(&[(0.0, 0.8), (0.6, 0.8), (0.7, 0.08), (0.89, 0.0)]), &steep);
        near(&hull(&[(0.0, 0.0), (0.5, 0.0)]), &[(0.0, 0.0), (0.5, 0.0), (0.9, 0.0)]);
        assert_eq!(hull(&[(0.0, 0.8)]), [(0.0, 0.0), (0.9, f32::INFINITY)]);
    }

    #[test]
    fn an_impossible_budget_says_what_is_possible() {
        let (cra, layers) = analysed();
        let refused = cra.targets_for_budget(&layers, Budget { nonzero_macs: 100, nonzeros: None });
        assert_eq!(refused, Err(InputError::OverBudget { nonzero_macs: 10 + 500 + 50, nonzeros: 65 }));
    }
}
