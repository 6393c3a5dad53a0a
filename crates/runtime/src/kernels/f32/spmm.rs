//! Sparse convolution of stride 1: a sparse matrix times flat pixels.
//!
//! The weights stand in the order of use, each with the offset of the input it reads, so that a pass over the output
//! channels of a tile of pixels is a pass over one array. A tile is some vectors of pixels held in registers: each
//! weight is broadcast once and multiplies one run of contiguous pixels. Nothing is gathered. The model is XNNPACK's
//! spmm; blocks of input channels keep a tile's input in the first-level cache.

use super::tile;
use crate::isa::{Isa, LEVEL_1_BYTES, Token};
use crate::kernels::layer::{Epilogue, Layer, LayerKernel};
use crate::kernels::tiles::{FlatConv, FlatPlanes, store_rows};
use crate::tensor::LINE;
use crate::tensor::shape::Conv2dParams;
use alloc::vec::Vec;

/// Most vectors of pixels in a tile: 8 sums in flight hide the latency of a fused multiply-add.
const NR_VECTORS: usize = 8;

#[derive(Clone, Copy)]
struct Entry {
    offset: u32,
    value: f32,
}

/// Packed weights and geometry.
pub(crate) struct SparseConv {
    /// The kept weights, by block of input channels, then by output channel.
    entries: Vec<Entry>,
    /// End of each block's output channels in `entries`.
    ends: Vec<u32>,
    epilogue: Epilogue,
    planes: FlatPlanes,
}

impl LayerKernel for SparseConv {
    const NAME: &'static str = "f32_spmm";

    fn fits(layer: &Layer<'_>) -> bool {
        layer.flat_conv().is_some()
    }

    fn cost(layer: &Layer<'_>) -> f64 {
        let nnz = layer.matrix.nnz();
        layer.conv_cost(layer.tuning().sparse * nnz as f64, 2 * nnz)
    }

    fn pack(layer: &Layer<'_>) -> Self {
        let params = layer.flat_conv().expect("a layer that it fits");
        let (planes, block) = (layer.flat_planes(layer.offsets(params, params.in_channels)), block(layer, params));
        let weights = layer.matrix.nonzeros();
        let (pattern, values) = (&weights.pattern, weights.to_values());
        let mut entries = Vec::with_capacity(values.len());
        let mut ends = Vec::new();
        for first in (0..planes.offsets.len()).step_by(block) {
            for row in 0..pattern.rows() {
                let range = pattern.row(row);
                let (columns, values) = (&pattern.indices[range.clone()], &values[range]);
                let start = columns.partition_point(|&c| (c as usize) < first);
                let end = columns.partition_point(|&c| (c as usize) < first + block);
                for (&column, &value) in columns[start..end].iter().zip(&values[start..end]) {
                    entries.push(Entry { offset: planes.offsets[column as usize], value });
                }
                ends.push(entries.len() as u32);
            }
        }
        Self { entries, ends, epilogue: layer.epilogue(), planes }
    }
}

/// Columns of the weight matrix in a block: those of so many input channels that a tile's input stays in the first-level cache.
fn block(layer: &Layer<'_>, params: &Conv2dParams) -> usize {
    let ([kh, kw], in_channels) = (params.kernel_size, params.in_channels);
    // Cache lines that a tile's window touches in one input channel.
    let row = NR_VECTORS * layer.token.lanes() + kw - 1;
    let apart = kh * (row.div_ceil(LINE) + 1);
    let merged = (row + (kh - 1) * layer.src.row_stride).div_ceil(LINE) + 1;
    let channels = (LEVEL_1_BYTES / size_of::<f32>() / LINE / apart.min(merged)).max(1);
    // Blocks of equal size.
    in_channels.div_ceil(in_channels.div_ceil(channels)) * kh * kw
}

impl FlatConv for SparseConv {
    fn in_registers(token: Token) -> [usize; 2] {
        [NR_VECTORS * token.lanes(), 1]
    }

    fn weight_bytes(&self) -> usize {
        size_of_val(&*self.entries) + size_of_val(&*self.ends)
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
        let channels = self.planes.dst_planes;
        let last = self.ends.len() - channels;
        let mut start = 0;
        for block in (0..self.ends.len()).step_by(channels) {
            for channel in 0..channels {
                // SAFETY: the caller vouches for the vectors of every channel of the output.
                let to = unsafe { dst.add(channel * self.planes.dst_plane) };
                let mut sums = tile::biases::<I, NV, 1>(isa, &self.epilogue, channel);
                if block > 0 {
                    for v in 0..NV {
                        // SAFETY: as above; the block before wrote these sums.
                        sums[0][v] = unsafe { isa.load(to.add(v * I::LANES)) };
                    }
                }
                let end = self.ends[block + channel] as usize;
                for entry in &self.entries[start..end] {
                    // SAFETY: the caller vouches for `NV` vectors at each offset of the input.
                    sums = unsafe { tile::add_products(isa, sums, src.add(entry.offset as usize), &[entry.value]) };
                }
                start = end;
                if block == last {
                    sums = tile::outputs(isa, &self.epilogue, channel, sums);
                }
                // SAFETY: the caller vouches for the vectors of every channel of the output.
                unsafe { store_rows(isa, &sums, 1, to, 0) };
            }
        }
    }
}
