//! A matrix of integers, as the products of bytes read it.

use super::matrix::Matrix;
use super::weight::{Weight, WeightData};
use crate::isa::round;
use alloc::vec::Vec;
use core::array::from_fn;

/// The largest magnitude of an integer: two products of it with 8 bits add up in 16.
pub(crate) const MAX_INTEGER: i8 = 63;

/// Products of as many bytes with integers add up within 32 bits.
const MAX_COLUMNS: usize = 1 << 16;

/// True for a weight whose values are integers that products of bytes can take.
pub(crate) fn are_integers(weight: &Weight) -> bool {
    let values = match &weight.data {
        WeightData::Dense(values) | WeightData::Sparse { values, .. } => values,
        WeightData::Codebook { centres, .. } => centres,
    };
    let most = f32::from(MAX_INTEGER);
    // Without branches within a chunk the compiler takes many values at a time.
    let are = |chunk: &[f32]| chunk.iter().fold(true, |are, &v| are & (v.abs() <= most) & (round(v) == v));
    weight.columns() <= MAX_COLUMNS && values.chunks(1024).all(are)
}

/// A matrix of integers from -[`MAX_INTEGER`] to [`MAX_INTEGER`], whose columns stand in quads: four to an element.
pub(crate) struct Integers<'a> {
    matrix: &'a Matrix<'a>,
    /// The integer of each label, where there are any.
    table: [i8; 256],
    /// Quads of a row.
    quads: usize,
    /// For each column, its byte of the row.
    places: Vec<u32>,
}

impl<'a> Integers<'a> {
    /// The entries of `matrix`, whose columns are these bytes of `quads` quads.
    pub(crate) fn new(matrix: &'a Matrix<'a>, quads: usize, places: Vec<u32>) -> Self {
        let mut table = [0; 256];
        if let WeightData::Codebook { centres, .. } = &matrix.weight.data {
            table.iter_mut().zip(centres).for_each(|(integer, &centre)| *integer = centre as i8);
        }
        Self { matrix, table, quads, places }
    }

    pub(crate) fn rows(&self) -> usize {
        self.matrix.rows()
    }

    /// The factor of each row.
    pub(crate) fn scale(&self, row: usize) -> f32 {
        self.matrix.scale.as_ref().map_or(1.0, |scale| scale[row])
    }

    /// Entries that are not zero.
    pub(crate) fn nnz(&self) -> usize {
        self.matrix.nnz()
    }

    /// For each `MR` consecutive rows, their quads for each quad of the input; what the last ones lack is zero.
    pub(crate) fn blocks<const MR: usize>(&self) -> impl Iterator<Item = Vec<[i32; MR]>> {
        (0..self.rows()).step_by(MR).map(|first| {
            let mut block = alloc::vec![[0; MR]; self.quads];
            self.pack(&from_fn::<_, MR, _>(|m| first + m), block.as_flattened_mut());
            block
        })
    }

    /// Writes the weights of `rows` to `panel`, `[quads of the input][rows]`, which is zero before. A row that is not there
    /// leaves it so.
    pub(crate) fn pack(&self, rows: &[usize], panel: &mut [i32]) {
        for (i, &row) in rows.iter().enumerate().filter(|(_, row)| **row < self.rows()) {
            self.for_each(row, |column, weight| {
                let place = self.places[column] as usize;
                // In arithmetic, not in memory, whose order of bytes differs from machine to machine.
                panel[place / 4 * rows.len() + i] |= i32::from(weight.cast_unsigned()) << (8 * (place % 4));
            });
        }
    }

    /// The sum of a row.
    pub(crate) fn sum(&self, row: usize) -> i32 {
        let mut sum = 0;
        self.for_each(row, |_, weight| sum += i32::from(weight));
        sum
    }

    /// Goes through the columns of a row that have an entry.
    #[inline]
    fn for_each(&self, row: usize, mut entry: impl FnMut(usize, i8)) {
        match &self.matrix.weight.data {
            WeightData::Dense(values) => {
                let columns = self.places.len();
                let row = &values[row * columns..][..columns];
                row.iter().enumerate().for_each(|(column, &value)| entry(column, value as i8));
            }
            WeightData::Sparse { pattern, values } => {
                let (range, indices) = (pattern.row(row), &pattern.indices);
                let row = indices[range.clone()].iter().zip(&values[range]);
                row.for_each(|(&column, &value)| entry(column as usize, value as i8));
            }
            WeightData::Codebook { pattern, labels, .. } => {
                let (range, indices) = (pattern.row(row), &pattern.indices);
                let row = indices[range.clone()].iter().zip(&labels[range]);
                row.for_each(|(&column, &label)| entry(column as usize, self.table[usize::from(label)]));
            }
        }
    }
}
