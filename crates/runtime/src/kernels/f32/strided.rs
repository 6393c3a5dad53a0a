//! Convolution of any stride, over the non-zero weights, in plain Rust: the networks of the thesis have none. It is also what
//! multiplies vectors too long for the indices of sparse rows.

use super::spmv::SparseLinear;
use crate::isa::Token;
use crate::kernels::kernel::{Facts, Io, Kernel};
use crate::kernels::layer::{Epilogue, Layer, LayerKernel, LayerKind};
use crate::tensor::Layout;
use crate::weights::Pattern;
use alloc::vec::Vec;

/// A multiply-add of one number, in those of vectors or in elements of a matrix; a guess on the safe side.
const COST: f64 = 16.0;

/// Weights and geometry.
pub(crate) struct StridedConv {
    pattern: Pattern,
    values: Vec<f32>,
    /// For each column of the weight matrix, the position of the input that output pixel (0, 0) reads.
    offsets: Vec<u32>,
    epilogue: Epilogue,
    /// Input elements between two output rows, and between two output pixels.
    strides: [usize; 2],
    dst: Layout,
}

impl LayerKernel for StridedConv {
    const NAME: &'static str = "f32_spmm_strided";

    fn fits(layer: &Layer<'_>) -> bool {
        layer.is_f32() && layer.pool.is_none()
    }

    fn cost(layer: &Layer<'_>) -> f64 {
        if layer.is_product() && SparseLinear::fits(layer) {
            return f64::MAX;
        }
        COST * (layer.matrix.nnz() * layer.dst.pixels()) as f64
    }

    fn pack(layer: &Layer<'_>) -> Self {
        let (offsets, strides) = match &layer.kind {
            LayerKind::Conv(params) => {
                let strides = [params.stride[0] * layer.src.row_stride, params.stride[1]];
                (layer.offsets(params, params.in_channels), strides)
            }
            LayerKind::Linear => ((0..layer.matrix.columns() as u32).collect(), [1, 1]),
        };
        let weights = layer.matrix.nonzeros();
        let values = weights.to_values();
        let pattern = weights.pattern.into_owned();
        Self { pattern, values, offsets, epilogue: layer.epilogue(), strides, dst: layer.dst.clone() }
    }
}

impl Kernel for StridedConv {
    fn facts(&self, _: Token) -> Facts {
        Facts {
            kind: Self::NAME.into(),
            tile: None,
            by_isa: false,
            weight_bytes: size_of_val(&*self.values)
                + size_of_val(&*self.pattern.indices)
                + size_of_val(&*self.pattern.indptr),
            scratch_len: 0,
            takes_groups: false,
        }
    }

    fn run(&self, _: Token, Io { src, dst, .. }: Io<'_>) {
        for channel in 0..self.dst.channels {
            let entries = self.pattern.row(channel);
            for y in 0..self.dst.height {
                let row = &mut dst[self.dst.row(channel, y)];
                row.fill(self.epilogue.bias[channel]);
                for (&column, &weight) in
                    self.pattern.indices[entries.clone()].iter().zip(&self.values[entries.clone()])
                {
                    let from = &src[self.offsets[column as usize] as usize + y * self.strides[0]..];
                    for (out, x) in row.iter_mut().zip(from.iter().step_by(self.strides[1])) {
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
