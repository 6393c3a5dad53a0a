//! Sparse convolution of stride 1 whose zeros come in blocks of consecutive output channels.
//!
//! Where `MR` channels read the same inputs, each vector of pixels that is loaded feeds `MR` multiply-adds, and the rate is
//! that of a dense product. Channels whose patterns differ are given zeros where another one has a weight.

use super::{Epilogue, FlatPlanes, tile};
use crate::isa::{Isa, Kernel};
use crate::plan::Nonzeros;
use alloc::vec;
use alloc::vec::Vec;

/// Output channels of a block.
pub(crate) const MR: usize = 4;

/// Most vectors of pixels in a tile: with `MR`, 24 sums in AVX-512's 32 registers and 8 in AVX2's 16. (12 spill.)
pub(crate) const fn nr_vectors(lanes: usize) -> usize {
    if lanes > 8 { 6 } else { 2 }
}

#[derive(Clone, Copy)]
struct Block {
    offset: u32,
    values: [f32; MR],
}

/// Packed weights and geometry.
pub(crate) struct BlockSparseConv {
    /// Of `MR` output channels after the other.
    blocks: Vec<Block>,
    /// End of each `MR` channels in `blocks`.
    ends: Vec<u32>,
    epilogue: Epilogue,
    planes: FlatPlanes,
    out_channels: usize,
}

impl BlockSparseConv {
    /// Packs the non-zero `weights`.
    pub(crate) fn new(weights: &Nonzeros<'_>, epilogue: Epilogue, planes: FlatPlanes) -> Self {
        let (pattern, values) = (&weights.pattern, weights.to_values());
        let out_channels = pattern.rows();
        let (mut blocks, mut ends) = (Vec::new(), Vec::new());
        let mut columns = vec![[0.0; MR]; planes.offsets.len()];
        for first in (0..out_channels).step_by(MR) {
            columns.fill([0.0; MR]);
            for m in 0..MR.min(out_channels - first) {
                for i in pattern.row(first + m) {
                    columns[pattern.indices[i] as usize][m] = values[i];
                }
            }
            let kept = columns.iter().zip(&planes.offsets).filter(|(values, _)| **values != [0.0; MR]);
            blocks.extend(kept.map(|(&values, &offset)| Block { offset, values }));
            ends.push(blocks.len() as u32);
        }
        let epilogue = epilogue.padded(out_channels.next_multiple_of(MR));
        Self { blocks, ends, epilogue, planes, out_channels }
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.blocks) + size_of_val(&*self.ends)
    }

    /// The pass over `src`, into `dst`, for the first `pixels` flat pixels where there are more.
    pub(crate) fn kernel<'a>(&'a self, src: &'a [f32], dst: &'a mut [f32], pixels: usize) -> impl Kernel + 'a {
        Pass { conv: self, src, dst, pixels: pixels.min(self.planes.pixels) }
    }
}

struct Pass<'a> {
    conv: &'a BlockSparseConv,
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
        let tiles = vectors.div_ceil(nr_vectors(I::LANES));
        for t in 0..tiles {
            let (start, count) = tile(vectors, tiles, t);
            let at = start * I::LANES;
            // SAFETY: `check` holds for every flat pixel of every channel, and the tile lies within them.
            unsafe {
                let (src, dst) = (src.as_ptr().add(at), dst.as_mut_ptr().add(conv.planes.dst_origin + at));
                match count {
                    1 => channels_of_tile::<I, 1>(isa, conv, src, dst),
                    3 if I::LANES > 8 => channels_of_tile::<I, 3>(isa, conv, src, dst),
                    4 if I::LANES > 8 => channels_of_tile::<I, 4>(isa, conv, src, dst),
                    5 if I::LANES > 8 => channels_of_tile::<I, 5>(isa, conv, src, dst),
                    6 if I::LANES > 8 => channels_of_tile::<I, 6>(isa, conv, src, dst),
                    _ => channels_of_tile::<I, 2>(isa, conv, src, dst),
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
unsafe fn channels_of_tile<I: Isa, const NV: usize>(isa: I, conv: &BlockSparseConv, src: *const f32, dst: *mut f32) {
    let mut start = 0;
    for (group, &end) in conv.ends.iter().enumerate() {
        let (channel, end) = (group * MR, end as usize);
        let mut acc = [[isa.splat(0.0); NV]; MR];
        for m in 0..MR {
            acc[m] = [isa.splat(conv.epilogue.bias[channel + m]); NV];
        }
        for block in &conv.blocks[start..end] {
            let mut x = [isa.splat(0.0); NV];
            for v in 0..NV {
                // SAFETY: the caller vouches for `NV` vectors at each offset of the input.
                x[v] = unsafe { isa.load(src.add(block.offset as usize + v * I::LANES)) };
            }
            for m in 0..MR {
                let weight = isa.splat(block.values[m]);
                for v in 0..NV {
                    acc[m][v] = isa.mul_add(weight, x[v], acc[m][v]);
                }
            }
        }
        start = end;
        for m in 0..MR.min(conv.out_channels - channel) {
            let slope = isa.splat(conv.epilogue.slope[channel + m]);
            for v in 0..NV {
                // SAFETY: the caller vouches for the vectors of every channel of the output.
                unsafe {
                    let to = dst.add((channel + m) * conv.planes.dst_plane + v * I::LANES);
                    isa.store(to, isa.prelu(acc[m][v], slope));
                }
            }
        }
    }
}
