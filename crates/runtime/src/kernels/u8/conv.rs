//! Convolution of stride 1 over quads: a matrix of blocks of four outputs by a quad times flat pixels. Blocks of zeros are not
//! there.

use super::epilogue::{ByteEpilogue, add_products, pack_quads};
use super::layer::QuadLayer;
use crate::isa::{Isa, Token};
use crate::kernels::layer::{Layer, LayerKernel};
use crate::kernels::tiles::{FlatConv, FlatPlanes, store_rows};
use alloc::vec::Vec;

/// Output channels of a block: those of a quad.
const MR: usize = 4;

#[derive(Clone, Copy)]
struct Block {
    offset: u32,
    weights: [i32; MR],
}

/// Packed weights and geometry.
pub(crate) struct ByteConv {
    /// Of `MR` output channels after the other.
    blocks: Vec<Block>,
    /// End of each `MR` channels in `blocks`.
    ends: Vec<u32>,
    epilogue: ByteEpilogue,
    planes: FlatPlanes,
}

impl LayerKernel for ByteConv {
    const NAME: &'static str = "u8_conv";

    fn fits(layer: &Layer<'_>) -> bool {
        let flat = layer.pool.is_none() && layer.conv().is_some_and(|params| params.stride == [1, 1]);
        flat && layer.reads.quantization().is_some()
    }

    fn cost(layer: &Layer<'_>) -> f64 {
        layer.conv_cost(layer.matrix.padded(MR) as f64, layer.matrix.elements())
    }

    fn pack(layer: &Layer<'_>) -> Self {
        let QuadLayer { integers, epilogue, offsets } = QuadLayer::of(layer);
        let (mut blocks, mut ends) = (Vec::new(), Vec::new());
        for rows in integers.blocks() {
            let all = offsets.iter().zip(rows).map(|(&offset, weights)| Block { offset, weights });
            blocks.extend(all.filter(|block| block.weights != [0; MR]));
            ends.push(blocks.len() as u32);
        }
        let rows: Vec<usize> = (0..integers.rows().next_multiple_of(MR)).collect();
        Self { blocks, ends, epilogue: epilogue.reordered(&rows), planes: layer.flat_planes(offsets) }
    }
}

impl FlatConv for ByteConv {
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
        // Planes of quads, or of single channels: of both, no more than there are.
        let planes = (0..self.planes.dst_planes).step_by(if self.epilogue.makes_bytes() { 1 } else { MR });
        for ((group, &end), plane) in self.ends.iter().enumerate().zip(planes) {
            let (channel, end) = (group * MR, end as usize);
            let mut sums = self.epilogue.starts_of_quad::<I, NV>(isa, channel);
            for block in &self.blocks[start..end] {
                // SAFETY: the caller vouches for `NV` vectors at each offset of the input.
                sums = unsafe { add_products(isa, sums, src.add(block.offset as usize), &block.weights) };
            }
            start = end;
            let outputs = self.epilogue.finish_quad::<I, NV>(isa, channel, sums);
            // SAFETY: the caller vouches for the vectors of every plane of the output.
            unsafe {
                let to = dst.add(plane * self.planes.dst_plane);
                if self.epilogue.makes_bytes() {
                    store_rows(isa, &[pack_quads(isa, outputs)], 1, to, 0);
                } else {
                    store_rows(isa, &outputs, self.planes.dst_planes - plane, to, self.planes.dst_plane);
                }
            }
        }
    }
}
