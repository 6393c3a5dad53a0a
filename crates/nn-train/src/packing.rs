//! Where the steps of sequences lie in a mini-batch.

use std::ops::Range;

/// How the steps of a chunk's sequences lie in its columns: the first step of all sequences, then the second step of all
/// that have one, and so on, the longest sequence always first.
///
/// No column is padding, and the columns that continue the first `n` columns of a step are the first `n` of the next.
#[derive(Clone, Debug, PartialEq)]
pub struct Packing {
    /// The sequences, the longest first.
    order: Vec<usize>,
    /// First column of each step, and at the end the number of columns.
    starts: Vec<usize>,
}

impl Packing {
    pub(crate) fn new(lengths: &[usize]) -> Self {
        let mut order: Vec<usize> = (0..lengths.len()).collect();
        order.sort_by_key(|&i| std::cmp::Reverse(lengths[i]));
        let mut starts = vec![0];
        let (mut columns, mut running) = (0, order.len());
        for step in 0..order.first().map_or(0, |&longest| lengths[longest]) {
            while lengths[order[running - 1]] <= step {
                running -= 1;
            }
            columns += running;
            starts.push(columns);
        }
        Self { order, starts }
    }

    /// Number of steps of the longest sequence.
    pub fn steps(&self) -> usize {
        self.starts.len() - 1
    }

    /// The columns of a step.
    pub fn step(&self, step: usize) -> Range<usize> {
        self.starts[step]..self.starts[step + 1]
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.starts[self.steps()]
    }

    /// The sequences, as numbered in the chunk, in the order of the columns of each step.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// The column of each step of the sequence at `place` of the order.
    pub(crate) fn columns_of(&self, place: usize) -> impl Iterator<Item = usize> {
        (0..self.steps()).map(move |t| self.step(t)).take_while(move |s| place < s.len()).map(move |s| s.start + place)
    }
}
