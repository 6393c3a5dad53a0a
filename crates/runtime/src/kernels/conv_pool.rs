//! Dense convolution of stride 1 with few inputs, and the max pooling of 3x3 at stride 2 that follows it, in one pass, of
//! numbers or of bytes.
//!
//! The first layer of a network makes its largest planes, several times the second-level cache: written once and read once
//! they cost as much time as the products. Here only two rows of a few channels exist at a time, as sums: bias, PRelu and
//! rounding keep the order of sums, so that they wait for the largest, a quarter of all.

use super::bytes::{ByteEpilogue, ByteMatrix};
use super::conv::pack_panels;
use super::{Aligned, Epilogue, LINE, tile};
use crate::isa::{Isa, Kernel, MAX_LANES};
use crate::plan::Layout;
use alloc::vec::Vec;

/// Output channels of a register tile.
pub(crate) const MR: usize = 4;

/// Products of numbers or of bytes, with their weights packed.
pub(crate) trait Products {
    /// Planes of the output that `MR` channels make.
    const PLANES: usize;

    /// Most vectors of pixels of a register tile.
    fn nr_vectors(lanes: usize) -> usize;

    /// The sums of `MR` channels from `channel` on for `NV` vectors of pixels, each column of the weights with the input at its
    /// offset from `src`.
    ///
    /// # Safety
    /// `NV` vectors are readable at each offset from `src`.
    unsafe fn sums<I: Isa, const NV: usize>(
        &self,
        isa: I,
        channel: usize,
        offsets: &[u32],
        src: *const f32,
    ) -> [[I::F32; NV]; MR];

    /// What becomes of a sum of a channel: scaled, with its bias, after PRelu.
    fn finish<I: Isa>(&self, isa: I, channel: usize, sum: I::F32) -> I::F32;

    /// True where no larger sum of `MR` channels from `channel` on becomes a smaller number.
    fn keeps_order(&self, channel: usize) -> bool;

