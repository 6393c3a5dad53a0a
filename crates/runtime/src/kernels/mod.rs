//! Kernels: each packs its weights once and then runs over slices of the arena.
//!
//! Images stand in the arena as planes with a border of zeros ([`Layout`](crate::plan::Layout)). A convolution of
//! stride 1 whose input and output planes have rows of equal stride is a product of the weights with *flat* pixels: an
//! output pixel at flat position `i` reads the input at `i + offset`, where `offset` depends on the weight alone. What
//! it writes between the rows is cleared afterwards.
//!
//! A chunk of a sequence is such a plane too: one channel a feature, one pixel a step. A fully connected layer over its
//! steps is a convolution of 1x1 then, and each column's sum runs in the same order however many columns there are.

pub(crate) mod activation;
pub(crate) mod bspmm;
pub(crate) mod bytes;
pub(crate) mod conv;
pub(crate) mod conv_pool;
pub(crate) mod gemv;
pub(crate) mod lstm;
pub(crate) mod over_time;
pub(crate) mod pointwise;
pub(crate) mod pool;
pub(crate) mod product;
pub(crate) mod sell;
pub(crate) mod shared;
pub(crate) mod softmax;
pub(crate) mod spmm;
pub(crate) mod spmv;
pub(crate) mod strided;
pub(crate) mod winograd;

use alloc::vec::Vec;
use core::ops::{Deref, DerefMut};

/// Most steps of a sequence that are processed together, in whole vectors of every instruction set. A pass over sparse
/// weights costs about as much for four vectors of steps as for one; most characters fit into one chunk.
pub(crate) const CHUNK: usize = 64;

/// Most samples of a batch whose fully connected layers run together: weights then come from memory once for all of them.
pub(crate) const GROUP: usize = 16;

/// An input of a kernel that takes several, and where its output goes.
pub(crate) struct Sample<'a> {
    pub(crate) src: &'a [f32],
    pub(crate) dst: &'a mut [f32],
}

/// Elements in a cache line.
pub(crate) const LINE: usize = 16;

/// What it takes a cache line of weights to come from the last-level cache or from memory, in multiply-adds of vectors:
/// 9 where a network runs alone, 18 where others run between, as measured.
pub(crate) const LINE_COST: usize = 12;

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

/// Zero-initialised `f32`s that start at a cache line.
pub(crate) struct Aligned {
    lines: Vec<Line>,
    len: usize,
}

impl Aligned {
    pub(crate) fn zeros(len: usize) -> Self {
        Self { lines: alloc::vec![Line([0.0; LINE]); len.div_ceil(LINE)], len }
    }

    /// The same as bytes of quads.
    pub(crate) fn as_quads_mut(&mut self) -> &mut [[i8; 4]] {
        // SAFETY: every four bytes are an `f32`, which has the size of a quad, no less alignment, and no bits that it may not have.
        unsafe { core::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: the lines are `len` or more contiguous, initialised `f32`s.
        unsafe { core::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in `deref`, and borrowed mutably through `self`.
        unsafe { core::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

/// What a convolution or fully connected layer does to a sum: adds the bias, then applies PRelu.
pub(crate) struct Epilogue {
    /// One an output.
    pub(crate) bias: Vec<f32>,
    /// One an output; 1 where there is no PRelu.
    pub(crate) slope: Vec<f32>,
}

impl Epilogue {
    /// The same for `outputs` outputs, the new ones with bias 0 and slope 1.
    fn padded(mut self, outputs: usize) -> Self {
        self.bias.resize(outputs, 0.0);
        self.slope.resize(outputs, 1.0);
        self
    }
}

/// Where a convolution over flat pixels reads and writes.
#[derive(Clone, Debug)]
pub(crate) struct FlatPlanes {
    /// For each column of the weight matrix, the distance from an output pixel's flat position to the input it reads.
    pub(crate) offsets: Vec<u32>,
    /// Elements between the planes of two output channels.
    pub(crate) dst_plane: usize,
    /// Position of the first pixel in an output plane.
    pub(crate) dst_origin: usize,
    /// Flat pixels, those between the rows included.
    pub(crate) pixels: usize,
}

impl FlatPlanes {
    /// Checks that whole vectors over all pixels stay within the slices; the kernels' unchecked accesses rest on this.
    fn check(&self, lanes: usize, channels: usize, src: &[f32], dst: &[f32]) {
        let written = self.pixels.next_multiple_of(lanes);
        let farthest = self.offsets.iter().copied().max().unwrap_or(0) as usize;
        assert!(farthest + written <= src.len(), "input planes shorter than planned");
        assert!(self.dst_origin + (channels - 1) * self.dst_plane + written <= dst.len(), "output planes too short");
    }
}

/// Splits `vectors` into tiles of at most `most`, as equal as possible: the start and length of tile `i`.
#[inline(always)]
fn tile(vectors: usize, tiles: usize, i: usize) -> (usize, usize) {
    let start = vectors * i / tiles;
    (start, vectors * (i + 1) / tiles - start)
}
