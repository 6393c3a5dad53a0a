//! Random weights, for networks that are only structure.

use hccr_runtime::model::Pattern;
use hccr_runtime::{Weight, WeightData};
use hccr_tensor::Rng;

/// What pruning and weight sharing leave of a weight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Compressed {
    /// Percent of the weights that are not zero.
    pub(crate) density: f32,
    /// Consecutive rows that have their zeros in the same columns; 1: zeros stand anywhere.
    pub(crate) block: usize,
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
    let blocks = shape[0].div_ceil(block) * columns;
    let mut left = (blocks as f64 * f64::from(density) / 100.0).round() as usize;
    let mask: Vec<bool> = (0..blocks)
        .map(|i| {
            let keep = rng.below(blocks - i) < left;
            left -= usize::from(keep);
            keep
        })
        .collect();
    let pattern = Pattern::from_mask((0..elements).map(|i| mask[i / columns / block * columns + i % columns]), columns);
    // Centres at even distances from -3 to 3 deviations; labels drawn normally, as k-means finds them in trained layers.
    let at = |label: usize| (label as f32 / (count - 1) as f32 * 6.0 - 3.0) * deviation;
    let label = |z: f32| ((z + 3.0) / 6.0 * (count - 1) as f32).round().clamp(0.0, (count - 1) as f32) as u8;
    let data = WeightData::Codebook {
        centres: (0..count).map(at).collect(),
        labels: (0..pattern.nnz()).map(|_| label(rng.normal())).collect(),
        pattern,
    };
    Weight { name, shape: shape.to_vec(), data }
}
