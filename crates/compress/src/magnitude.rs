//! Magnitude pruning: which weights of a layer to keep.

use crate::trainer::LayerInfo;
use serde::{Deserialize, Serialize};

/// How a layer's weights are pruned together: so many consecutive output rows at one column of the weight matrix, where a
/// column is an input channel and a tap. Rows that do not fill the last block make a smaller one.
///
/// A block's magnitude is the mean of its weights' magnitudes: the sum that Mao et al. (arXiv:1705.08922) take, made
/// comparable between blocks of different sizes. That of a single weight is its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Blocks {
    columns: usize,
    /// Rows of a block.
    rows: usize,
}

impl Blocks {
    /// Blocks of `rows` output rows, at least one, in the weight of `layer`.
    pub(crate) fn new(layer: &LayerInfo, rows: usize) -> Self {
        let columns: usize = layer.kind.weight_shape()[1..].iter().product();
        Self { columns: columns.max(1), rows: rows.max(1) }
    }

    /// Keeps all but the smallest blocks of `weight`, as few as make up the share `sparsity` (0 to 1) of it; of equals, the
    /// later ones.
    ///
    /// A block of zeros is never kept, so that what was dropped once stays dropped.
    pub(crate) fn keep_largest(self, weight: &[f32], sparsity: f32) -> Vec<bool> {
        let dropped = dropped_weights(weight.len(), sparsity);
        let magnitudes = self.magnitudes(weight);
        // Magnitude and position of a block in one integer: the bits of a non-negative float sort as its value does.
        let key = |(at, m): (usize, &f32)| (u64::from(m.to_bits()) << 32) | self.first(at) as u64;
        let mut keys: Vec<u64> = magnitudes.iter().enumerate().map(key).collect();
        let last_dropped = (dropped > 0).then(|| *keys.select_nth_unstable(dropped - 1).1);
        magnitudes.iter().enumerate().map(|(at, m)| *m != 0.0 && Some(key((at, m))) > last_dropped).collect()
    }

    /// Keeps the blocks of `weight` whose magnitude is above `threshold`.
    pub(crate) fn keep_above(self, weight: &[f32], threshold: f32) -> Vec<bool> {
        self.magnitudes(weight).into_iter().map(|m| m > threshold).collect()
    }

    /// For each weight the magnitude of its block.
    fn magnitudes(self, weight: &[f32]) -> Vec<f32> {
        let mut magnitudes = Vec::with_capacity(weight.len());
        for rows in weight.chunks(self.columns.saturating_mul(self.rows)) {
            let count = rows.len() / self.columns;
            let mean = |column: usize| {
                let column = rows[column..].iter().step_by(self.columns);
                (column.map(|w| f64::from(w.abs())).sum::<f64>() / count as f64) as f32
            };
            let means: Vec<f32> = (0..self.columns).map(mean).collect();
            (0..count).for_each(|_| magnitudes.extend_from_slice(&means));
        }
        magnitudes
    }

    /// The first weight of the block that the weight `at` is in.
    fn first(self, at: usize) -> usize {
        at - at / self.columns % self.rows * self.columns
    }
}

/// Number of weights that a layer of `weights` loses at `sparsity`; where they go in blocks, at least.
pub(crate) fn dropped_weights(weights: usize, sparsity: f32) -> usize {
    ((weights as f64 * f64::from(sparsity)).round() as usize).min(weights)
}

