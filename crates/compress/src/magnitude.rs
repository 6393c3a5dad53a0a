//! Magnitude pruning: which weights of a layer to keep.

use crate::error::InputError;
use crate::layer::{LayerInfo, LayerKind};
use serde::{Deserialize, Serialize};

/// The shape of a block of weights that are dropped together, or kept together: all weights that join so many consecutive
/// output channels to so many consecutive input channels at one tap of the kernel.
///
/// Blocks start at multiples of the shape. What the last channels do not fill is a smaller block. Of a fully connected layer
/// the channels are its features: blocks are tiles of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Consecutive output channels: rows of the weight matrix.
    pub rows: usize,
    /// Consecutive input channels; in a row of an Oihw weight they stand as far from one another as the kernel has taps.
    pub channels: usize,
}

impl Block {
    /// Each weight on its own.
    pub const SINGLE: Self = Self { rows: 1, channels: 1 };

    /// Place of the first weight of the block that the weight at `at` is in, in an Oihw weight of `shape`. A size of 0 counts
    /// as 1.
    pub fn first(self, [_, in_channels, height, width]: [usize; 4], at: usize) -> usize {
        let taps = (height * width).max(1);
        let columns = in_channels.max(1) * taps;
        at - at / columns % self.rows.max(1) * columns - at % columns / taps % self.channels.max(1) * taps
    }
}

impl Default for Block {
    fn default() -> Self {
        Self::SINGLE
    }
}

impl From<[usize; 2]> for Block {
    /// Output channels, input channels.
    fn from([rows, channels]: [usize; 2]) -> Self {
        Self { rows, channels }
    }
}

/// Which weights are dropped together, in each kind of layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockShapes {
    /// In convolutions.
    pub convolution: Block,
    /// In fully connected layers and recurrent matrices.
    pub matrix: Block,
}

impl BlockShapes {
    /// Each weight on its own.
    pub const SINGLE: Self = Self { convolution: Block::SINGLE, matrix: Block::SINGLE };

    /// Refuses blocks without weights.
    pub(crate) fn check(self) -> Result<(), InputError> {
        if [self.convolution, self.matrix].iter().any(|block| block.rows == 0 || block.channels == 0) {
            return Err(InputError::config("block", "has no rows or no channels, must have one of each at least"));
        }
        Ok(())
    }
}

impl From<Block> for BlockShapes {
    /// The same in all layers.
    fn from(block: Block) -> Self {
        Self { convolution: block, matrix: block }
    }
}

/// The blocks of a layer's weight.
///
/// A block's magnitude is the mean of its weights' magnitudes: the sum that Mao et al. (arXiv:1705.08922) take, made
/// comparable between blocks of different sizes. That of a single weight is its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Blocks {
    /// Of the weight, Oihw.
    shape: [usize; 4],
    block: Block,
}

impl Blocks {
    /// The blocks of `layer` where they have these shapes.
    pub(crate) fn new(layer: &LayerInfo, shapes: BlockShapes) -> Self {
        let block = match layer.kind {
            LayerKind::Conv2d(_) => shapes.convolution,
            LayerKind::Linear(_) => shapes.matrix,
        };
        Self { shape: layer.kind.weight_shape(), block }
    }

    /// Keeps all but the smallest blocks of `weight`, as few as make up the share `sparsity` (0 to 1) of it; of equals, the
    /// later ones.
    ///
    /// A block of zeros is never kept, so that what was dropped once stays dropped.
    pub(crate) fn keep_largest(self, weight: &[f32], sparsity: f32) -> Vec<bool> {
        let dropped = dropped_weights(weight.len(), sparsity);
        let keys = self.keys(weight);
        let last_dropped = (dropped > 0).then(|| *keys.clone().select_nth_unstable(dropped - 1).1);
        keys.into_iter().map(|key| magnitude(key) != 0.0 && Some(key) > last_dropped).collect()
    }

    /// Keeps the blocks of `weight` whose magnitude is above `threshold`.
    pub(crate) fn keep_above(self, weight: &[f32], threshold: f32) -> Vec<bool> {
        self.magnitudes(weight).into_iter().map(|magnitude| magnitude > threshold).collect()
    }

    /// The magnitude of each weight's block.
    pub(crate) fn magnitudes(self, weight: &[f32]) -> Vec<f32> {
        self.keys(weight).into_iter().map(magnitude).collect()
    }

    /// For each weight the magnitude and the first place of its block, in one integer that sorts by both: the bits of a
    /// non-negative float sort as its value does.
    fn keys(self, weight: &[f32]) -> Vec<u64> {
        let first: Vec<usize> = (0..weight.len()).map(|at| self.block.first(self.shape, at)).collect();
        let mut sums = vec![(0.0, 0.0); weight.len()];
        for (&first, w) in first.iter().zip(weight) {
            let (sum, count) = &mut sums[first];
            *sum += f64::from(w.abs());
            *count += 1.0;
        }
        let key = |first: usize| {
            let (sum, count) = sums[first];
            (u64::from(((sum / count) as f32).to_bits()) << 32) | first as u64
        };
        first.into_iter().map(key).collect()
    }
}

