//! Dense convolution of stride 1 with few inputs, and the max pooling of 3x3 at stride 2 that follows it, in one pass.
//!
//! The first layer of a network makes its largest planes, several times the second-level cache: written once and read once
//! they cost as much time as the products. Here only two rows of a few channels exist at a time.

use super::conv::pack_panels;
use super::{Aligned, Epilogue, LINE, tile};
use crate::isa::{Isa, Kernel, MAX_LANES};
use crate::plan::Layout;
use alloc::vec::Vec;

/// Output channels of a register tile.
pub(crate) const MR: usize = 4;

/// Most vectors of pixels of a register tile: with `MR`, 12 sums in AVX2's 16 registers. (24 gain nothing in AVX-512's 32.)
pub(crate) const NR_VECTORS: usize = 3;

/// Packed weights and geometry.
pub(crate) struct ConvPool {
    /// Panels of `MR` output channels: `[out_channels / MR][columns][MR]`.
    weights: Aligned,
    epilogue: Epilogue,
    /// For each column of the weight matrix, the distance from an output pixel to the input it reads.
    offsets: Vec<u32>,
    src_row_stride: usize,
    /// Of the convolution's output.
    size: [usize; 2],
    dst: Layout,
    lanes: usize,
}

impl ConvPool {
    /// Packs `weights`, Oihw. The convolution's output has `size` (height, width), its pooling is written to `dst`;
    /// `offsets` holds, for each column of the weight matrix, the position of the input that output pixel (0, 0) reads.
    pub(crate) fn new(
        weights: &[f32],
        epilogue: Epilogue,
        offsets: Vec<u32>,
        src_row_stride: usize,
        size: [usize; 2],
        dst: Layout,
        lanes: usize,
    ) -> Self {
        let padded = dst.channels.next_multiple_of(MR);
        let packed = pack_panels(weights, offsets.len(), MR);
        Self { weights: packed, epilogue: epilogue.padded(padded), offsets, src_row_stride, size, dst, lanes }
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.weights)
    }

    /// Elements of a row in the working memory: what the vectors of both passes touch.
    fn row_len(&self) -> usize {
        let read = 2 * self.dst.width.next_multiple_of(self.lanes) + 2;
        read.max(self.size[1].next_multiple_of(self.lanes)).next_multiple_of(LINE)
    }

    /// Elements of working memory.
    pub(crate) fn scratch_len(&self) -> usize {
        2 * MR * self.row_len()
    }

    /// The pass over `src`, into `dst`, with working memory of [`Self::scratch_len`] elements.
    pub(crate) fn kernel<'a>(&'a self, src: &'a [f32], dst: &'a mut [f32], scratch: &'a mut [f32]) -> impl Kernel + 'a {
        Pass { conv: self, src, dst, scratch }
    }
}

struct Pass<'a> {
    conv: &'a ConvPool,
    src: &'a [f32],
    dst: &'a mut [f32],
    scratch: &'a mut [f32],
}

impl Kernel for Pass<'_> {
    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { conv, src, dst, scratch } = self;
        let ([height, width], row_len) = (conv.size, conv.row_len());
        // The unchecked accesses rest on these.
        assert_eq!(I::LANES, conv.lanes, "packed for another instruction set");
        let farthest = conv.offsets.iter().copied().max().unwrap_or(0) as usize;
        let last = farthest + (height - 1) * conv.src_row_stride + width.next_multiple_of(I::LANES);
        assert!(last <= src.len(), "input planes shorter than planned");
        // The last row of each channel that the pooled rows so far read, and the maxima down the columns.
        let (above, down) = scratch[..conv.scratch_len()].split_at_mut(MR * row_len);
        let vectors = width.div_ceil(I::LANES);
        let tiles = vectors.div_ceil(NR_VECTORS);
        for channel in (0..conv.dst.channels).step_by(MR) {
            above.fill(f32::NEG_INFINITY);
            for y in 0..conv.dst.height {
                for t in 0..tiles {
                    let (start, count) = tile(vectors, tiles, t);
                    let x = start * I::LANES;
                    // SAFETY: the vectors lie within the row, and `above` and `down` have `MR` rows of `row_len`.
                    unsafe {
                        let (above, down) = (above.as_mut_ptr().add(x), down.as_mut_ptr().add(x));
                        match count {
                            1 => rows_of_tile::<I, 1>(isa, conv, channel, y, x, src, above, down),
                            2 => rows_of_tile::<I, 2>(isa, conv, channel, y, x, src, above, down),
                            _ => rows_of_tile::<I, 3>(isa, conv, channel, y, x, src, above, down),
                        }
                    }
                }
                for m in 0..MR.min(conv.dst.channels - channel) {
                    let row = &mut down[m * row_len..][..row_len];
                    // Windows that hang over the right edge.
                    row[width..].fill(f32::NEG_INFINITY);
                    pool_across(isa, row, &mut dst[conv.dst.row(channel + m, y)]);
                }
            }
        }
    }
}

