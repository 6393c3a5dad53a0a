//! Dense convolution of stride 1: an implicit GEMM over flat pixels, register-tiled.

use crate::isa::{Isa, Token};
use crate::kernels::kernel::{Facts, Io, Kernel};
use crate::kernels::layer::{Epilogue, Layer, LayerKernel};
use crate::kernels::tiles::{FlatConv, FlatPass, FlatPlanes};
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
    out_channels: usize,
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
            out_channels,
        }
    }
}

impl Kernel for DenseConv {
    fn facts(&self, token: Token) -> Facts {
        Facts {
            kind: Self::NAME.into(),
            tile: Some([MR, NR_VECTORS * token.lanes()]),
            by_isa: true,
            weight_bytes: size_of_val(&*self.weights),
            scratch_len: 0,
            takes_groups: false,
        }
    }

    fn run(&self, token: Token, Io { src, dst, extent, .. }: Io<'_>) {
        token.enter(FlatPass { conv: self, src, dst, pixels: extent.of(self.planes.pixels) });
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
    fn planes(&self) -> &FlatPlanes {
        &self.planes
    }

    #[inline(always)]
    fn most_vectors<I: Isa>() -> usize {
        NR_VECTORS
    }

    #[inline(always)]
    unsafe fn tile<I: Isa, const NV: usize>(&self, isa: I, src: *const f32, dst: *mut f32) {
        for channel in (0..self.out_channels).step_by(MR) {
            // SAFETY: the caller vouches for the vectors of every channel.
            unsafe { self.channels::<I, NV>(isa, channel, src, dst) };
        }
    }
}

impl DenseConv {
    /// `MR` channels from `channel` on, of a tile of `NV` vectors of pixels.
    ///
    /// # Safety
    /// As for [`FlatConv::tile`].
    #[inline(always)]
    unsafe fn channels<I: Isa, const NV: usize>(&self, isa: I, channel: usize, src: *const f32, dst: *mut f32) {
        let planes = &self.planes;
        let panel = &self.weights[channel * planes.offsets.len()..][..MR * planes.offsets.len()];
        let mut acc = [[isa.splat(0.0); NV]; MR];
        for m in 0..MR {
            acc[m] = [isa.splat(self.epilogue.bias[channel + m]); NV];
        }
        let mut w = panel.as_ptr();
        for &offset in &planes.offsets {
            // SAFETY: the caller vouches for `NV` vectors at each offset; `w` passes `MR` of the panel's weights an offset.
            unsafe {
                let p = src.add(offset as usize);
                let mut x = [isa.splat(0.0); NV];
                for v in 0..NV {
                    x[v] = isa.load(p.add(v * I::LANES));
                }
                for m in 0..MR {
                    let weight = isa.splat(*w.add(m));
                    for v in 0..NV {
                        acc[m][v] = isa.mul_add(weight, x[v], acc[m][v]);
                    }
                }
                w = w.add(MR);
            }
        }
        for m in 0..MR.min(self.out_channels - channel) {
            let slope = isa.splat(self.epilogue.slope[channel + m]);
            for v in 0..NV {
                // SAFETY: the caller vouches for the vectors of every channel of the output.
                unsafe {
                    let to = dst.add((channel + m) * planes.dst_plane + v * I::LANES);
                    isa.store(to, isa.prelu(acc[m][v], slope));
                }
            }
        }
    }
}
