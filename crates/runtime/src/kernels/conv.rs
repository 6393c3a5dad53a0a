//! Dense convolution of stride 1: an implicit GEMM over flat pixels, register-tiled.

use super::{Aligned, Epilogue, FlatPlanes, tile};
use crate::isa::{Isa, Kernel};

/// Output channels of a register tile.
pub(crate) const MR: usize = 6;
/// Vectors of pixels of a register tile: with `MR`, 12 sums in AVX2's 16 registers. (4 x 3 spills.)
pub(crate) const NR_VECTORS: usize = 2;

/// Packed weights and geometry.
pub(crate) struct DenseConv {
    /// Panels of `MR` output channels: `[out_channels / MR][columns][MR]`.
    weights: Aligned,
    epilogue: Epilogue,
    planes: FlatPlanes,
    out_channels: usize,
}

impl DenseConv {
    /// Packs `weights`, Oihw.
    pub(crate) fn new(weights: &[f32], out_channels: usize, epilogue: Epilogue, planes: FlatPlanes) -> Self {
        let columns = planes.offsets.len();
        let padded = out_channels.next_multiple_of(MR);
        let packed = pack_panels(weights, columns, MR);
        Self { weights: packed, epilogue: epilogue.padded(padded), planes, out_channels }
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.weights)
    }

    /// The pass over `src`, into `dst`, for the first `pixels` flat pixels where there are more.
    pub(crate) fn kernel<'a>(&'a self, src: &'a [f32], dst: &'a mut [f32], pixels: usize) -> impl Kernel + 'a {
        Pass { conv: self, src, dst, pixels: pixels.min(self.planes.pixels) }
    }
}

/// Panels of `mr` rows of a matrix, `[rows / mr][columns][mr]`; what the last one lacks is zero.
pub(crate) fn pack_panels(weights: &[f32], columns: usize, mr: usize) -> Aligned {
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

struct Pass<'a> {
    conv: &'a DenseConv,
    src: &'a [f32],
    dst: &'a mut [f32],
    pixels: usize,
}

impl Kernel for Pass<'_> {
    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { conv, src, dst, pixels } = self;
        conv.planes.check(I::LANES, conv.out_channels, src, dst);
        let vectors = pixels.div_ceil(I::LANES);
        let tiles = vectors.div_ceil(NR_VECTORS);
        // Pixels outside, channels inside: a tile's input stays in L1 while the weights stream past.
        for t in 0..tiles {
            let (start, count) = tile(vectors, tiles, t);
            let at = start * I::LANES;
            let mut channel = 0;
            while channel < conv.out_channels {
                // SAFETY: `check` holds for every flat pixel of every channel, and the tile lies within them.
                unsafe {
                    match count {
                        2 => micro::<I, 2>(isa, conv, channel, src.as_ptr().add(at), dst.as_mut_ptr(), at),
                        _ => micro::<I, 1>(isa, conv, channel, src.as_ptr().add(at), dst.as_mut_ptr(), at),
                    }
                }
                channel += MR;
            }
        }
    }
}

/// `MR` channels from `channel` on, `NV` vectors of pixels from flat pixel `at` on.
///
/// # Safety
/// [`FlatPlanes::check`] passed, and the vectors lie within the flat pixels; `src` points to the input at `at`.
#[inline(always)]
unsafe fn micro<I: Isa, const NV: usize>(
    isa: I,
    conv: &DenseConv,
    channel: usize,
    src: *const f32,
    dst: *mut f32,
    at: usize,
) {
    let planes = &conv.planes;
    let panel = &conv.weights[channel * planes.offsets.len()..][..MR * planes.offsets.len()];
    let mut acc = [[isa.splat(0.0); NV]; MR];
    for m in 0..MR {
        acc[m] = [isa.splat(conv.epilogue.bias[channel + m]); NV];
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
    for m in 0..MR.min(conv.out_channels - channel) {
        let slope = isa.splat(conv.epilogue.slope[channel + m]);
        for v in 0..NV {
            let to = planes.dst_origin + (channel + m) * planes.dst_plane + at + v * I::LANES;
            // SAFETY: the caller vouches for the vectors of every channel of the output.
            unsafe { isa.store(dst.add(to), isa.prelu(acc[m][v], slope)) };
        }
    }
}
