//! What a kernel is: the trait of all of them, and what they are given.

use crate::isa::Token;
use alloc::string::String;

/// Most time steps of a sequence that are processed together, in whole vectors of every instruction set. A pass over sparse
/// weights costs about as much for four vectors of steps as for one; most characters fit into one chunk.
pub(crate) const CHUNK: usize = 64;

/// Most samples of a batch whose fully connected layers run together: weights then come from memory once for all of them.
pub(crate) const GROUP: usize = 16;

/// Packs its weights once, when it is made, and then runs over slices of the arena.
pub(crate) trait Kernel: Send + Sync {
    /// Its name, such as `f32_spmm_64x1_avx2`: element type, kind, tile (pixels or outputs), and the instruction set of `token`
    /// where it has one body for each.
    fn name(&self, token: Token) -> String;

    /// Bytes of the packed weights.
    fn bytes(&self) -> usize;

    /// Elements of working memory.
    fn scratch_len(&self) -> usize;

    /// Runs over `io`, for the instruction set that it was made for.
    fn run(&self, token: Token, io: Io<'_>);

    /// The way to run it for a group of samples, where it reads its weights once for all of them.
    fn group(&self) -> Option<&dyn GroupKernel> {
        None
    }
}

/// A kernel that reads its weights once for a group of samples.
pub(crate) trait GroupKernel {
    /// Runs for the first `count` of `samples`; some of the others may get an output, too.
    fn run_group(&self, token: Token, samples: [Sample<'_>; GROUP], count: usize);
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
