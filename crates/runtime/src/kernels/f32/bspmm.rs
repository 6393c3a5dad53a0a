//! Sparse convolution of stride 1 whose zeros come in blocks of consecutive output channels.
//!
//! Where `MR` channels read the same inputs, each vector of pixels that is loaded feeds `MR` multiply-adds, and the rate is
//! that of a dense product. Channels whose patterns differ are given zeros where another one has a weight.

use super::{conv, tile};
use crate::isa::{Isa, Token};
use crate::kernels::layer::{Epilogue, Layer, LayerKernel};
use crate::kernels::tiles::{FlatConv, FlatPlanes, store_rows};
use alloc::vec;
use alloc::vec::Vec;

/// Output channels of a block.
pub(crate) const MR: usize = 4;

#[derive(Clone, Copy)]
struct Block {
    offset: u32,
    values: [f32; MR],
}

/// Packed weights and geometry.
pub(crate) struct BlockSparseConv {
    /// Of `MR` output channels after the other.
    blocks: Vec<Block>,
    /// End of each `MR` channels in `blocks`.
    ends: Vec<u32>,
    epilogue: Epilogue,
    planes: FlatPlanes,
}

impl LayerKernel for BlockSparseConv {
    const NAME: &'static str = "f32_bspmm";

    fn fits(layer: &Layer<'_>) -> bool {
        layer.flat_conv().is_some()
    }

    fn cost(layer: &Layer<'_>) -> f64 {
        if !layer.is_sparse(conv::MR) {
            return f64::INFINITY; // without counting blocks
        }
        let blocks = layer.matrix.blocks(MR);
        layer.conv_cost(layer.tuning().block * (blocks * MR) as f64, blocks * MR + blocks)
    }

    fn pack(layer: &Layer<'_>) -> Self {
        let params = layer.flat_conv().expect("a layer that it fits");
        let planes = layer.flat_planes(layer.offsets(params, params.in_channels));
        let weights = layer.matrix.nonzeros();
        let (pattern, values) = (&weights.pattern, weights.to_values());
        let out_channels = pattern.rows();
        let (mut blocks, mut ends) = (Vec::new(), Vec::new());
        let mut columns = vec![[0.0; MR]; planes.offsets.len()];
        for first in (0..out_channels).step_by(MR) {
            columns.fill([0.0; MR]);
            for m in 0..MR.min(out_channels - first) {
                for i in pattern.row(first + m) {
                    columns[pattern.indices[i] as usize][m] = values[i];
                }
            }
            let kept = columns.iter().zip(&planes.offsets).filter(|(values, _)| **values != [0.0; MR]);
            blocks.extend(kept.map(|(&values, &offset)| Block { offset, values }));
            ends.push(blocks.len() as u32);
        }
        let epilogue = layer.epilogue().padded(out_channels.next_multiple_of(MR));
        Self { blocks, ends, epilogue, planes }
    }
}

impl FlatConv for BlockSparseConv {
    fn in_registers(token: Token) -> [usize; 2] {
        [MR, token.tuning().block_vectors * token.lanes()]
    }

    fn weight_bytes(&self) -> usize {
        size_of_val(&*self.blocks) + size_of_val(&*self.ends)
    }

    fn planes(&self) -> &FlatPlanes {
        &self.planes
    }

    #[inline(always)]
    fn most_vectors<I: Isa>() -> usize {
        I::TUNING.block_vectors
    }

    #[inline(always)]
    unsafe fn tile<I: Isa, const NV: usize>(&self, isa: I, src: *const f32, dst: *mut f32) {
        let mut start = 0;
        for (channel, &end) in (0..self.planes.dst_planes).step_by(MR).zip(&self.ends) {
            let end = end as usize;
            let mut sums = tile::biases::<I, NV, MR>(isa, &self.epilogue, channel);
            for block in &self.blocks[start..end] {
                // SAFETY: the caller vouches for `NV` vectors at each offset of the input.
                sums = unsafe { tile::add_products(isa, sums, src.add(block.offset as usize), &block.values) };
            }
            start = end;
            let outputs = tile::outputs(isa, &self.epilogue, channel, sums);
            // SAFETY: the caller vouches for the vectors of every channel of the output.
            unsafe {
                let to = dst.add(channel * self.planes.dst_plane);
                store_rows(isa, &outputs, self.planes.dst_planes - channel, to, self.planes.dst_plane);
            }
        }
    }
}
