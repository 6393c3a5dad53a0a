//! Dense convolution of stride 1 with few inputs, and the max pooling of 3x3 at stride 2 that follows it, in one pass, of
//! numbers or of bytes.
//!
//! The first layer of a network makes its largest planes, several times the second-level cache: written once and read once
//! they cost as much time as the products. Here only two rows of a few channels exist at a time.

use super::kernel::{Facts, Io, Kernel};
use super::layer::{Layer, LayerKernel};
use super::pool::Order;
use super::tiles::{TileBody, run_tile, tiles};
use crate::isa::{Body, Isa, Token, Tuning};
use crate::tensor::shape::Conv2dParams;
use crate::tensor::{LINE, Layout};
use alloc::vec::Vec;

/// Output channels of a register tile.
pub(crate) const MR: usize = 4;

/// The most columns of the weight matrix, and the most elements of the input, for which one pass pays: more products hide the
/// cost of writing their sums, and a larger input would leave the cache with each few channels.
const FEW_COLUMNS: usize = 64;
const FEW_INPUTS: usize = (128 << 10) / size_of::<f32>();

/// Products of numbers or of bytes, with their weights packed.
pub(crate) trait Products: Send + Sync + Sized + 'static {
    /// What the kernel's name starts with.
    const NAME: &'static str;
    /// Which elements are the larger ones.
    type Order: Order;
    /// Planes of elements that `MR` channels make.
    const PLANES: usize;

    /// Whether the products are those of the layer.
    fn multiplies(layer: &Layer<'_>) -> bool;

    /// Whether one pass beats two for a convolution of few columns.
    fn pays(layer: &Layer<'_>) -> bool;

    /// The weights packed, and the position of the input that output pixel (0, 0) reads for each of their columns.
    fn pack(layer: &Layer<'_>, params: &Conv2dParams) -> (Self, Vec<u32>);

    /// Most vectors of pixels of a register tile.
    fn most_vectors(tuning: &Tuning) -> usize;

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
    /// Height and width of the convolution's output.
    size: [usize; 2],
    dst: Layout,
    lanes: usize,
}

impl<P: Products> LayerKernel for ConvPool<P> {
    const NAME: &'static str = P::NAME;

    fn fits(layer: &Layer<'_>) -> bool {
        let pool = layer.pool.is_some_and(|(pool, _)| pool.kernel_size == [3, 3] && pool.stride == [2, 2]);
        pool && layer.conv().is_some_and(|conv| conv.stride == [1, 1]) && P::multiplies(layer)
    }

    fn cost(layer: &Layer<'_>) -> f64 {
        let few_inputs = layer.src.elements().is_some_and(|elements| elements <= FEW_INPUTS);
        let one_pass = few_inputs && layer.matrix.columns() <= FEW_COLUMNS && P::pays(layer);
        if one_pass { layer.conv_cost(layer.matrix.padded(MR) as f64, layer.matrix.elements()) } else { f64::INFINITY }
    }

    fn pack(layer: &Layer<'_>) -> Self {
        let (params, (_, conv)) = layer.conv().zip(layer.pool).expect("a layer that it fits");
        let (products, offsets) = P::pack(layer, params);
        let size = [conv.height, conv.width];
        let (src_row_stride, lanes) = (layer.src.row_stride, layer.token.lanes());
        Self { products, offsets, src_row_stride, size, dst: layer.dst.clone(), lanes }
    }
}

impl<P: Products> Kernel for ConvPool<P> {
    fn facts(&self, token: Token) -> Facts {
        Facts {
            kind: P::NAME.into(),
            tile: Some([MR, P::most_vectors(token.tuning()) * token.lanes()]),
            by_isa: true,
            weight_bytes: self.products.bytes(),
            scratch_len: 2 * P::PLANES * self.row_len(),
            takes_groups: false,
        }
    }

    fn run(&self, token: Token, Io { src, dst, scratch, .. }: Io<'_>) {
        token.enter(Pass { conv: self, src, dst, scratch });
    }
}

impl<P: Products> ConvPool<P> {
    /// Elements of a row in the working memory: what the vectors of both passes touch.
    fn row_len(&self) -> usize {
        let read = 2 * self.dst.width.next_multiple_of(self.lanes) + 2;
        read.max(self.size[1].next_multiple_of(self.lanes)).next_multiple_of(LINE)
    }
}

struct Pass<'a, P> {
    conv: &'a ConvPool<P>,
    src: &'a [f32],
    dst: &'a mut [f32],
    scratch: &'a mut [f32],
}

impl<P: Products> Body for Pass<'_, P> {
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
        let (above, down) = scratch[..2 * P::PLANES * row_len].split_at_mut(P::PLANES * row_len);
        let most = P::most_vectors(&I::TUNING);
        for plane in (0..conv.dst.channels).step_by(P::PLANES) {
            let channel = plane / P::PLANES * MR;
            above.fill(P::Order::LOWEST);
            down.fill(P::Order::LOWEST);
            for y in 0..conv.dst.height {
                for (start, count) in tiles(width.div_ceil(I::LANES), most) {
                    let x = start * I::LANES;
                    // SAFETY: the vectors lie within the row, and `above` and `down` have `PLANES` rows of `row_len`.
                    unsafe {
                        let (above, down) = (above.as_mut_ptr().add(x), down.as_mut_ptr().add(x));
                        run_tile(isa, count, most, Rows { conv, channel, y, x, src, above, down });
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

/// The maxima down the columns of the windows of pooled row `y`, for `MR` channels and vectors from `x` on, into `down`; leaves
/// the windows' last row in `above`. Both point to element `x` of `PLANES` rows.
struct Rows<'a, P> {
    conv: &'a ConvPool<P>,
    channel: usize,
    y: usize,
    x: usize,
    src: &'a [f32],
    above: *mut f32,
    down: *mut f32,
}

impl<P: Products> TileBody for Rows<'_, P> {
    #[inline(always)]
    unsafe fn run<I: Isa, const NV: usize>(self, isa: I) {
        let Self { conv, channel, y, x, src, above, down } = self;
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
}

/// The maxima of three neighbours at stride 2 of the rows in `down`, into row `y` of as many planes from `plane` on.
#[inline(always)]
fn pool_across<I: Isa, P: Products>(isa: I, conv: &ConvPool<P>, plane: usize, down: &[f32], dst: &mut [f32], y: usize) {
    for (m, row) in down.chunks_exact(conv.row_len()).enumerate().take(conv.dst.channels - plane) {
        let out = &mut dst[conv.dst.row(plane + m, y)];
        assert!(2 * out.len().next_multiple_of(I::LANES) + 2 <= row.len());
        for x in (0..out.len()).step_by(I::LANES) {
            // SAFETY: the loads end at element `2 * (x + LANES) + 2` at most.
            let max = unsafe {
                let p = row.as_ptr().add(2 * x);
                let (left, middle) = isa.deinterleave(isa.load(p), isa.load(p.add(I::LANES)));
                let (right, _) = isa.deinterleave(isa.load(p.add(2)), isa.load(p.add(I::LANES + 2)));
                P::Order::max_of_vectors(isa, P::Order::max_of_vectors(isa, left, middle), right)
            };
            isa.write(max, &mut out[x..]);
        }
    }
}
