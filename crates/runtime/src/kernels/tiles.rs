//! Convolutions over flat pixels, cut into tiles of vectors that registers hold.

use super::kernel::{Facts, Io, Kernel};
use super::layer::LayerKernel;
use crate::isa::{Body, Isa, Token};
use alloc::vec::Vec;

/// Where a convolution over flat pixels reads and writes.
#[derive(Clone, Debug)]
pub(crate) struct FlatPlanes {
    /// For each column of the weight matrix, the distance from an output pixel's flat position to the input that it reads.
    pub(crate) offsets: Vec<u32>,
    /// Planes that it writes.
    pub(crate) dst_planes: usize,
    /// Elements between the planes of two output channels.
    pub(crate) dst_plane: usize,
    /// Position of the first pixel in an output plane.
    pub(crate) dst_origin: usize,
    /// Flat pixels, those between the rows included.
    pub(crate) pixels: usize,
}

/// What a kernel does to `NV` vectors of pixels.
pub(crate) trait TileBody {
    /// Runs over the tile.
    ///
    /// # Safety
    /// `NV` vectors lie within what the implementation is about.
    unsafe fn run<I: Isa, const NV: usize>(self, isa: I);
}

/// Runs `body` for `count` vectors, from 1 to `most`, which is at most 8. Where `most` is a constant, so are the bodies.
///
/// # Safety
/// As for [`TileBody::run`].
#[inline(always)]
pub(crate) unsafe fn run_tile<I: Isa>(isa: I, count: usize, most: usize, body: impl TileBody) {
    // SAFETY: the caller vouches for `count` vectors.
    unsafe {
        match count {
            1 => body.run::<I, 1>(isa),
            2 if most >= 2 => body.run::<I, 2>(isa),
            3 if most >= 3 => body.run::<I, 3>(isa),
            4 if most >= 4 => body.run::<I, 4>(isa),
            5 if most >= 5 => body.run::<I, 5>(isa),
            6 if most >= 6 => body.run::<I, 6>(isa),
            7 if most >= 7 => body.run::<I, 7>(isa),
            8 if most >= 8 => body.run::<I, 8>(isa),
            _ => unreachable!("a tile of more vectors than there is a body for"),
        }
    }
}

/// Splits `vectors` into tiles of at most `most`, as equal as possible: the start and the length of each.
#[inline(always)]
pub(crate) fn tiles(vectors: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let tiles = vectors.div_ceil(most);
    // In 65536ths, so that nothing is divided for each tile.
    let step = ((vectors as u64) << 16).div_ceil(tiles.max(1) as u64);
    let bound = move |i: usize| ((i as u64 * step) >> 16).min(vectors as u64) as usize;
    (0..tiles).map(move |i| (bound(i), bound(i + 1) - bound(i)))
}

/// A convolution over flat pixels: what it does to a tile of them.
pub(crate) trait FlatConv: LayerKernel {
    /// Output channels and pixels that it has in registers.
    fn in_registers(token: Token) -> [usize; 2];

    /// Bytes of the packed weights.
    fn weight_bytes(&self) -> usize;

    /// Where it reads and writes.
    fn planes(&self) -> &FlatPlanes;

    /// Most vectors of pixels of a tile.
    fn most_vectors<I: Isa>() -> usize;

    /// All output channels of `NV` vectors of pixels.
    ///
    /// # Safety
    /// `src` and `dst` point to the input and to the first output plane at the tile's first pixel; `NV` vectors are readable at
    /// each offset from `src`, and writable in each plane of the output.
    unsafe fn tile<I: Isa, const NV: usize>(&self, isa: I, src: *const f32, dst: *mut f32);
}

impl<C: FlatConv> Kernel for C {
    fn facts(&self, token: Token) -> Facts {
        Facts {
            kind: C::NAME.into(),
            tile: Some(C::in_registers(token)),
            by_isa: true,
            weight_bytes: self.weight_bytes(),
            scratch_len: 0,
            takes_groups: false,
        }
    }

    fn run(&self, token: Token, Io { src, dst, extent, .. }: Io<'_>) {
        token.enter(Pass { conv: self, src, dst, pixels: extent.of(self.planes().pixels) });
    }
}

/// The pass of a [`FlatConv`] over the first `pixels` of its flat pixels.
///
/// Pixels outside, channels inside: a tile's input stays in the first-level cache while the weights stream past.
struct Pass<'a, C> {
    conv: &'a C,
    src: &'a [f32],
    dst: &'a mut [f32],
    pixels: usize,
}

impl<C: FlatConv> Body for Pass<'_, C> {
    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let Self { conv, src, dst, pixels } = self;
        let planes = conv.planes();
        // Whole vectors over all pixels stay within the slices: the unchecked accesses rest on it.
        let written = planes.pixels.next_multiple_of(I::LANES);
        let farthest = planes.offsets.iter().copied().max().unwrap_or(0) as usize;
        assert!(pixels <= planes.pixels, "more pixels than planned");
        assert!(farthest + written <= src.len(), "input planes shorter than planned");
        let last = (planes.dst_planes - 1) * planes.dst_plane;
        assert!(planes.dst_origin + last + written <= dst.len(), "output planes too short");
        for (start, count) in tiles(pixels.div_ceil(I::LANES), C::most_vectors::<I>()) {
            let at = start * I::LANES;
            // SAFETY: the assertions hold for every flat pixel of every plane, and the tile lies within them.
            unsafe {
                let (src, dst) = (src.as_ptr().add(at), dst.as_mut_ptr().add(planes.dst_origin + at));
                run_tile(isa, count, C::most_vectors::<I>(), Tile { conv, src, dst });
            }
        }
    }
}

struct Tile<'a, C> {
    conv: &'a C,
    src: *const f32,
    dst: *mut f32,
}

impl<C: FlatConv> TileBody for Tile<'_, C> {
    #[inline(always)]
    unsafe fn run<I: Isa, const NV: usize>(self, isa: I) {
        // SAFETY: the caller vouches for the vectors.
        unsafe { self.conv.tile::<I, NV>(isa, self.src, self.dst) }
    }
}

/// Writes the vectors of a tile's first `count` rows, `stride` elements apart.
///
/// # Safety
/// `NV` vectors are writable at each of these rows, and there are `count`.
#[inline(always)]
pub(crate) unsafe fn store_rows<I: Isa, const NV: usize>(
    isa: I,
    rows: &[[I::F32; NV]],
    count: usize,
    to: *mut f32,
    stride: usize,
) {
    for m in 0..count.min(rows.len()) {
        for v in 0..NV {
            // SAFETY: the caller vouches for the vectors.
            unsafe { isa.store(to.add(m * stride + v * I::LANES), rows[m][v]) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_all_vectors_and_none_is_too_long() {
        for (vectors, most) in (0..700).flat_map(|vectors| (1..9).map(move |most| (vectors, most))) {
            let mut end = 0;
            for (start, count) in tiles(vectors, most) {
                assert!(start == end && (1..=most).contains(&count), "{vectors} by {most}");
                end = start + count;
            }
            assert_eq!(end, vectors);
        }
    }
}
