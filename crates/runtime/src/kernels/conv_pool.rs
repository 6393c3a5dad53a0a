//! Dense convolution of stride 1 with few inputs, and the max pooling of 3x3 at stride 2 that follows it, in one pass, of
//! numbers or of bytes.
//!
//! The first layer of a network makes its largest planes, several times the second-level cache: written once and read once
//! they cost as much time as the products. Here only two rows of a few channels exist at a time.

use super::bytes::{ByteEpilogue, ByteMatrix, add_products};
use super::conv::pack_panels;
use super::pool::{self, Order};
use super::{Aligned, Epilogue, LINE, tile};
use crate::isa::{Isa, Kernel, MAX_LANES};
use crate::plan::Layout;
use alloc::vec::Vec;

/// Output channels of a register tile.
pub(crate) const MR: usize = 4;

/// Products of numbers or of bytes, with their weights packed.
pub(crate) trait Products {
    /// Which elements are the larger ones.
    type Order: Order;
    /// Planes of elements that `MR` channels make.
    const PLANES: usize;

    /// Most vectors of pixels of a register tile.
    fn nr_vectors(lanes: usize) -> usize;

    /// The elements of `MR` channels from `channel` on for `NV` vectors of pixels, in the first [`Self::PLANES`] rows; each
    /// column of the weights multiplies the input at its offset from `src`.
    ///
    /// # Safety
    /// `NV` vectors are readable at each offset from `src`.
    unsafe fn elements<I: Isa, const NV: usize>(
        &self,
        isa: I,
        channel: usize,
        offsets: &[u32],
        src: *const f32,
    ) -> [[I::F32; NV]; MR];

    /// Bytes of the packed weights.
    fn bytes(&self) -> usize;
}

/// Packed weights and geometry.
pub(crate) struct ConvPool<P> {
    products: P,
    /// For each column of the weights, the distance from an output pixel to the input it reads.
    offsets: Vec<u32>,
    src_row_stride: usize,
    /// Of the convolution's output.
    size: [usize; 2],
    dst: Layout,
    lanes: usize,
}

impl<P: Products> ConvPool<P> {
    /// The convolution's output has `size` (height, width), its pooling is written to `dst`; `offsets` holds, for each column
    /// of the weights, the position of the input that output pixel (0, 0) reads.
    pub(crate) fn new(
        products: P,
        offsets: Vec<u32>,
        src_row_stride: usize,
        size: [usize; 2],
        dst: Layout,
        lanes: usize,
    ) -> Self {
        Self { products, offsets, src_row_stride, size, dst, lanes }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.products.bytes()
    }

    /// Pixels of a register tile.
    pub(crate) fn tile_pixels(&self) -> usize {
        P::nr_vectors(self.lanes) * self.lanes
    }

    /// Elements of a row in the working memory: what the vectors of both passes touch.
    fn row_len(&self) -> usize {
        let read = 2 * self.dst.width.next_multiple_of(self.lanes) + 2;
        read.max(self.size[1].next_multiple_of(self.lanes)).next_multiple_of(LINE)
    }

    /// Elements of working memory.
    pub(crate) fn scratch_len(&self) -> usize {
        2 * P::PLANES * self.row_len()
    }

    /// The pass over `src`, into `dst`, with working memory of [`Self::scratch_len`] elements.
    pub(crate) fn kernel<'a>(&'a self, src: &'a [f32], dst: &'a mut [f32], scratch: &'a mut [f32]) -> impl Kernel + 'a {
        Pass { conv: self, src, dst, scratch }
    }
}

struct Pass<'a, P> {
    conv: &'a ConvPool<P>,
    src: &'a [f32],
    dst: &'a mut [f32],
    scratch: &'a mut [f32],
}

impl<P: Products> Kernel for Pass<'_, P> {
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
        let (above, down) = scratch[..conv.scratch_len()].split_at_mut(P::PLANES * row_len);
        let vectors = width.div_ceil(I::LANES);
        let most = P::nr_vectors(I::LANES);
        let tiles = vectors.div_ceil(most);
        for plane in (0..conv.dst.channels).step_by(P::PLANES) {
            let channel = plane / P::PLANES * MR;
            above.fill(P::Order::LOWEST);
            down.fill(P::Order::LOWEST);
            for y in 0..conv.dst.height {
                for t in 0..tiles {
                    let (start, count) = tile(vectors, tiles, t);
                    let x = start * I::LANES;
                    // SAFETY: the vectors lie within the row, and `above` and `down` have `PLANES` rows of `row_len`.
                    unsafe {
                        let (above, down) = (above.as_mut_ptr().add(x), down.as_mut_ptr().add(x));
                        match count {
                            1 => rows_of_tile::<I, P, 1>(isa, conv, channel, y, x, src, above, down),
                            3 if most > 2 => rows_of_tile::<I, P, 3>(isa, conv, channel, y, x, src, above, down),
                            4 if most > 3 => rows_of_tile::<I, P, 4>(isa, conv, channel, y, x, src, above, down),
                            5 if most > 3 => rows_of_tile::<I, P, 5>(isa, conv, channel, y, x, src, above, down),
                            6 if most > 3 => rows_of_tile::<I, P, 6>(isa, conv, channel, y, x, src, above, down),
                            _ => rows_of_tile::<I, P, 2>(isa, conv, channel, y, x, src, above, down),
                        }
                    }
                }
                if !width.is_multiple_of(I::LANES) {
                    // The last vector went on over the right edge, and windows may hang over it.
                    down.chunks_exact_mut(row_len).for_each(|row| row[width..].fill(P::Order::LOWEST));
                }
                pool_across(isa, conv, plane, down, dst, y);
            }
        }
    }
}

