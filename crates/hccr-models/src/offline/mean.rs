//! The mean image of a training set.

use crate::{SampleError, SampleSet};

/// Levels that a mean image is rounded to, so that it travels in a few kilobytes.
const LEVELS: f32 = 32.0;

/// Of larger sets, as many images spread over them.
const IMAGES: usize = 1 << 16;

/// The mean of all images, `[size, size]`, or of 65,536 that are spread over a larger set, rounded to 32 levels from 0 to its
/// brightest pixel.
///
/// Training subtracts the rounded image too, so that the rounding costs nothing.
///
/// # Errors
/// [`SampleError`] where an image cannot be read.
pub fn mean_image(set: &dyn SampleSet) -> Result<Vec<f32>, SampleError> {
    let (len, mut image, mut sums) = (set.labels().len(), Vec::new(), Vec::new());
    let count = len.min(IMAGES);
    for i in 0..count {
        set.fill_input(i * len / count, &mut image)?;
        sums.resize(image.len(), 0u64);
        for (sum, &v) in sums.iter_mut().zip(&image) {
            *sum += v as u64; // grey values are whole numbers
        }
    }
    let mean = |&s: &u64| s as f32 / count.max(1) as f32;
    let step = sums.iter().map(mean).fold(0.0, f32::max).max(1.0) / (LEVELS - 1.0);
    Ok(sums.iter().map(|s| (mean(s) / step).round() * step).collect())
}
