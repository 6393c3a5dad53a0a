//! Convolution of any stride, over the non-zero weights, in plain Rust: the networks of the thesis have none.

use super::Epilogue;
use crate::model::Pattern;
use crate::plan::Layout;
use alloc::vec::Vec;

/// Weights and geometry.
pub(crate) struct StridedConv {
    pub(crate) pattern: Pattern,
    pub(crate) values: Vec<f32>,
    /// For each column of the weight matrix, the position of the input that output pixel (0, 0) reads.
    pub(crate) offsets: Vec<u32>,
    pub(crate) epilogue: Epilogue,
    /// Input elements between two output rows and between two output pixels.
    pub(crate) steps: [usize; 2],
    pub(crate) dst: Layout,
}

impl StridedConv {
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.values) + size_of_val(&*self.pattern.indices) + size_of_val(&*self.pattern.indptr)
    }

    pub(crate) fn run(&self, src: &[f32], dst: &mut [f32]) {
        for channel in 0..self.dst.channels {
            let entries = self.pattern.row(channel);
            for y in 0..self.dst.height {
                let row = &mut dst[self.dst.row(channel, y)];
                row.fill(self.epilogue.bias[channel]);
                for (&column, &weight) in
                    self.pattern.indices[entries.clone()].iter().zip(&self.values[entries.clone()])
                {
                    let from = &src[self.offsets[column as usize] as usize + y * self.steps[0]..];
                    for (out, x) in row.iter_mut().zip(from.iter().step_by(self.steps[1])) {
                        *out += weight * x;
                    }
                }
                for out in row {
                    *out = out.max(0.0) + self.epilogue.slope[channel] * out.min(0.0);
                }
            }
        }
    }
}
