//! The shares of weights that a budget asks of the layers, by what each weight costs.

use crate::cra::{Cra, RedundancyCurve};
use crate::error::InputError;
use crate::layer::LayerInfo;
use crate::layers::find;
use crate::targets::{Budget, Targets, cost};
use libm::logf;
use microlp::{ComparisonOp, Error, OptimizationDirection, Problem};

/// With a smaller share of the accuracy a network of fifty classes or more does little else than guess: how much is lost can no longer be
/// measured, only that it is at least so much.
const LEAST_SHARE: f32 = 0.02;

/// So many times `-ln` of the share of weights that stays is added to each loss. A curve that is measured on some thousand samples does not
/// tell smaller losses apart, and a layer that seems to lose nothing must not give all it has.
const UNSEEN: f32 = 0.01;

/// A curve is cut into so many equal pieces, and at its corners.
const PIECES: usize = 50;
/// More, as a share of the whole, than the program's solution may miss a limit by.
const SLACK: f64 = 1e-6;

impl RedundancyCurve {
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
            let corner = (ratio, -logf(share.clamp(LEAST_SHARE, 1.0)));
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
        if let Some(&last) = hull.last().filter(|last| last.0 < max_sparsity) {
            // It goes on as steeply, or towards a network that only guesses, without any of the layer's weights.
            let guesses = last.1 + slope(last, (1.0, -logf(LEAST_SHARE))) * (max_sparsity - last.0);
            let end = further(&hull, max_sparsity).map_or(guesses, |end| end.max(guesses));
            hull.push((max_sparsity, end));
        }
        hull
    }
}

/// The loss at a share of weights, between the corners of a hull.
fn loss_at(hull: &[(f32, f32)], ratio: f32) -> f32 {
    let between = hull.windows(2).find(|ends| ratio <= ends[1].0).or(hull.windows(2).last());
    let measured =
        between.map_or(0.0, |ends| ends[0].1 + (ends[1].1 - ends[0].1) * (ratio - ends[0].0) / (ends[1].0 - ends[0].0));
    measured - UNSEEN * logf((1.0 - ratio).max(1e-6))
}

impl Cra {
    /// The ratios that bring the network down to `budget` and leave the most accuracy, if each layer leaves a share of it, and the shares
    /// multiply. `layers` are all layers of the network; those not analysed count in full.
    ///
    /// A tolerance lets a small layer lose as much accuracy as a large one, for far fewer weights. Here weights and multiply-accumulates
    /// have a price each, and every layer loses weights up to the one that costs more of the accuracy than it saves: the curves' logarithms,
    /// made convex, are followed down to one slope. A linear program finds the prices. Shares and not points, because points have an end:
    /// what has lost 50 of 54 points could lose all other weights for 4 more. The thesis sets a tolerance and takes the compression that
    /// follows; asking for a given compression is this project's own choice.
    ///
    /// # Errors
    /// [`InputError::OverBudget`] where even the highest sparsities allowed do not meet the budget.
    pub fn targets_for_budget(&self, layers: &[LayerInfo], budget: Budget) -> Result<Targets, InputError> {
        let most = self.config.max_sparsity;
        let mut program = Problem::new(OptimizationDirection::Minimize);
        let (mut pieces, mut weights, mut macs) = (Vec::new(), Vec::new(), Vec::new());
        // Weights are whole: each layer may lose half a weight less than asked.
        let [mut fewer_weights, mut fewer_macs] = [0.0; 2];
        for (at, curve) in self.curves.iter().enumerate() {
            let layer = find(layers, &curve.layer)?;
            let per_weight = layer.macs_per_weight() as f64;
            fewer_weights += 0.5;
            fewer_macs += 0.5 * per_weight;
            let hull = curve.hull(most);
            let even = (0..=PIECES).map(|i| most * i as f32 / PIECES as f32);
            let mut ratios: Vec<f32> = even.chain(hull.iter().map(|corner| corner.0)).collect();
            ratios.sort_by(f32::total_cmp);
            for ends in ratios.windows(2) {
                let share = f64::from(ends[1] - ends[0]);
                let dropped = program.add_var((loss_at(&hull, ends[1]) - loss_at(&hull, ends[0])).into(), (0.0, 1.0));
                let all = share * layer.weights() as f64;
                weights.push((dropped, all));
                macs.push((dropped, all * per_weight));
                pieces.push((at, share, dropped));
            }
        }
        let (all_macs, all_weights) = cost(layers, &[]);
        let limits =
            [(weights, all_weights, budget.nonzeros, fewer_weights), (macs, all_macs, budget.nonzero_macs, fewer_macs)];
        for (terms, all, limit, fewer) in limits {
            let Some(limit) = limit.filter(|&limit| limit < all) else { continue };
            // In shares of the whole, which are near 1 in every network.
            let terms: Vec<_> = terms.into_iter().map(|(dropped, amount)| (dropped, amount / all as f64)).collect();
            program.add_constraint(terms, ComparisonOp::Ge, ((all - limit) as f64 + fewer) / all as f64 + SLACK);
        }
        let unsolved = |reason: String| InputError::config("budget", reason);
        let solution = match program.solve() {
            Err(Error::Infeasible) => return self.targets_at_most(layers, budget),
            other => other.map_err(|e| unsolved(e.to_string()))?,
        };
        let solution = solution.into_solution().map_err(|_| unsolved("no solution was found".into()))?;
        let mut ratios: Vec<_> = self.curves.iter().map(|curve| (curve.layer.clone(), 0.0)).collect();
        for (at, share, dropped) in pieces {
            ratios[at].1 += share * solution.var_value(dropped);
        }
        let ratios = ratios.into_iter().map(|(layer, ratio)| (layer, (ratio as f32).clamp(0.0, most))).collect();
        Ok(Targets { tolerance: None, ratios })
    }