/// The magnitude in a key.
fn magnitude(key: u64) -> f32 {
    f32::from_bits((key >> 32) as u32)
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
    use hccr_random::Rng;
    use hccr_runtime::shape::{Conv2dParams, LinearParams};

    fn blocks(shape: [usize; 4], block: [usize; 2]) -> Blocks {
        Blocks { shape, block: block.into() }
    }

    fn single(columns: usize) -> Blocks {
        blocks([1, columns, 1, 1], [1, 1])
    }

    #[test]
    fn each_kind_of_layer_has_blocks_of_its_own() {
        let [convolution, matrix] = [[4, 4], [2, 1]].map(Block::from);
        let blocks = |kind| {
            let layer = LayerInfo { name: "a".into(), kind, output_size: [1, 1] };
            Blocks::new(&layer, BlockShapes { convolution, matrix })
        };
        let conv = blocks(LayerKind::Conv2d(Conv2dParams::same(8, 12, [3, 1])));
        assert_eq!(conv, Blocks { shape: [12, 8, 3, 1], block: convolution });
        let linear = blocks(LayerKind::Linear(LinearParams { in_features: 5, out_features: 7 }));
        assert_eq!(linear, Blocks { shape: [7, 5, 1, 1], block: matrix });
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
        let blocks = blocks([5, 2, 1, 1], [2, 1]);
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

    #[test]
    fn channels_of_a_block_share_a_tap() {
        // One row of three channels and a kernel of 1 x 2: channels 0 and 1 make a block at each tap, channel 2 is alone.
        let weight = [0.1, 0.9, 0.3, -0.1, 0.3, -0.6];
        let blocks = blocks([1, 3, 1, 2], [1, 2]);
        let kept = |sparsity| rows(blocks.keep_largest(&weight, sparsity));
        // The means: 0.2 and 0.5 of the pairs, 0.3 and 0.6 of the single ones.
        assert_eq!(kept(0.3), ["01", "01", "11"]);
        assert_eq!(kept(0.5), ["01", "01", "01"]);
        assert_eq!(kept(0.6), ["00", "00", "01"]);
    }

    #[test]
    fn blocks_start_at_multiples_of_their_shape() {
        // Three rows of five channels, 2 x 1 taps; blocks of 2 x 3, with smaller ones at both ends.
        #[rustfmt::skip]
        let first = [
             0,  1,  0,  1,  0,  1,  6,  7,  6,  7,
             0,  1,  0,  1,  0,  1,  6,  7,  6,  7,
            20, 21, 20, 21, 20, 21, 26, 27, 26, 27,
        ];
        let block = Block { rows: 2, channels: 3 };
        assert_eq!((0..30).map(|at| block.first([3, 5, 2, 1], at)).collect::<Vec<_>>(), first);
        assert!((0..30).all(|at| Block::default().first([3, 5, 2, 1], at) == at));
        let (none, all) = (Block { rows: 0, channels: 0 }, Block { rows: usize::MAX, channels: usize::MAX });
        assert!((0..30).all(|at| none.first([3, 5, 2, 1], at) == at && all.first([3, 5, 2, 1], at) == at % 2));
    }

    /// At any share the mask is made of whole blocks, and no more of them than the share needs.
    #[test]
    fn masks_of_blocks_reach_the_share() {
        let mut rng = Rng::new(6, 0);
        let shape = [19, 7, 3, 1];
        let weight: Vec<f32> = (0..shape.iter().product()).map(|_| rng.normal()).collect();
        for block in [[2, 1], [4, 1], [4, 4], [1, 7], [19, 2], [64, 64]] {
            let blocks = blocks(shape, block);
            for sparsity in [0.05, 0.3, 0.5, 0.77, 0.95] {
                let keep = blocks.keep_largest(&weight, sparsity);
                let whole = (0..keep.len()).all(|at| keep[at] == keep[blocks.block.first(shape, at)]);
                assert!(whole, "blocks of {block:?}");
                let dropped = keep.iter().filter(|k| !**k).count();
                let wanted = dropped_weights(weight.len(), sparsity);
                let largest = block[0].min(shape[0]) * block[1].min(shape[1]);
                assert!((wanted..wanted + largest).contains(&dropped), "{dropped} for {wanted}, blocks of {block:?}");
            }
        }
    }

    /// The rows of a mask of two columns, as text.
    fn rows(keep: Vec<bool>) -> Vec<String> {
        keep.chunks(2).map(|row| row.iter().map(|&k| if k { '1' } else { '0' }).collect()).collect()
    }
}