/// The maxima down the columns of the windows of pooled row `y`, for `MR` channels and `NV` vectors from `x` on, into
/// `down`; leaves the windows' last row in `above`.
///
/// # Safety
/// The vectors lie within the row of the convolution's output; `above` and `down` point to element `x` of `PLANES` rows.
#[inline(always)]
unsafe fn rows_of_tile<I: Isa, P: Products, const NV: usize>(
    isa: I,
    conv: &ConvPool<P>,
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
        let elements = unsafe {
            let src = src.as_ptr().add(row * conv.src_row_stride + x);
            conv.products.elements::<I, NV>(isa, channel, &conv.offsets, src)
        };
        for m in 0..P::PLANES {
            for v in 0..NV {
                let at = m * row_len + v * I::LANES;
                // SAFETY: the caller vouches for the rows of `above` and `down`.
                unsafe {
                    let max = P::Order::max_of_vectors(isa, isa.load(before.add(at)), elements[m][v]);
                    isa.store(down.add(at), max);
                    if row == 2 * y + 2 {
                        isa.store(above.add(at), elements[m][v]);
                    }
                }
            }
        }
        before = down;
    }
    if first >= conv.size[0] {
        // The window has one row.
        for m in 0..P::PLANES {
            // SAFETY: as above.
            unsafe { above.add(m * row_len).copy_to_nonoverlapping(down.add(m * row_len), NV * I::LANES) };
        }
    }
}

/// The maxima of three neighbours at stride 2 of the rows in `down`, into row `y` of as many planes from `plane` on.
#[inline(always)]
fn pool_across<I: Isa, P: Products>(isa: I, conv: &ConvPool<P>, plane: usize, down: &[f32], dst: &mut [f32], y: usize) {
    for (m, row) in down.chunks_exact(conv.row_len()).enumerate().take(conv.dst.channels - plane) {
        let out = &mut dst[conv.dst.row(plane + m, y)];
        assert!(2 * out.len().next_multiple_of(I::LANES) + 2 <= row.len());
        for x in (0..out.len()).step_by(I::LANES) {
            // SAFETY: the loads end at element `2 * (x + LANES) + 2` at most; `LANES` is at most `MAX_LANES`.
            unsafe {
                let p = row.as_ptr().add(2 * x);
                let (left, middle) = isa.deinterleave(isa.load(p), isa.load(p.add(I::LANES)));
                let (right, _) = isa.deinterleave(isa.load(p.add(2)), isa.load(p.add(I::LANES + 2)));
                let max = P::Order::max_of_vectors(isa, P::Order::max_of_vectors(isa, left, middle), right);
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
}

/// Products of numbers.
pub(crate) struct Numbers {
    /// Panels of `MR` output channels: `[out_channels / MR][columns][MR]`.
    weights: Aligned,
    epilogue: Epilogue,
}

impl Numbers {
    /// Packs `weights`, Oihw, of so many columns.
    pub(crate) fn new(weights: &[f32], columns: usize, epilogue: Epilogue) -> Self {
        let padded = (weights.len() / columns).next_multiple_of(MR);
        Self { weights: pack_panels(weights, columns, MR), epilogue: epilogue.padded(padded) }
    }
}

impl Products for Numbers {
    type Order = pool::Numbers;
    const PLANES: usize = MR;

    /// 12 sums in AVX2's 16 registers. (24 are a tenth slower in AVX-512's 32.)
    #[inline(always)]
    fn nr_vectors(_: usize) -> usize {
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
        let mut sums = [[isa.splat(0.0); NV]; MR];
        for m in 0..MR {
            sums[m] = [isa.splat(self.epilogue.bias[channel + m]); NV];
        }
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
        for m in 0..MR {
            let slope = isa.splat(self.epilogue.slope[channel + m]);
            for v in 0..NV {
                sums[m][v] = isa.prelu(sums[m][v], slope);
            }
        }
        sums
    }

    fn bytes(&self) -> usize {
        size_of_val(&*self.weights)
    }
}

/// Products of bytes, whose `MR` channels are one quad.
pub(crate) struct Quads {
    /// `[out_channels / MR][quads of the input][MR]`.
    weights: Vec<[i32; MR]>,
    epilogue: ByteEpilogue,
}

impl Quads {
    pub(crate) fn new(matrix: &ByteMatrix<'_>, epilogue: &ByteEpilogue) -> Self {
        let rows: Vec<usize> = (0..matrix.rows().next_multiple_of(MR)).collect();
        Self { weights: matrix.blocks().flatten().collect(), epilogue: epilogue.reordered(&rows) }
    }
}

impl Products for Quads {
    type Order = pool::Quads;
    const PLANES: usize = 1;

    #[inline(always)]
    fn nr_vectors(lanes: usize) -> usize {
        super::bytes::conv::nr_vectors(lanes)
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
        for v in 0..NV {
            numbers[0][v] = isa.pack([numbers[0][v], numbers[1][v], numbers[2][v], numbers[3][v]]);
        }
        numbers
    }

    fn bytes(&self) -> usize {
        size_of_val(&*self.weights)
    }
}
