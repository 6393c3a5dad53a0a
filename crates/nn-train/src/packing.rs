//! Where the steps of sequences lie in a mini-batch.

use hccr_tensor::Scalar;
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

    /// Writes a matrix of `rows` rows with the values of each step together, where those of a step are a matrix of `of` rows: into its first.
    pub(crate) fn spread<T: Scalar>(&self, values: &[T], rows: usize, steps: &mut [T], of: usize) {
        let columns = self.columns();
        for step in (0..self.steps()).map(|t| self.step(t)) {
            let to = steps[step.start * of..].chunks_exact_mut(step.len());
            for (row, to) in (0..rows).zip(to) {
                to.copy_from_slice(&values[row * columns..][step.clone()]);
            }
        }
    }

    /// The reverse of [`spread`](Self::spread).
    pub(crate) fn gather<T: Scalar>(&self, steps: &[T], of: usize, rows: usize) -> Vec<T> {
        let columns = self.columns();
        let mut values = vec![T::zero(); rows * columns];
        for step in (0..self.steps()).map(|t| self.step(t)) {
            let from = steps[step.start * of..].chunks_exact(step.len());
            for (values, from) in values.chunks_exact_mut(columns).zip(from) {
                values[step.clone()].copy_from_slice(from);
            }
        }
        values
    }

    /// The column of each step of the sequence at `place` of the order.
    pub(crate) fn columns_of(&self, place: usize) -> impl Iterator<Item = usize> {
        (0..self.steps()).map(move |t| self.step(t)).take_while(move |s| place < s.len()).map(move |s| s.start + place)
    }
}
