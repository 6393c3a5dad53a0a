//! Products of bytes, for convolution and pooling in one pass.

use super::epilogue::{ByteEpilogue, add_products, pack_quads};
use super::layer::QuadLayer;
use crate::isa::{Isa, Tuning};
use crate::kernels::conv_pool::{MR, Products};
use crate::kernels::layer::Layer;
use crate::kernels::pool;
use crate::tensor::shape::Conv2dParams;
use alloc::vec::Vec;

/// Products of bytes, whose `MR` channels are one quad.
pub(crate) struct Quads {
    /// `[out_channels / MR][quads of the input][MR]`.
    weights: Vec<[i32; MR]>,
    epilogue: ByteEpilogue,
}

impl Products for Quads {
    const NAME: &'static str = "u8_conv_pool";
    type Order = pool::Quads;
    const PLANES: usize = 1;

    fn multiplies(layer: &Layer<'_>) -> bool {
        [layer.reads, layer.writes].iter().all(|elements| elements.quantization().is_some())
    }

    /// Vectors by rows may hold fewer pixels than those over flat ones.
    fn pays(layer: &Layer<'_>) -> bool {
        let Some((_, conv)) = layer.pool else { return false };
        let lanes = layer.token.lanes();
        let [by_row, flat] = [conv.height * conv.width.div_ceil(lanes), conv.pixels().div_ceil(lanes)];
        by_row as f64 <= layer.tuning().pooled_vectors * flat as f64
    }

    fn pack(layer: &Layer<'_>, _: &Conv2dParams) -> (Self, Vec<u32>) {
        let QuadLayer { integers, epilogue, offsets } = QuadLayer::of(layer);
        let rows: Vec<usize> = (0..integers.rows().next_multiple_of(MR)).collect();
        let weights = integers.blocks().flatten().collect();
        (Self { weights, epilogue: epilogue.reordered(&rows) }, offsets)
    }

    #[inline(always)]
    fn most_vectors(tuning: &Tuning) -> usize {
        tuning.block_vectors
    }

    #[inline(always)]
    unsafe fn elements<I: Isa, const NV: usize>(
        &self,
        isa: I,
        channel: usize,
        offsets: &[u32],
        src: *const f32,
    ) -> [[I::F32; NV]; MR] {
        let weights = &self.weights[channel / MR * offsets.len()..][..offsets.len()];
        let mut sums = self.epilogue.starts_of_quad::<I, NV>(isa, channel);
        for (&offset, weights) in offsets.iter().zip(weights) {
            // SAFETY: the caller vouches for the vectors.
            sums = unsafe { add_products(isa, sums, src.add(offset as usize), weights) };
        }
        let mut numbers = self.epilogue.finish_quad::<I, NV>(isa, channel, sums);
        numbers[0] = pack_quads(isa, numbers);
        numbers
    }

    fn bytes(&self) -> usize {
        size_of_val(&*self.weights)
    }
}
