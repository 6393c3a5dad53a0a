//! An image in grey, and how its values are spread.

use alloc::borrow::Cow;
use alloc::vec;
use alloc::vec::Vec;

/// An image in grey, row-major, 255 white.
pub(super) struct Gray<'a> {
    pub(super) pixels: Cow<'a, [u8]>,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// How often each value occurs.
pub(super) fn histogram(values: impl Iterator<Item = u8>) -> [usize; 256] {
    let mut counts = [0; 256];
    values.for_each(|v| counts[usize::from(v)] += 1);
    counts
}

/// The smallest value that `share` of the values do not exceed.
pub(super) fn quantile(counts: &[usize; 256], share: f32) -> u8 {
    let wanted = (counts.iter().sum::<usize>() as f32 * share) as usize;
    let mut seen = 0;
    for (value, &count) in counts.iter().enumerate() {
        seen += count;
        if seen > wanted {
            return value as u8;
        }
    }
    255
}

/// The image with its longest side shrunk to at most `longest` by a whole number, and its new width: each pixel is the mean of those that
/// it replaces.
pub(super) fn shrink(pixels: &[u8], width: usize, longest: usize) -> (Cow<'_, [u8]>, usize) {
    let factor = width.max(pixels.len() / width).div_ceil(longest);
    if factor == 1 {
        return (Cow::Borrowed(pixels), width);
    }
    let mut small = Vec::new();
    let mut sums = vec![(0usize, 0usize); width.div_ceil(factor)];
    for rows in pixels.chunks(width * factor) {
        sums.fill((0, 0));
        for row in rows.chunks_exact(width) {
            for (sum, pixels) in sums.iter_mut().zip(row.chunks(factor)) {
                *sum = (sum.0 + pixels.iter().map(|&v| usize::from(v)).sum::<usize>(), sum.1 + pixels.len());
            }
        }
        small.extend(sums.iter().map(|&(sum, count)| ((sum + count / 2) / count) as u8));
    }
    (Cow::Owned(small), sums.len())
}
