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

    /// The values of a matrix of `rows` rows with those of each step together, as a matrix of the step's columns.
    pub(crate) fn by_step<T: Scalar>(&self, values: Vec<T>, rows: usize) -> Vec<T> {
        let mut steps = vec![T::zero(); values.len()];
        for (row, values) in values.chunks_exact(self.columns()).enumerate() {
            for step in (0..self.steps()).map(|t| self.step(t)) {
                steps[step.start * rows + row * step.len()..][..step.len()].copy_from_slice(&values[step]);
            }
        }
        steps
    }

    /// The reverse of [`by_step`](Self::by_step).
    pub(crate) fn by_column<T: Scalar>(&self, steps: &[T], rows: usize) -> Vec<T> {
        let mut values = Vec::with_capacity(steps.len());
        for row in 0..rows {
            for step in (0..self.steps()).map(|t| self.step(t)) {
                values.extend_from_slice(&steps[step.start * rows + row * step.len()..][..step.len()]);
            }
        }
        values
    }

    /// For every column but those of the first step, the column of the same sequence one step before: of values by step, as a matrix.
    pub(crate) fn before_each_step<T: Scalar>(&self, steps: &[T], rows: usize) -> Vec<T> {
        let mut previous = Vec::with_capacity(steps.len());
        for row in 0..rows {
            for ends in self.starts.windows(3) {
                let (before, n) = (ends[1] - ends[0], ends[2] - ends[1]);
                previous.extend_from_slice(&steps[ends[0] * rows + row * before..][..n]);
            }
        }
        previous
    }

    /// The column of each step of the sequence at `place` of the order.
    pub(crate) fn columns_of(&self, place: usize) -> impl Iterator<Item = usize> {
        (0..self.steps()).map(move |t| self.step(t)).take_while(move |s| place < s.len()).map(move |s| s.start + place)
    }
}
