//! Dense convolution of stride 1: an implicit GEMM over flat pixels, register-tiled.

use super::tile;
use crate::isa::{Isa, Token};
use crate::kernels::layer::{Epilogue, Layer, LayerKernel};
use crate::kernels::tiles::{FlatConv, FlatPlanes, store_rows};
use crate::tensor::Aligned;

/// Output channels of a register tile.
pub(crate) const MR: usize = 6;
/// Vectors of pixels of a register tile: with `MR`, 12 sums in AVX2's 16 registers. (4 x 3 spills.)
const NR_VECTORS: usize = 2;

/// Packed weights and geometry.
pub(crate) struct DenseConv {
    /// Panels of `MR` output channels: `[out_channels / MR][columns][MR]`.
    weights: Aligned<f32>,
    epilogue: Epilogue,
    planes: FlatPlanes,
}

impl LayerKernel for DenseConv {
    const NAME: &'static str = "f32_conv";

    fn fits(layer: &Layer<'_>) -> bool {
        layer.flat_conv().is_some()
    }

    fn cost(layer: &Layer<'_>) -> f64 {
        layer.conv_cost(layer.matrix.padded(MR) as f64, layer.matrix.elements())
    }

    fn pack(layer: &Layer<'_>) -> Self {
        let params = layer.flat_conv().expect("a layer that it fits");
        let (columns, out_channels) = (layer.matrix.columns(), layer.matrix.rows());
        Self {
            weights: pack_panels(&layer.matrix.to_dense(), columns, MR),
            epilogue: layer.epilogue().padded(out_channels.next_multiple_of(MR)),
            planes: layer.flat_planes(layer.offsets(params, params.in_channels)),
        }
    }
}

/// Panels of `mr` rows of a matrix, `[rows / mr][columns][mr]`; what the last one lacks is zero.
pub(crate) fn pack_panels(weights: &[f32], columns: usize, mr: usize) -> Aligned<f32> {
    let rows = weights.len() / columns;
    let mut packed = Aligned::zeros(rows.next_multiple_of(mr) * columns);
    for (row, values) in weights.chunks_exact(columns).enumerate() {
        let panel = &mut packed[row / mr * mr * columns..];
        for (column, &v) in values.iter().enumerate() {
            panel[column * mr + row % mr] = v;
        }
    }
    packed
}

impl FlatConv for DenseConv {
    fn in_registers(token: Token) -> [usize; 2] {
        [MR, NR_VECTORS * token.lanes()]
    }

    fn weight_bytes(&self) -> usize {
        size_of_val(&*self.weights)
    }

    fn planes(&self) -> &FlatPlanes {
        &self.planes
    }

    #[inline(always)]
    fn most_vectors<I: Isa>() -> usize {
        NR_VECTORS
    }

    #[inline(always)]
    unsafe fn tile<I: Isa, const NV: usize>(&self, isa: I, src: *const f32, dst: *mut f32) {
        let planes = &self.planes;
        let panels = self.weights.chunks_exact(MR * planes.offsets.len());
        for (channel, panel) in (0..planes.dst_planes).step_by(MR).zip(panels) {
            let mut sums = tile::biases::<I, NV, MR>(isa, &self.epilogue, channel);
            for (&offset, weights) in planes.offsets.iter().zip(panel.as_chunks().0) {
                // SAFETY: the caller vouches for `NV` vectors at each offset of the input.
                sums = unsafe { tile::add_products(isa, sums, src.add(offset as usize), weights) };
            }
            let outputs = tile::outputs(isa, &self.epilogue, channel, sums);
            // SAFETY: the caller vouches for the vectors of every channel of the output.
            unsafe {
                let to = dst.add(channel * planes.dst_plane);
                store_rows(isa, &outputs, planes.dst_planes - channel, to, planes.dst_plane);
            }
        }
    }
}
