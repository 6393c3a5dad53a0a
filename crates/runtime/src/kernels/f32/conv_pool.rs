//! Products of numbers, for convolution and pooling in one pass.

use super::conv::pack_panels;
use super::tile;
use crate::isa::{Isa, Tuning};
use crate::kernels::conv_pool::{MR, Products};
use crate::kernels::layer::{Epilogue, Layer};
use crate::kernels::pool;
use crate::tensor::Aligned;
use crate::tensor::shape::Conv2dParams;
use alloc::vec::Vec;

/// Products of numbers.
pub(crate) struct Numbers {
    /// Panels of `MR` output channels: `[out_channels / MR][columns][MR]`.
    weights: Aligned<f32>,
    epilogue: Epilogue,
}

impl Products for Numbers {
    const NAME: &'static str = "f32_conv_pool";
    type Order = pool::Numbers;
    const PLANES: usize = MR;

    fn multiplies(layer: &Layer<'_>) -> bool {
        layer.is_f32()
    }

    fn pays(layer: &Layer<'_>) -> bool {
        !layer.is_sparse(1)
    }

    fn pack(layer: &Layer<'_>, params: &Conv2dParams) -> (Self, Vec<u32>) {
        let (columns, padded) = (layer.matrix.columns(), layer.matrix.rows().next_multiple_of(MR));
        let weights = pack_panels(&layer.matrix.to_dense(), columns, MR);
        (Self { weights, epilogue: layer.epilogue().padded(padded) }, layer.offsets(params, params.in_channels))
    }

    /// 12 sums in AVX2's 16 registers. (24 are a tenth slower in AVX-512's 32.)
    #[inline(always)]
    fn most_vectors(_: &Tuning) -> usize {
        3
    }

    #[inline(always)]
    unsafe fn elements<I: Isa, const NV: usize>(
        &self,
        isa: I,
        channel: usize,
        offsets: &[u32],
        src: *const f32,
    ) -> [[I::F32; NV]; MR] {
        let panel = &self.weights[channel * offsets.len()..][..MR * offsets.len()];
        let mut sums = tile::biases::<I, NV, MR>(isa, &self.epilogue, channel);
        // All registers are in use: `tile::add_products`, which takes the sums and gives them back, makes AVX2 spill some.
        for (&offset, weights) in offsets.iter().zip(panel.chunks_exact(MR)) {
            let mut x = [isa.splat(0.0); NV];
            for v in 0..NV {
                // SAFETY: the caller vouches for the vectors.
                x[v] = unsafe { isa.load(src.add(offset as usize + v * I::LANES)) };
            }
            for m in 0..MR {
                let weight = isa.splat(weights[m]);
                for v in 0..NV {
                    sums[m][v] = isa.mul_add(weight, x[v], sums[m][v]);
                }
            }
        }
        tile::outputs(isa, &self.epilogue, channel, sums)
    }

    fn bytes(&self) -> usize {
        size_of_val(&*self.weights)
    }
}
