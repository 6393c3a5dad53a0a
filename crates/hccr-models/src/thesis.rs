//! The thesis's networks as structures with random weights: in which form, and one weight of them.

use hccr_compress::Block;
use hccr_random::Rng;
use hccr_runtime::{Pattern, Weight, WeightData};

/// In which form a network of the thesis's size is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThesisForm {
    /// Dense, each layer whole.
    Baseline,
    /// Dense, with low-rank pairs or factors: after GSLRE or SVD.
    LowRank,
    /// After pruning and weight sharing.
    Compressed,
    /// As [`Compressed`](Self::Compressed), of the same densities, with the zeros in blocks.
    BlockCompressed {
        /// Which weights are zero together.
        block: Block,
    },
}

impl ThesisForm {
    /// Which weights are zero together, where there are zeros.
    pub(crate) fn block(self) -> Option<Block> {
        match self {
            Self::Baseline | Self::LowRank => None,
            Self::Compressed => Some(Block::SINGLE),
            Self::BlockCompressed { block } => Some(block),
        }
    }
}

/// What pruning and weight sharing leave of a weight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compressed {
    /// Percent of the weights that are not zero.
    pub(crate) density: f32,
    /// Which weights are zero together.
    pub(crate) block: Block,
    /// Non-zero centres of the codebook.
    pub(crate) centres: usize,
}

/// A normal weight of unit gain: dense, or compressed, with centres as a normal distribution has them.
pub(crate) fn weight(rng: &mut Rng, layer: &str, shape: &[usize], compressed: Option<Compressed>) -> Weight {
    let name = format!("{layer}.weight");
    let (elements, columns): (usize, usize) = (shape.iter().product(), shape[1..].iter().product());
    let deviation = (2.0 / columns as f32).sqrt();
    let Some(Compressed { density, block, centres: count }) = compressed else {
        return Weight::dense(name, shape, (0..elements).map(|_| deviation * rng.normal()).collect());
    };
    // Exactly the density's number of blocks, at random places.
    let oihw = [shape[0], shape[1], shape[2..].iter().product(), 1];
    let first: Vec<usize> = (0..elements).map(|at| block.first(oihw, at)).collect();
    let mut blocks = (0..elements).filter(|&at| first[at] == at).count();
    let mut left = (blocks as f64 * f64::from(density) / 100.0).round() as usize;
    let mut mask = vec![false; elements];
    for at in 0..elements {
        if first[at] == at {
            mask[at] = rng.below(blocks) < left;
            left -= usize::from(mask[at]);
            blocks -= 1;
        } else {
            mask[at] = mask[first[at]];
        }
    }
    let pattern = Pattern::from_mask(mask, columns);
    // Centres at even distances from -3 to 3 deviations; labels drawn normally, as k-means finds them in trained layers.
    let at = |label: usize| (label as f32 / (count - 1) as f32 * 6.0 - 3.0) * deviation;
    let label = |z: f32| ((z + 3.0) / 6.0 * (count - 1) as f32).round().clamp(0.0, (count - 1) as f32) as u8;
    let data = WeightData::Codebook {
        centres: (0..count).map(at).collect(),
        labels: (0..pattern.nnz()).map(|_| label(rng.normal())).collect(),
        pattern,
    };
    Weight::new(name, shape, data)
}
