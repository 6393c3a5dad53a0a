//! Operations on one element at a time, and copies between layouts, in plain Rust.

use crate::isa::round;
use crate::plan::Layout;
use alloc::vec::Vec;

/// What happens to each element; parameters stand one a channel where not said otherwise.
pub(crate) enum Pointwise {
    Copy,
    /// Subtracts a mean of the whole value's shape.
    SubtractMean(Vec<f32>),
    BatchNorm {
        mean: Vec<f32>,
        scale: Vec<f32>,
        shift: Vec<f32>,
    },
    PRelu(Vec<f32>),
    FakeQuantize {
        scale: f32,
        zero_point: u8,
    },
}

impl Pointwise {
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Copy | Self::FakeQuantize { .. } => 0,
            Self::SubtractMean(mean) => size_of_val(&**mean),
            Self::BatchNorm { mean, .. } => 3 * size_of_val(&**mean),
            Self::PRelu(slope) => size_of_val(&**slope),
        }
    }

    pub(crate) fn run(&self, src: &[f32], from: &Layout, dst: &mut [f32], to: &Layout) {
        for channel in 0..from.channels {
            for y in 0..from.height {
                let x = &src[from.row(channel, y)];
                let out = &mut dst[to.row(channel, y)];
                match self {
                    Self::Copy => out.copy_from_slice(x),
                    Self::SubtractMean(mean) => {
                        let mean = &mean[(channel * from.height + y) * from.width..];
                        for ((out, x), mean) in out.iter_mut().zip(x).zip(mean) {
                            *out = x - mean;
                        }
                    }
                    Self::BatchNorm { mean, scale, shift } => {
                        let (mean, scale, shift) = (mean[channel], scale[channel], shift[channel]);
                        for (out, x) in out.iter_mut().zip(x) {
                            *out = (x - mean) * scale + shift;
                        }
                    }
                    Self::FakeQuantize { scale, zero_point } => {
                        for (out, &x) in out.iter_mut().zip(x) {
                            *out = (quantize(x, 1.0 / scale, *zero_point) - f32::from(*zero_point)) * scale;
                        }
                    }
                    Self::PRelu(slope) => {
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

/// The integer from 0 to 255 that stands for `x`: see [`Op::FakeQuantize`](crate::model::Op::FakeQuantize).
#[inline(always)]
pub(crate) fn quantize(x: f32, reciprocal: f32, zero_point: u8) -> f32 {
    round((x * reciprocal + f32::from(zero_point)).clamp(0.0, 255.0))
}