/// The maxima down the columns of the windows of pooled row `y`, for `MR` channels and `NV` vectors from `x` on, into
/// `down`; leaves the windows' last row in `above`.
///
/// # Safety
/// The vectors lie within the row of the convolution's output; `above` and `down` point to element `x` of `MR` rows.
#[inline(always)]
unsafe fn rows_of_tile<I: Isa, const NV: usize>(
    isa: I,
    conv: &ConvPool,
    channel: usize,
    y: usize,
    x: usize,
    src: &[f32],
    above: *mut f32,
    down: *mut f32,
) {
    let row_len = conv.row_len();
    let first = if y == 0 { 0 } else { 2 * y + 1 };
    let mut before = above.cast_const();
    for row in first..(2 * y + 3).min(conv.size[0]) {
        // SAFETY: the caller vouches for the vectors of each row.
        let values =
            unsafe { row_of_tile::<I, NV>(isa, conv, channel, src.as_ptr().add(row * conv.src_row_stride + x)) };
        for m in 0..MR {
            for v in 0..NV {
                let at = m * row_len + v * I::LANES;
                // SAFETY: the caller vouches for the rows of `above` and `down`.
                unsafe { isa.store(down.add(at), isa.max(isa.load(before.add(at)), values[m][v])) };
            }
        }
        if row == 2 * y + 2 {
            for m in 0..MR {
                for v in 0..NV {
                    // SAFETY: as above.
                    unsafe { isa.store(above.add(m * row_len + v * I::LANES), values[m][v]) };
                }
            }
        }
        before = down;
    }
    if first >= conv.size[0] {
        // The window has one row.
        for m in 0..MR {
            // SAFETY: as above.
            unsafe { above.add(m * row_len).copy_to_nonoverlapping(down.add(m * row_len), NV * I::LANES) };
        }
    }
}

/// `NV` vectors of the convolution's output for `MR` channels; `src` points to the input at the first pixel.
///
/// # Safety
/// `NV` vectors are readable at each offset from `src`.
#[inline(always)]
unsafe fn row_of_tile<I: Isa, const NV: usize>(
    isa: I,
    conv: &ConvPool,
    channel: usize,
    src: *const f32,
) -> [[I::F32; NV]; MR] {
    let panel = &conv.weights[channel * conv.offsets.len()..][..MR * conv.offsets.len()];
    let mut acc = [[isa.splat(0.0); NV]; MR];
    for m in 0..MR {
        acc[m] = [isa.splat(conv.epilogue.bias[channel + m]); NV];
    }
    for (&offset, weights) in conv.offsets.iter().zip(panel.chunks_exact(MR)) {
        let mut x = [isa.splat(0.0); NV];
        for v in 0..NV {
            // SAFETY: the caller vouches for the vectors.
            x[v] = unsafe { isa.load(src.add(offset as usize + v * I::LANES)) };
        }
        for m in 0..MR {
            let weight = isa.splat(weights[m]);
            for v in 0..NV {
                acc[m][v] = isa.mul_add(weight, x[v], acc[m][v]);
            }
        }
    }
    for m in 0..MR {
        let slope = isa.splat(conv.epilogue.slope[channel + m]);
        for v in 0..NV {
            acc[m][v] = isa.prelu(acc[m][v], slope);
        }
    }
    acc
}

/// The maxima of three neighbours at stride 2 of `row`, which has as many as the vectors read.
#[inline(always)]
fn pool_across<I: Isa>(isa: I, row: &[f32], out: &mut [f32]) {
    assert!(2 * out.len().next_multiple_of(I::LANES) + 2 <= row.len());
    for x in (0..out.len()).step_by(I::LANES) {
        // SAFETY: the loads end at element `2 * (x + LANES) + 2` at most; `LANES` is at most `MAX_LANES`.
        unsafe {
            let p = row.as_ptr().add(2 * x);
            let (left, middle) = isa.deinterleave(isa.load(p), isa.load(p.add(I::LANES)));
            let (right, _) = isa.deinterleave(isa.load(p.add(2)), isa.load(p.add(I::LANES + 2)));
            let max = isa.max(isa.max(left, middle), right);
            if x + I::LANES <= out.len() {
                isa.store(out.as_mut_ptr().add(x), max);
            } else {
                let mut lanes = [0.0; MAX_LANES];
                isa.store(lanes.as_mut_ptr(), max);
                let tail = &mut out[x..];
                tail.copy_from_slice(&lanes[..tail.len()]);
            }
        }
    }
}
