//! Convolution of stride 1 over quads: a matrix of blocks of four outputs by a quad times flat pixels. Blocks of zeros are not
//! there.

use super::super::{FlatPlanes, tile};
use super::{ByteEpilogue, ByteMatrix, add_products};
use crate::isa::{Isa, Kernel};
use alloc::vec::Vec;

/// Output channels of a block: those of a quad.
pub(crate) const MR: usize = 4;

/// Most vectors of pixels in a tile: with `MR`, 24 sums in AVX-512's 32 registers and 8 in AVX2's 16.
pub(crate) const fn nr_vectors(lanes: usize) -> usize {
    if lanes > 8 { 6 } else { 2 }
}

#[derive(Clone, Copy)]
struct Block {
    offset: u32,
    weights: [i32; MR],
}

/// Packed weights and geometry.
pub(crate) struct ByteConv {
    /// Of `MR` output channels after the other.
    blocks: Vec<Block>,
    /// End of each `MR` channels in `blocks`.
    ends: Vec<u32>,
    epilogue: ByteEpilogue,
    planes: FlatPlanes,
    out_channels: usize,
}

impl ByteConv {
    /// Packs `matrix`, whose quads stand at the offsets of `planes`.
    pub(crate) fn new(matrix: &ByteMatrix<'_>, epilogue: &ByteEpilogue, planes: FlatPlanes) -> Self {
        let out_channels = matrix.rows();
        let (mut blocks, mut ends) = (Vec::new(), Vec::new());
        for rows in matrix.blocks() {
            let all = planes.offsets.iter().zip(rows).map(|(&offset, weights)| Block { offset, weights });
            blocks.extend(all.filter(|block| block.weights != [0; MR]));
            ends.push(blocks.len() as u32);
        }
        let rows: Vec<usize> = (0..out_channels.next_multiple_of(MR)).collect();
        Self { blocks, ends, epilogue: epilogue.reordered(&rows), planes, out_channels }
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.blocks) + size_of_val(&*self.ends)
    }

    /// The pass over `src`, into `dst`.
    pub(crate) fn kernel<'a>(&'a self, src: &'a [f32], dst: &'a mut [f32]) -> impl Kernel + 'a {
        Pass { conv: self, src, dst }
    }

    /// Planes of the output.
    fn planes(&self) -> usize {
        if self.epilogue.makes_bytes() { self.ends.len() } else { self.out_channels }
    }
}

struct Pass<'a> {
    conv: &'a ByteConv,
    src: &'a [f32],
    dst: &'a mut [f32],
}

impl Kernel for Pass<'_> {
    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { conv, src, dst } = self;
        conv.planes.check(I::LANES, conv.planes(), src, dst);
        let vectors = conv.planes.pixels.div_ceil(I::LANES);
        let tiles = vectors.div_ceil(nr_vectors(I::LANES));
        for t in 0..tiles {
            let (start, count) = tile(vectors, tiles, t);
            let at = start * I::LANES;
            // SAFETY: `check` holds for every flat pixel of every plane, and the tile lies within them.
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
unsafe fn channels_of_tile<I: Isa, const NV: usize>(isa: I, conv: &ByteConv, src: *const f32, dst: *mut f32) {
    let mut start = 0;
    for (group, &end) in conv.ends.iter().enumerate() {
        let (channel, end) = (group * MR, end as usize);
        let mut sums = conv.epilogue.starts_of_quad::<I, NV>(isa, channel);
        for block in &conv.blocks[start..end] {
            // SAFETY: the caller vouches for `NV` vectors at each offset of the input.
            sums = unsafe { add_products(isa, sums, src.add(block.offset as usize), &block.weights) };
        }
        start = end;
        let outputs = conv.epilogue.finish_quad::<I, NV>(isa, channel, sums);
        // SAFETY: the caller vouches for the vectors of every plane of the output.
        unsafe {
            if conv.epilogue.makes_bytes() {
                for v in 0..NV {
                    let quads = isa.pack([outputs[0][v], outputs[1][v], outputs[2][v], outputs[3][v]]);
                    isa.store(dst.add(group * conv.planes.dst_plane + v * I::LANES), quads);
                }
            } else {
                for m in 0..MR.min(conv.out_channels - channel) {
                    for v in 0..NV {
                        isa.store(dst.add((channel + m) * conv.planes.dst_plane + v * I::LANES), outputs[m][v]);
                    }
                }
            }
        }
    }
}
