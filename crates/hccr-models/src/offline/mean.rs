//! The mean image of a training set.

use hccr_data::ImageSet;

/// Levels that a mean image is rounded to, so that it travels in a few kilobytes.
const LEVELS: f32 = 32.0;

/// The mean of all images, `[size, size]`, rounded to 32 levels from 0 to its brightest pixel.
///
/// Training subtracts the rounded image too, so that the rounding costs nothing.
pub fn mean_image(set: &ImageSet) -> Vec<f32> {
    let pixels = set.size * set.size;
    let mut sums = vec![0u64; pixels];
    for image in set.pixels.chunks_exact(pixels) {
        for (sum, &v) in sums.iter_mut().zip(image) {
            *sum += u64::from(v);
        }
    }
    let mean = |&s: &u64| s as f32 / set.len().max(1) as f32;
    let step = sums.iter().map(mean).fold(0.0, f32::max).max(1.0) / (LEVELS - 1.0);
    sums.iter().map(|s| (mean(s) / step).round() * step).collect()
}
