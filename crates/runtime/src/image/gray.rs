//! An image in grey, and how its values are spread.

use alloc::borrow::Cow;

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
