//! The last steps of a plan, which several samples of a batch can take together.

use super::Plan;
use super::arena::Lifetime;
use super::step::Step;
use super::values::MAX_ELEMENTS;
use crate::kernels::{GROUP, LINE};
use alloc::vec::Vec;
use core::ops::Range;

/// The steps from the first fully connected layer on that has a kernel for a group of samples, behind the last step over
/// images: they read most weights, and each of them once.
///
/// The part of the arena that these steps use, its front, is small. A group has that much for each of its samples.
pub(super) struct Tail {
    /// The first of the steps.
    first: usize,
    /// What was made before and is read then, or is an output.
    carried: Vec<Range<usize>>,
    /// Elements a sample.
    len: usize,
}

impl Tail {
    /// The tail of `steps`, over buffers with these lifetimes and places, if there is one.
    pub(super) fn of(steps: &[Step], buffers: &[Lifetime], placed: &[Range<usize>]) -> Option<Self> {
        let vectors = steps.iter().rposition(|step| !step.is_over_vectors()).map_or(0, |last| last + 1);
        let first = vectors + steps[vectors..].iter().position(|step| step.task.takes_groups())?;
        // Inputs are there before the first step, as if it had written them.
        let lives = |buffer: &Lifetime| buffer.first < first.max(1) && buffer.last >= first;
        let carried: Vec<_> = buffers.iter().zip(placed).filter(|(b, _)| lives(b)).map(|(_, r)| r.clone()).collect();
        let used = steps[first..].iter().flat_map(|step| [&step.src, &step.dst, &step.scratch]);
        let len = used.chain(&carried).map(|range| range.end).max()?.next_multiple_of(LINE);
        // A group may take no more memory than the values of a plan.
        (len <= MAX_ELEMENTS / GROUP).then_some(Self { first, carried, len })
    }
}

impl Plan {
    /// Bytes of working memory that each session of a [`Batch`](crate::Batch) needs beside [`Plan::arena_bytes`].
    pub fn group_bytes(&self) -> usize {
        self.group_len() * size_of::<f32>()
    }

    /// Elements that a group needs beside an arena; none where the plan has no tail.
    pub(crate) fn group_len(&self) -> usize {
        self.tail.as_ref().map_or(0, |tail| GROUP * tail.len)
    }

    /// Runs at most [`GROUP`] samples: each alone up to the tail, over `arena`, and then all of them through it, over `group`.
    /// The first outputs go to `outputs`.
    pub(crate) fn execute_group<'a>(
        &self,
        inputs: impl ExactSizeIterator<Item = &'a [f32]>,
        outputs: impl Iterator<Item = &'a mut [f32]>,
        arena: &mut [f32],
        group: &mut [f32],
    ) {
        let samples = inputs.len();
        let Some(Tail { first, carried, len }) = self.tail.as_ref().filter(|_| samples > 1) else {
            for (input, output) in inputs.zip(outputs) {
                self.execute(input, arena, |_| ());
                output.copy_from_slice(&arena[self.output_range(0)]);
            }
            return;
        };
        for (input, sample) in inputs.zip(group.chunks_exact_mut(*len)) {
            self.place_input(input, arena);
            self.steps[..*first].iter().for_each(|step| step.run(self.token, arena, usize::MAX));
            carried.iter().for_each(|range| sample[range.clone()].copy_from_slice(&arena[range.clone()]));
        }
        self.steps[*first..].iter().for_each(|step| step.run_group(self.token, group, *len, samples));
        for (output, sample) in outputs.zip(group.chunks_exact(*len)) {
            output.copy_from_slice(&sample[self.output_range(0)]);
        }
    }
}
