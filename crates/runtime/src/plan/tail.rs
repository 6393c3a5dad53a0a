//! The last steps of a plan, which several samples of a batch can take together.

use super::Plan;
use super::arena::Lifetime;
use super::step::Step;
use crate::kernels::{GROUP, LINE};
use alloc::vec::Vec;
use core::ops::Range;

/// The steps behind the last one over images: they read most weights, and each of them once.
///
/// A sample's part of the arena that these steps use, its front, is small. A group has that much for each of its samples.
pub(super) struct Tail {
    /// The first of the steps.
    first: usize,
    /// What was made before and is read then, or is an output.
    carried: Vec<Range<usize>>,
    /// Elements a sample.
    len: usize,
}

impl Tail {
    /// The tail of `steps`, over buffers with these lifetimes and places.
    pub(super) fn new(steps: &[Step], buffers: &[Lifetime], placed: &[Range<usize>]) -> Self {
        let first = steps.iter().rposition(|step| !step.task.is_over_vectors()).map_or(0, |last| last + 1);
        let lives = |buffer: &Lifetime| buffer.first < first.max(1) && buffer.last >= first;
        let carried: Vec<_> = buffers.iter().zip(placed).filter(|(b, _)| lives(b)).map(|(_, r)| r.clone()).collect();
        let used = steps[first..].iter().flat_map(|step| [&step.src, &step.dst, &step.scratch]);
        let len = used.chain(&carried).map(|range| range.end).max().unwrap_or(0).next_multiple_of(LINE);
        Self { first, carried, len }
    }
}

impl Plan {
    /// Elements that a group needs beside an arena.
    pub(crate) fn group_len(&self) -> usize {
        GROUP * self.tail.len
    }

    /// Runs at most [`GROUP`] samples: each alone up to the tail, over `arena`, and then all of them through it, over `group`.
    /// The first outputs go to `outputs`.
    pub(crate) fn execute_group<'a>(
        &self,
        inputs: impl Iterator<Item = &'a [f32]>,
        outputs: impl Iterator<Item = &'a mut [f32]>,
        arena: &mut [f32],
        group: &mut [f32],
    ) {
        let Tail { first, carried, len } = &self.tail;
        for (input, sample) in inputs.zip(group.chunks_exact_mut(*len)) {
            self.place_input(input, arena);
            self.steps[..*first].iter().for_each(|step| step.run(self.token, arena, usize::MAX));
            carried.iter().for_each(|range| sample[range.clone()].copy_from_slice(&arena[range.clone()]));
        }
        // Where there are fewer samples than places, others, or zeros, stand in the last ones still.
        self.steps[*first..].iter().for_each(|step| step.run_group(self.token, group, *len));
        for (output, sample) in outputs.zip(group.chunks_exact(*len)) {
            output.copy_from_slice(&sample[self.output_range(0)]);
        }
    }
}
