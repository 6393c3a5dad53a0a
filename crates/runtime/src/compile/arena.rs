//! One arena for all values: buffers whose lifetimes do not meet share memory.

use crate::tensor::LINE;
use alloc::vec::Vec;
use core::ops::Range;

/// Elements behind each buffer that a kernel may read while it fills its last vectors: those of
/// [`winograd`](crate::kernels::f32::winograd) read four and a few.
const SLACK: usize = 5 * LINE;

/// A buffer: its elements, and the tasks by which it is written and read last.
pub(crate) struct Lifetime {
    pub(crate) elements: usize,
    pub(crate) first: usize,
    pub(crate) last: usize,
}

/// Gives each buffer a range of the arena, slack included. The buffers come in ascending order of `first`.
pub(crate) fn place(buffers: &[Lifetime]) -> Vec<Range<usize>> {
    let mut live: Vec<(Range<usize>, usize)> = Vec::new(); // by position, with the last task
    let mut placed = Vec::with_capacity(buffers.len());
    for buffer in buffers {
        live.retain(|&(_, last)| last >= buffer.first);
        let len = (buffer.elements + SLACK).next_multiple_of(LINE);
        let (mut start, mut at) = (0, 0);
        while let Some((range, _)) = live.get(at).filter(|(range, _)| range.start < start + len) {
            start = range.end;
            at += 1;
        }
        live.insert(at, (start..start + len, buffer.last));
        placed.push(start..start + len);
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_that_live_together_are_apart_and_dead_ones_are_reused() {
        let lives = [(0, 1), (1, 2), (2, 3), (2, 4), (3, 9), (4, 5)];
        let buffers: Vec<_> = lives
            .iter()
            .enumerate()
            .map(|(i, &(first, last))| Lifetime { elements: 100 + 37 * (i % 3), first, last })
            .collect();
        let placed = place(&buffers);
        for i in 0..buffers.len() {
            for j in 0..i {
                let apart = placed[i].end <= placed[j].start || placed[j].end <= placed[i].start;
                assert!(apart || buffers[j].last < buffers[i].first, "{i} and {j} overlap");
            }
        }
        let end = placed.iter().map(|r| r.end).max().unwrap();
        assert!(end < placed.iter().map(Range::len).sum::<usize>());
    }
}
