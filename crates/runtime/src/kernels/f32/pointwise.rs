//! Operations on one element at a time, and copies between layouts, in plain Rust.

use crate::isa::{Token, round};
use crate::kernels::kernel::{Facts, Io, Kernel};
use crate::tensor::{Layout, Quantization};
use alloc::vec::Vec;

/// An operation on one element at a time, from one layout to another.
pub(crate) struct Pointwise {
    pub(crate) operation: Operation,
    pub(crate) src: Layout,
    pub(crate) dst: Layout,
}

/// What happens to each element; there is one parameter per channel where not said otherwise.
pub(crate) enum Operation {
    Copy,
    /// Subtracts a mean of the whole value's shape.
    SubtractMean(Vec<f32>),
    BatchNorm {
        mean: Vec<f32>,
        scale: Vec<f32>,
        shift: Vec<f32>,
    },
    PRelu(Vec<f32>),
    FakeQuantize(Quantization),
}

impl Kernel for Pointwise {
    fn facts(&self, _: Token) -> Facts {
        let (kind, weight_bytes) = match &self.operation {
            Operation::Copy => ("f32_copy", 0),
            Operation::SubtractMean(mean) => ("f32_subtract", size_of_val(&**mean)),
            Operation::BatchNorm { mean, .. } => ("f32_batchnorm", 3 * size_of_val(&**mean)),
            Operation::PRelu(slope) => ("f32_prelu", size_of_val(&**slope)),
            Operation::FakeQuantize(_) => ("f32_fake_quantize", 0),
        };
        Facts { weight_bytes, ..Facts::plain(kind) }
    }

    fn run(&self, _: Token, Io { src, dst, .. }: Io<'_>) {
        let (from, to) = (&self.src, &self.dst);
        for channel in 0..from.channels {
            for y in 0..from.height {
                let x = &src[from.row(channel, y)];
                let out = &mut dst[to.row(channel, y)];
                match &self.operation {
                    Operation::Copy => out.copy_from_slice(x),
                    Operation::SubtractMean(mean) => {
                        let mean = &mean[(channel * from.height + y) * from.width..];
                        for ((out, x), mean) in out.iter_mut().zip(x).zip(mean) {
                            *out = x - mean;
                        }
                    }
                    Operation::BatchNorm { mean, scale, shift } => {
                        let (mean, scale, shift) = (mean[channel], scale[channel], shift[channel]);
                        for (out, x) in out.iter_mut().zip(x) {
                            *out = (x - mean) * scale + shift;
                        }
                    }
                    &Operation::FakeQuantize(Quantization { scale, zero_point }) => {
                        for (out, &x) in out.iter_mut().zip(x) {
                            *out = (quantize(x, 1.0 / scale, zero_point) - f32::from(zero_point)) * scale;
                        }
                    }
                    Operation::PRelu(slope) => {
                        let slope = slope[channel];
                        for (out, &x) in out.iter_mut().zip(x) {
                            *out = if x > 0.0 { x } else { slope * x };
                        }
                    }
                }
            }
        }
    }
}

/// The integer from 0 to 255 that stands for `x`: see [`Op::FakeQuantize`](crate::Op::FakeQuantize).
#[inline(always)]
fn quantize(x: f32, reciprocal: f32, zero_point: u8) -> f32 {
    round((x * reciprocal + f32::from(zero_point)).clamp(0.0, 255.0))
}
