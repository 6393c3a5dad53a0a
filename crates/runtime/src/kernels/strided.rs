//! Convolution of any stride, over the non-zero weights, in plain Rust: the networks of the thesis have none.

use super::Epilogue;
use crate::model::Pattern;
use crate::plan::{Layout, Nonzeros};
use alloc::vec::Vec;

/// Weights and geometry.
pub(crate) struct StridedConv {
    pattern: Pattern,
    values: Vec<f32>,
    offsets: Vec<u32>,
    epilogue: Epilogue,
    steps: [usize; 2],
    dst: Layout,
}

impl StridedConv {
    /// Keeps the non-zero `weights`.
    ///
    /// `offsets` holds, for each column of the weight matrix, the position of the input that output pixel (0, 0) reads;
    /// `steps` are the input elements between two output rows and between two output pixels.
    pub(crate) fn new(
        weights: Nonzeros<'_>,
        offsets: Vec<u32>,
        epilogue: Epilogue,
        steps: [usize; 2],
        dst: Layout,
    ) -> Self {
        let values = weights.to_values();
        Self { pattern: weights.pattern.into_owned(), values, offsets, epilogue, steps, dst }
    }

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