    /// The elements of `PLANES` planes, which come first.
    fn elements<I: Isa>(&self, isa: I, outputs: [I::F32; MR]) -> [I::F32; MR];

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
        2 * MR * self.row_len()
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
        let (above, down) = scratch[..conv.scratch_len()].split_at_mut(MR * row_len);
        let vectors = width.div_ceil(I::LANES);
        let tiles = vectors.div_ceil(P::nr_vectors(I::LANES));
        for plane in (0..conv.dst.channels).step_by(P::PLANES) {
            let channel = plane / P::PLANES * MR;
            above.fill(f32::NEG_INFINITY);
            for y in 0..conv.dst.height {
                for t in 0..tiles {
                    let (start, count) = tile(vectors, tiles, t);
                    let x = start * I::LANES;
                    // SAFETY: the vectors lie within the row, and `above` and `down` have `MR` rows of `row_len`.
                    unsafe {
                        let (above, down) = (above.as_mut_ptr().add(x), down.as_mut_ptr().add(x));
                        match count {
                            1 => rows_of_tile::<I, P, 1>(isa, conv, channel, y, x, src, above, down),
                            2 => rows_of_tile::<I, P, 2>(isa, conv, channel, y, x, src, above, down),
                            4 if I::LANES > 8 => rows_of_tile::<I, P, 4>(isa, conv, channel, y, x, src, above, down),
                            5 if I::LANES > 8 => rows_of_tile::<I, P, 5>(isa, conv, channel, y, x, src, above, down),
                            6 if I::LANES > 8 => rows_of_tile::<I, P, 6>(isa, conv, channel, y, x, src, above, down),
                            _ => rows_of_tile::<I, P, 3>(isa, conv, channel, y, x, src, above, down),
                        }
                    }
                }
                // Windows that hang over the right edge.
                down.chunks_exact_mut(row_len).for_each(|row| row[width..].fill(f32::NEG_INFINITY));
                pool_across(isa, conv, channel, down, dst, y);
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
    let keeps_order = conv.products.keeps_order(channel);
    let first = if y == 0 { 0 } else { 2 * y + 1 };
    let mut before = above.cast_const();
    for row in first..(2 * y + 3).min(conv.size[0]) {
        // SAFETY: the caller vouches for the vectors of each row.
        let mut values = unsafe {
            let src = src.as_ptr().add(row * conv.src_row_stride + x);
            conv.products.sums::<I, NV>(isa, channel, &conv.offsets, src)
        };
        if !keeps_order {
            for m in 0..MR {
                for v in 0..NV {
                    values[m][v] = conv.products.finish(isa, channel + m, values[m][v]);
                }
            }
        }
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

/// The outputs of pooled row `y` of `MR` channels, from the maxima of three neighbours at stride 2 of the rows in `down`.
#[inline(always)]
fn pool_across<I: Isa, P: Products>(
    isa: I,
    conv: &ConvPool<P>,
    channel: usize,
    down: &[f32],
    dst: &mut [f32],
    y: usize,
) {
    let (row_len, width) = (conv.row_len(), conv.dst.width);
    let keeps_order = conv.products.keeps_order(channel);
    let plane = channel / MR * P::PLANES;
    // The unchecked accesses rest on these.
    assert!(2 * width.next_multiple_of(I::LANES) + 2 <= row_len && MR * row_len <= down.len());
    for x in (0..width).step_by(I::LANES) {
        let mut outputs = [isa.splat(0.0); MR];
        for m in 0..MR {
            // SAFETY: the loads end at element `2 * (x + LANES) + 2` of a row at most.
            let (left, middle, right) = unsafe {
                let p = down.as_ptr().add(m * row_len + 2 * x);
                let (left, middle) = isa.deinterleave(isa.load(p), isa.load(p.add(I::LANES)));
                let (right, _) = isa.deinterleave(isa.load(p.add(2)), isa.load(p.add(I::LANES + 2)));
                (left, middle, right)
            };
            outputs[m] = isa.max(isa.max(left, middle), right);
            if keeps_order {
                outputs[m] = conv.products.finish(isa, channel + m, outputs[m]);
            }
        }
        let elements = conv.products.elements(isa, outputs);
        for m in 0..P::PLANES.min(conv.dst.channels - plane) {
            let out = &mut dst[conv.dst.row(plane + m, y)][x..];
            if out.len() >= I::LANES {
                // SAFETY: `out` has `LANES` elements.
                unsafe { isa.store(out.as_mut_ptr(), elements[m]) };
            } else {
                let mut lanes = [0.0; MAX_LANES];
                // SAFETY: `LANES` is at most `MAX_LANES`.
                unsafe { isa.store(lanes.as_mut_ptr(), elements[m]) };
                out.copy_from_slice(&lanes[..out.len()]);
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
    const PLANES: usize = MR;

    /// 24 sums in AVX-512's 32 registers and 12 in AVX2's 16.
    fn nr_vectors(lanes: usize) -> usize {
        if lanes > 8 { 6 } else { 3 }
    }

    #[inline(always)]
    unsafe fn sums<I: Isa, const NV: usize>(
        &self,
        isa: I,
        channel: usize,
        offsets: &[u32],
        src: *const f32,
    ) -> [[I::F32; NV]; MR] {
        let panel = &self.weights[channel * offsets.len()..][..MR * offsets.len()];
        let mut sums = [[isa.splat(0.0); NV]; MR];
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
        sums
    }

    #[inline(always)]
    fn finish<I: Isa>(&self, isa: I, channel: usize, sum: I::F32) -> I::F32 {
        let [bias, slope] = [&self.epilogue.bias, &self.epilogue.slope].map(|values| isa.splat(values[channel]));
        isa.prelu(isa.add(sum, bias), slope)
    }

    #[inline(always)]
    fn keeps_order(&self, channel: usize) -> bool {
        self.epilogue.slope[channel..channel + MR].iter().all(|&slope| slope >= 0.0)
    }

    #[inline(always)]
    fn elements<I: Isa>(&self, _: I, outputs: [I::F32; MR]) -> [I::F32; MR] {
        outputs
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
    pub(crate) fn new(matrix: &ByteMatrix, epilogue: &ByteEpilogue) -> Self {
        let rows: Vec<usize> = (0..matrix.rows().next_multiple_of(MR)).collect();
        Self { weights: matrix.blocks().flatten().collect(), epilogue: epilogue.reordered(&rows) }
    }
}

impl Products for Quads {
    const PLANES: usize = 1;

    fn nr_vectors(lanes: usize) -> usize {
        super::bytes::conv::nr_vectors(lanes)
    }

    #[inline(always)]
    unsafe fn sums<I: Isa, const NV: usize>(
        &self,
        isa: I,
        channel: usize,
        offsets: &[u32],
        src: *const f32,
    ) -> [[I::F32; NV]; MR] {
        let weights = &self.weights[channel / MR * offsets.len()..][..offsets.len()];
        let mut sums = [[isa.splat_i32(0); NV]; MR];
        for m in 0..MR {
            sums[m] = [isa.splat_i32(self.epilogue.start(channel + m)); NV];
        }
        for (&offset, weights) in offsets.iter().zip(weights) {
            let mut x = [isa.splat_i32(0); NV];
            for v in 0..NV {
                // SAFETY: the caller vouches for the vectors.
                x[v] = isa.bits(unsafe { isa.load(src.add(offset as usize + v * I::LANES)) });
            }
            for m in 0..MR {
                let weight = isa.splat_i32(weights[m]);
                for v in 0..NV {
                    sums[m][v] = isa.dot4(sums[m][v], x[v], weight);
                }
            }
        }
        let mut numbers = [[isa.splat(0.0); NV]; MR];
        for m in 0..MR {
            for v in 0..NV {
                numbers[m][v] = isa.to_f32(sums[m][v]);
            }
        }
        numbers
    }

    #[inline(always)]
    fn finish<I: Isa>(&self, isa: I, channel: usize, sum: I::F32) -> I::F32 {
        self.epilogue.finish::<I, false>(isa, channel, sum)
    }

    #[inline(always)]
    fn keeps_order(&self, channel: usize) -> bool {
        self.epilogue.keeps_order(channel..channel + MR)
    }

    #[inline(always)]
    fn elements<I: Isa>(&self, isa: I, outputs: [I::F32; MR]) -> [I::F32; MR] {
        [isa.pack(outputs); MR]
    }

    fn bytes(&self) -> usize {
        size_of_val(&*self.weights)
    }
}
