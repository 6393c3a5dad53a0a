//! Sparse convolution of stride 1: a sparse matrix times flat pixels.
//!
//! The weights stand in the order of use, each with the offset of the input it reads, so that a pass over the output
//! channels of a tile of pixels is a pass over one array. A tile is some vectors of pixels held in registers: each
//! weight is broadcast once and multiplies one run of contiguous pixels. Nothing is gathered. The model is XNNPACK's
//! spmm; blocks of input channels keep a tile's input in the first-level cache.

use super::{Epilogue, FlatPlanes, tile};
use crate::isa::{Isa, Kernel};
use crate::plan::Nonzeros;
use alloc::vec::Vec;

/// Most vectors of pixels in a tile: 8 sums in flight hide the latency of a fused multiply-add.
pub(crate) const NR_VECTORS: usize = 8;

#[derive(Clone, Copy)]
struct Entry {
    offset: u32,
    value: f32,
}

/// Packed weights and geometry.
pub(crate) struct SparseConv {
    /// The kept weights, by block of input channels, then by output channel.
    entries: Vec<Entry>,
    /// End of each block's output channels in `entries`.
    ends: Vec<u32>,
    epilogue: Epilogue,
    planes: FlatPlanes,
}

impl SparseConv {
    /// Packs the non-zero `weights`; `block` columns of the weight matrix form a block.
    pub(crate) fn new(weights: &Nonzeros<'_>, block: usize, epilogue: Epilogue, planes: FlatPlanes) -> Self {
        let (pattern, values) = (&weights.pattern, weights.to_values());
        let mut entries = Vec::with_capacity(values.len());
        let mut ends = Vec::new();
        for first in (0..planes.offsets.len()).step_by(block) {
            for row in 0..pattern.rows() {
                let range = pattern.row(row);
                let (columns, values) = (&pattern.indices[range.clone()], &values[range]);
                let start = columns.partition_point(|&c| (c as usize) < first);
                let end = columns.partition_point(|&c| (c as usize) < first + block);
                for (&column, &value) in columns[start..end].iter().zip(&values[start..end]) {
                    entries.push(Entry { offset: planes.offsets[column as usize], value });
                }
                ends.push(entries.len() as u32);
            }
        }
        Self { entries, ends, epilogue, planes }
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.entries) + size_of_val(&*self.ends)
    }

    /// The pass over `src`, into `dst`, for the first `pixels` flat pixels where there are more.
    pub(crate) fn kernel<'a>(&'a self, src: &'a [f32], dst: &'a mut [f32], pixels: usize) -> impl Kernel + 'a {
        Pass { conv: self, src, dst, pixels: pixels.min(self.planes.pixels) }
    }
}

struct Pass<'a> {
    conv: &'a SparseConv,
    src: &'a [f32],
    dst: &'a mut [f32],
    pixels: usize,
}

impl Kernel for Pass<'_> {
    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { conv, src, dst, pixels } = self;
        let channels = conv.epilogue.bias.len();
        conv.planes.check(I::LANES, channels, src, dst);
        let vectors = pixels.div_ceil(I::LANES);
        let tiles = vectors.div_ceil(NR_VECTORS);
        for t in 0..tiles {
            let (start, count) = tile(vectors, tiles, t);
            let at = start * I::LANES;
            // SAFETY: `check` holds for every flat pixel of every channel, and the tile lies within them.
            unsafe {
                let (src, dst) = (src.as_ptr().add(at), dst.as_mut_ptr().add(conv.planes.dst_origin + at));
                match count {
                    1 => channels_of_tile::<I, 1>(isa, conv, src, dst),
                    2 => channels_of_tile::<I, 2>(isa, conv, src, dst),
                    3 => channels_of_tile::<I, 3>(isa, conv, src, dst),
                    4 => channels_of_tile::<I, 4>(isa, conv, src, dst),
                    5 => channels_of_tile::<I, 5>(isa, conv, src, dst),
                    6 => channels_of_tile::<I, 6>(isa, conv, src, dst),
                    7 => channels_of_tile::<I, 7>(isa, conv, src, dst),
                    _ => channels_of_tile::<I, 8>(isa, conv, src, dst),
                }
            }
        }
    }
}

/// All output channels of `NV` vectors of pixels.
///
/// # Safety
/// [`FlatPlanes::check`] passed, and the vectors lie within the flat pixels; `src` and `dst` point to the input and to
/// the first output plane at the tile's first pixel.
#[inline(always)]
unsafe fn channels_of_tile<I: Isa, const NV: usize>(isa: I, conv: &SparseConv, src: *const f32, dst: *mut f32) {
    let channels = conv.epilogue.bias.len();
    let last = conv.ends.len() - channels;
    let mut start = 0;
    for block in (0..conv.ends.len()).step_by(channels) {
        for channel in 0..channels {
            // SAFETY: the caller vouches for the vectors of every channel of the output.
            let to = unsafe { dst.add(channel * conv.planes.dst_plane) };
            let mut acc = [isa.splat(conv.epilogue.bias[channel]); NV];
            if block > 0 {
                for v in 0..NV {
                    // SAFETY: as above; the block before wrote these sums.
                    acc[v] = unsafe { isa.load(to.add(v * I::LANES)) };
                }
            }
            let end = conv.ends[block + channel] as usize;
            for entry in &conv.entries[start..end] {
                let weight = isa.splat(entry.value);
                // SAFETY: the caller vouches for `NV` vectors at each offset of the input.
                unsafe {
                    let p = src.add(entry.offset as usize);
                    for v in 0..NV {
                        acc[v] = isa.mul_add(weight, isa.load(p.add(v * I::LANES)), acc[v]);
                    }
                }
            }
            start = end;
            if block == last {
                let slope = isa.splat(conv.epilogue.slope[channel]);
                for v in 0..NV {
                    acc[v] = isa.prelu(acc[v], slope);
                }
            }
            for v in 0..NV {
                // SAFETY: the caller vouches for the vectors of every channel of the output.
                unsafe { isa.store(to.add(v * I::LANES), acc[v]) };
            }
        }
    }
}