    /// The highest ratios allowed, where they meet the budget.
    fn targets_at_most(&self, layers: &[LayerInfo], budget: Budget) -> Result<Targets, InputError> {
        let most = self.config.max_sparsity;
        let ratios = self.curves.iter().map(|curve| (curve.layer.clone(), most)).collect::<Vec<_>>();
        let (nonzero_macs, nonzeros) = cost(layers, &ratios);
        if budget.nonzero_macs.is_none_or(|limit| nonzero_macs <= limit)
            && budget.nonzeros.is_none_or(|limit| nonzeros <= limit)
        {
            return Ok(Targets { tolerance: None, ratios });
        }
        Err(InputError::OverBudget { nonzero_macs, nonzeros })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::tests::{analysed, curve};
    use proptest::prelude::*;

    fn weights(nonzeros: u64) -> Budget {
        Budget { nonzeros: Some(nonzeros), ..Budget::default() }
    }

    /// What the layers lose together by the convex curves.
    fn loss(cra: &Cra, ratios: &[(String, f32)]) -> f32 {
        let lost = |(curve, (_, ratio)): (&RedundancyCurve, &(String, f32))| {
            loss_at(&curve.hull(cra.config.max_sparsity), *ratio)
        };
        cra.curves.iter().zip(ratios).map(lost).sum()
    }

    #[test]
    fn the_large_layer_pays_first_where_weights_count() {
        let (cra, layers) = analysed();
        let near = |nonzeros, want: [f32; 2]| {
            let targets = cra.targets_for_budget(&layers, weights(nonzeros)).unwrap();
            let left = cost(&layers, &targets.ratios).1;
            assert!(left <= nonzeros && left + 2 >= nonzeros, "{left} instead of {nonzeros}");
            let got = [targets.ratios[0].1, targets.ratios[1].1];
            assert!(got.iter().zip(want).all(|(got, want)| (got - want).abs() < 0.02), "{got:?} instead of {want:?}");
        };
        // The first half of `b` costs nothing, and the next 450 weights less per weight than the first of `a`.
        near(1110, [0.0, 0.0]);
        near(610, [0.0, 0.5]);
        near(410, [0.0, 0.7]);
        // The last ones of `b` may be all that it needs.
        near(160, [0.5, 0.9]);
        near(135, [0.75, 0.9]);
    }

    #[test]
    fn a_budget_of_both_is_met_in_both_and_no_further() {
        let (cra, layers) = analysed();
        let targets = |nonzero_macs, nonzeros| {
            let budget = Budget { nonzero_macs: Some(nonzero_macs), nonzeros: Some(nonzeros) };
            let targets = cra.targets_for_budget(&layers, budget).unwrap();
            (cost(&layers, &targets.ratios), targets)
        };
        // `a` has the multiply-accumulates, `b` the weights: neither pays for the other.
        let ((macs, nonzeros), both) = targets(5000, 400);
        assert!(macs <= 5000 && macs + 200 >= 5000 && nonzeros <= 400 && nonzeros + 2 >= 400, "{macs} {nonzeros}");
        assert_eq!(both.tolerance, None);
        // A limit that another one implies changes nothing.
        let (_, few) = targets(10_900, 400);
        let alone = cra.targets_for_budget(&layers, weights(400)).unwrap();
        for ((_, few), (_, alone)) in few.ratios.iter().zip(&alone.ratios) {
            assert!((few - alone).abs() < 1e-4, "{few} instead of {alone}");
        }
    }

    #[test]
    fn what_is_out_of_reach_is_said_and_what_is_just_in_reach_is_reached() {
        let (cra, layers) = analysed();
        let most = InputError::OverBudget { nonzero_macs: 10 + 500 + 50, nonzeros: 65 };
        assert_eq!(cra.targets_for_budget(&layers, weights(64)), Err(most));
        let targets = cra.targets_for_budget(&layers, weights(65)).unwrap();
        assert_eq!(cost(&layers, &targets.ratios), (560, 65));
    }

    proptest! {
        #[test]
        fn no_other_ratios_within_the_budget_lose_less(
            falls in prop::collection::vec(0f32..0.5, 4),
            macs in 1_000u64..11_010,
            nonzeros in 100u64..1110,
            others in prop::collection::vec((0f32..0.95, 0f32..0.95), 50),
        ) {
            let (mut cra, layers) = analysed();
            for (curve, falls) in cra.curves.iter_mut().zip(falls.chunks(2)) {
                curve.points[1].1 = 0.9 - falls[0];
                curve.points[2].1 = 0.9 - falls[0] - 0.7 * falls[1];
            }
            let budget = Budget { nonzero_macs: Some(macs), nonzeros: Some(nonzeros) };
            let targets = cra.targets_for_budget(&layers, budget).unwrap();
            let left = cost(&layers, &targets.ratios);
            prop_assert!(left.0 <= macs && left.1 <= nonzeros);
            let least = loss(&cra, &targets.ratios);
            for (a, b) in others {
                let other = [("a".to_owned(), a), ("b".to_owned(), b)];
                let left = cost(&layers, &other);
                // The rounding of whole weights is no choice between layers.
                if left.0 + 200 <= macs && left.1 + 2 <= nonzeros {
                    prop_assert!(least <= loss(&cra, &other) + 2e-3);
                }
            }
        }
    }

    #[test]
    fn a_layer_that_only_guesses_is_not_dropped_for_nothing() {
        let (mut cra, layers) = analysed();
        // Points would let `b` lose all of its last half, for 0.1, before `a` loses anything.
        cra.curves[0].points = vec![(0.0, 0.9), (0.5, 0.88), (0.9, 0.7)];
        cra.curves[1].points = vec![(0.0, 0.9), (0.4, 0.6), (0.5, 0.01), (0.9, 0.0)];
        let targets = cra.targets_for_budget(&layers, weights(600)).unwrap();
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
        // It goes on towards a network that only guesses, without any of the weights.
        let (half, least) = (2f32.ln(), -logf(LEAST_SHARE));
        near(
            &hull(&[(0.0, 0.8), (0.4, 0.7), (0.6, 0.82), (0.8, 0.4)]),
            &[(0.0, 0.0), (0.6, 0.0), (0.8, half), (0.9, 0.5 * (half + least))],
        );
        // What is below the least share counts as that much, and nothing after it, unless the curve was as steep before.
        near(
            &hull(&[(0.0, 0.8), (0.6, 0.8), (0.7, 0.0), (0.8, 0.1)]),
            &[(0.0, 0.0), (0.6, 0.0), (0.7, least), (0.9, 3.0 * least)],
        );
        let steep = [(0.0, 0.0), (0.6, 0.0), (0.7, 10f32.ln()), (0.9, 3.0 * 10f32.ln())];
        near(&hull(&[(0.0, 0.8), (0.6, 0.8), (0.7, 0.08), (0.89, 0.0)]), &steep);
        near(&hull(&[(0.0, 0.0), (0.5, 0.0)]), &[(0.0, 0.0), (0.5, 0.0), (0.9, 0.8 * least)]);
        near(&hull(&[(0.0, 0.8)]), &[(0.0, 0.0), (0.9, 0.9 * least)]);
    }
}
