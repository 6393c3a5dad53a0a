//! The mean over the time steps of a sequence: a sum that grows chunk by chunk, and its quotient.

use crate::isa::Token;
use crate::kernels::kernel::{Extent, Facts, Io, Kernel};
use crate::tensor::Layout;

/// Adds the steps of a chunk to their sum, one after the other.
pub(crate) struct AddUp {
    pub(crate) src: Layout,
}

impl Kernel for AddUp {
    fn facts(&self, _: Token) -> Facts {
        Facts::plain("f32_sum")
    }

    fn run(&self, _: Token, Io { src, dst, extent, .. }: Io<'_>) {
        let steps = extent.of(self.src.width);
        for (j, sum) in dst[..self.src.channels].iter_mut().enumerate() {
            for &x in &src[self.src.row(j, 0)][..steps] {
                *sum += x;
            }
        }
    }
}

/// Makes a mean of the sum over all steps.
pub(crate) struct Mean {
    pub(crate) features: usize,
}

impl Kernel for Mean {
    fn facts(&self, _: Token) -> Facts {
        Facts::plain("f32_mean")
    }

    fn run(&self, _: Token, Io { src, dst, extent, .. }: Io<'_>) {
        let Extent::Steps(steps) = extent else { unreachable!("a mean over what is no sequence") };
        for (mean, sum) in dst[..self.features].iter_mut().zip(src) {
            *mean = sum / steps as f32;
        }
    }
}