/// Share of `keep` that is false.
pub(crate) fn sparsity_of(keep: &[bool]) -> f32 {
    let dropped = keep.iter().filter(|&&k| !k).count();
    (dropped as f64 / keep.len().max(1) as f64) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use hccr_tensor::Rng;

    fn single(columns: usize) -> Blocks {
        Blocks { columns, rows: 1 }
    }

    #[test]
    fn the_smallest_go_first_and_the_count_is_exact() {
        let weight = [0.5, -0.1, 0.3, -0.5, 0.2];
        assert_eq!(single(5).keep_largest(&weight, 0.4), [true, false, true, true, false]);
        assert_eq!(single(5).keep_largest(&weight, 0.0), [true; 5]);
        assert_eq!(single(5).keep_largest(&weight, 1.0), [false; 5]);
        // Equal magnitudes: exactly as many as asked for, the earlier ones first.
        assert_eq!(single(2).keep_largest(&[1.0, -1.0, 1.0, -1.0], 0.5), [false, false, true, true]);
    }

    #[test]
    fn zeros_are_never_kept() {
        assert_eq!(single(3).keep_largest(&[0.0, -0.0, 2.0], 0.0), [false, false, true]);
        assert_eq!(single(3).keep_largest(&[], 0.5), [false; 0]);
    }

    /// Blocks of one row drop what sorting the weights by magnitude and place drops.
    #[test]
    fn single_weights_are_pruned_on_their_own() {
        let mut rng = Rng::new(5, 0);
        // Few different values, so that many are equal, and some are tiny.
        let weight: Vec<f32> = (0..60).map(|_| (3.0 * rng.normal()).round() * 1e-40).collect();
        let mut order: Vec<usize> = (0..60).collect();
        order.sort_by(|&a, &b| weight[a].abs().total_cmp(&weight[b].abs()).then(a.cmp(&b)));
        for dropped in 0..=60 {
            let mut want: Vec<bool> = weight.iter().map(|&w| w != 0.0).collect();
            order[..dropped].iter().for_each(|&at| want[at] = false);
            assert_eq!(single(12).keep_largest(&weight, dropped as f32 / 60.0), want, "{dropped}");
        }
    }

    #[test]
    fn blocks_go_as_a_whole_by_their_mean_magnitude() {
        // Two full blocks and one of one row in each of two columns; their means: 0.5, 0.3, 0.2, 0.4, 0.1, 0.25.
        #[rustfmt::skip]
        let weight = [
             0.9, 0.3,
            -0.1, 0.3,
             0.2, 0.8,
             0.2, 0.0,
             0.1, -0.25,
        ];
        let blocks = Blocks { columns: 2, rows: 2 };
        let kept = |sparsity| rows(blocks.keep_largest(&weight, sparsity));
        assert_eq!(kept(0.0), ["11", "11", "11", "11", "11"]);
        // The smallest block alone is one weight; two weights need another one, of two rows.
        assert_eq!(kept(0.1), ["11", "11", "11", "11", "01"]);
        assert_eq!(kept(0.2), ["11", "11", "01", "01", "01"]);
        assert_eq!(kept(0.3), ["11", "11", "01", "01", "01"]);
        assert_eq!(kept(0.4), ["11", "11", "01", "01", "00"]);
        assert_eq!(kept(1.0), ["00"; 5]);
        // A threshold sees blocks too: single weights of 0.1 and 0.0 stay where their block is large.
        assert_eq!(rows(blocks.keep_above(&weight, 0.27)), ["11", "11", "01", "01", "00"]);
    }

    /// At any share the mask is made of whole blocks, and no more of them than the share needs.
    #[test]
    fn masks_of_blocks_reach_the_share() {
        let mut rng = Rng::new(6, 0);
        let (columns, height) = (7, 19);
        let weight: Vec<f32> = (0..columns * height).map(|_| rng.normal()).collect();
        for rows in [2, 4, 8, 19, 64] {
            let blocks = Blocks { columns, rows };
            for sparsity in [0.05, 0.3, 0.5, 0.77, 0.95] {
                let keep = blocks.keep_largest(&weight, sparsity);
                assert!((0..keep.len()).all(|at| keep[at] == keep[blocks.first(at)]), "blocks of {rows}");
                let dropped = keep.iter().filter(|k| !**k).count();
                let wanted = dropped_weights(weight.len(), sparsity);
                assert!((wanted..wanted + rows.min(height)).contains(&dropped), "{dropped} for {wanted}, {rows} rows");
            }
        }
    }

    /// The rows of a mask of two columns, as text.
    fn rows(keep: Vec<bool>) -> Vec<String> {
        keep.chunks(2).map(|row| row.iter().map(|&k| if k { '1' } else { '0' }).collect()).collect()
    }
}
