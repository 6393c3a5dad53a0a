//! Random weights, for networks that are only structure.

use hccr_runtime::model::Pattern;
use hccr_runtime::{Weight, WeightData};
use hccr_tensor::Rng;

/// A normal weight of unit gain: dense, or of a density (percent) with centres as a normal distribution has them.
pub(crate) fn weight(rng: &mut Rng, layer: &str, shape: &[usize], codebook: Option<(f32, usize)>) -> Weight {
    let name = format!("{layer}.weight");
    let (elements, columns): (usize, usize) = (shape.iter().product(), shape[1..].iter().product());
    let deviation = (2.0 / columns as f32).sqrt();
    let Some((density, count)) = codebook else {
        return Weight::dense(name, shape, (0..elements).map(|_| deviation * rng.normal()).collect());
    };
    // Exactly the density's number of entries, at random places.
    let kept = (elements as f64 * f64::from(density) / 100.0).round() as usize;
    let mut left = kept;
    let mask: Vec<bool> = (0..elements)
        .map(|i| {
            let keep = rng.below(elements - i) < left;
            left -= usize::from(keep);
            keep
        })
        .collect();
    let pattern = Pattern::from_mask(mask, columns);
    // Centres at even distances from -3 to 3 deviations; labels drawn normally, as k-means finds them in trained layers.
    let at = |label: usize| (label as f32 / (count - 1) as f32 * 6.0 - 3.0) * deviation;
    let label = |z: f32| ((z + 3.0) / 6.0 * (count - 1) as f32).round().clamp(0.0, (count - 1) as f32) as u8;
    let data = WeightData::Codebook {
        pattern,
        centres: (0..count).map(at).collect(),
        labels: (0..kept).map(|_| label(rng.normal())).collect(),
    };
    Weight { name, shape: shape.to_vec(), data }
}
