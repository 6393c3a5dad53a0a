//! The mean over the steps of a sequence: a sum that grows chunk by chunk, and its quotient.

use crate::plan::Layout;

/// Adds the first `steps` columns of `src` to `sums`, one after the other.
pub(crate) fn add_up(src: &[f32], from: &Layout, sums: &mut [f32], steps: usize) {
    for (j, sum) in sums[..from.channels].iter_mut().enumerate() {
        for &x in &src[from.row(j, 0)][..steps] {
            *sum += x;
        }
    }
}

/// The mean of `steps` steps from their sum.
pub(crate) fn mean(sums: &[f32], steps: usize, dst: &mut [f32]) {
    for (mean, sum) in dst.iter_mut().zip(sums) {
        *mean = sum / steps as f32;
    }
}
