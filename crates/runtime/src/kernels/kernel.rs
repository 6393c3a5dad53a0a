//! What a kernel is: the trait of all of them, and what they are given.

use crate::isa::Token;
use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use core::any::Any;

/// Most time steps of a sequence that are processed together, in whole vectors of every instruction set. A pass over sparse
/// weights costs about as much for four vectors of steps as for one; most characters fit into one chunk.
pub(crate) const CHUNK: usize = 64;

/// Most samples of a batch whose fully connected layers run together: weights then come from memory once for all of them.
pub(crate) const GROUP: usize = 16;

/// Packs its weights once, when it is made, and then runs over slices of the arena.
pub(crate) trait Kernel: Any + Send + Sync {
    /// What there is to know of it, made for the instruction set of `token`.
    fn facts(&self, token: Token) -> Facts;

    /// Runs over `io`, for the instruction set that it was made for.
    fn run(&self, token: Token, io: Io<'_>);
}

/// What there is to know of a kernel.
pub(crate) struct Facts {
    /// Element type and kind, such as `f32_spmm`.
    pub(crate) kind: Cow<'static, str>,
    /// Pixels or outputs that it has in registers.
    pub(crate) tile: Option<[usize; 2]>,
    /// Whether it has a body for each instruction set, or one in plain Rust.
    pub(crate) by_isa: bool,
    /// Bytes of the packed weights.
    pub(crate) weight_bytes: usize,
    /// Elements of working memory.
    pub(crate) scratch_len: usize,
    /// Whether it is one of [`GROUP_KERNELS`](super::GROUP_KERNELS).
    pub(crate) takes_groups: bool,
}

impl Facts {
    /// A kernel in plain Rust, without weights and working memory.
    pub(crate) fn plain(kind: &'static str) -> Self {
        Self { kind: kind.into(), tile: None, by_isa: false, weight_bytes: 0, scratch_len: 0, takes_groups: false }
    }

    /// The name, such as `f32_spmm_64x1_avx2`: element type, kind, tile, instruction set.
    pub(crate) fn name(&self, token: Token) -> String {
        let tile = self.tile.map_or_else(String::new, |[down, across]| format!("_{down}x{across}"));
        let isa = if self.by_isa { format!("_{}", token.kind()) } else { String::new() };
        format!("{}{tile}{isa}", self.kind)
    }
}

/// A kernel that reads its weights once for a group of samples. It stands in [`GROUP_KERNELS`](super::GROUP_KERNELS).
pub(crate) trait GroupKernel: Kernel {
    /// Runs for all `samples`, at most [`GROUP`]. Each has the bits of a run alone.
    fn run_group(&self, token: Token, samples: &mut [Sample<'_>]);
}

/// What a run works on.
pub(crate) struct Io<'a> {
    pub(crate) src: &'a [f32],
    pub(crate) dst: &'a mut [f32],
    /// What the kernel carries from chunk to chunk of a sequence.
    pub(crate) state: &'a mut [f32],
    /// Working memory.
    pub(crate) scratch: &'a mut [f32],
    pub(crate) extent: Extent,
    /// Whether to read the weights from the last to the first. Of a matrix larger than a cache, a run that goes backwards after
    /// one that did not finds the last part of it still there; the answer is the same.
    pub(crate) backwards: bool,
}

/// How much of its buffers a run works on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Extent {
    /// All of them.
    Whole,
    /// Of a sequence, so many time steps: those that the buffers hold, or that a sum is of.
    Steps(usize),
}

impl Extent {
    /// How many of `pixels` flat pixels: the steps of a chunk stand as pixels.
    pub(crate) fn of(self, pixels: usize) -> usize {
        match self {
            Self::Whole => pixels,
            Self::Steps(steps) => steps.min(pixels),
        }
    }
}

/// One sample of a group: what a kernel reads, and where its output goes.
pub(crate) struct Sample<'a> {
    pub(crate) src: &'a [f32],
    pub(crate) dst: &'a mut [f32],
}
