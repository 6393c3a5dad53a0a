//! The matrix of a convolution, fully connected layer or LSTM.

use super::weight::{Pattern, Weight, WeightData};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// A weight, with a factor for each row.
pub(crate) struct Matrix<'a> {
    pub(crate) weight: &'a Weight,
    pub(crate) scale: Option<Vec<f32>>,
    nnz: usize,
}

impl<'a> Matrix<'a> {
    pub(crate) fn new(weight: &'a Weight, scale: Option<Vec<f32>>) -> Self {
        Self { weight, scale, nnz: weight.nnz() }
    }

    pub(crate) fn rows(&self) -> usize {
        self.weight.rows()
    }

    pub(crate) fn columns(&self) -> usize {
        self.weight.columns()
    }

    pub(crate) fn elements(&self) -> usize {
        self.weight.elements()
    }

    /// Elements that are not zero.
    pub(crate) fn nnz(&self) -> usize {
        self.nnz
    }

    /// Elements where rows are filled up to a multiple of `mr`.
    pub(crate) fn padded(&self, mr: usize) -> usize {
        self.rows().next_multiple_of(mr) * self.columns()
    }

    /// Blocks of `mr` consecutive rows by one column that are not zero.
    pub(crate) fn blocks(&self, mr: usize) -> usize {
        let nonzeros = self.nonzeros();
        // For each column the block of rows that it was found in last.
        let mut found = alloc::vec![usize::MAX; self.columns()];
        let mut blocks = 0;
        for row in 0..nonzeros.pattern.rows() {
            for &column in &nonzeros.pattern.indices[nonzeros.pattern.row(row)] {
                let last = core::mem::replace(&mut found[column as usize], row / mr);
                blocks += usize::from(last != row / mr);
            }
        }
        blocks
    }

    /// All entries, row-major.
    pub(crate) fn to_dense(&self) -> Vec<f32> {
        let mut dense = self.weight.to_dense();
        if let Some(scale) = &self.scale {
            for (values, factor) in dense.chunks_exact_mut(self.weight.columns()).zip(scale) {
                values.iter_mut().for_each(|v| *v *= factor);
            }
        }
        dense
    }

    /// The non-zero entries.
    pub(crate) fn nonzeros(&self) -> Nonzeros<'_> {
        let nnz = self.nnz;
        let (pattern, values) = match &self.weight.data {
            WeightData::Dense(values) => {
                let pattern = Pattern::from_mask(values.iter().map(|&v| v != 0.0), self.weight.columns());
                let values = values.iter().copied().filter(|&v| v != 0.0).collect();
                (Cow::Owned(pattern), Values::Own(Cow::Owned(values)))
            }
            WeightData::Sparse { pattern, values } if nnz < pattern.nnz() => keep(pattern, |i| values[i]),
            WeightData::Sparse { pattern, values } => (Cow::Borrowed(pattern), Values::Own(Cow::Borrowed(values))),
            WeightData::Codebook { pattern, centres, labels } if nnz < pattern.nnz() => {
                keep(pattern, |i| centres[usize::from(labels[i])])
            }
            WeightData::Codebook { pattern, centres, labels } => {
                let mut table = Box::new([0.0; 256]);
                table[..centres.len()].copy_from_slice(centres);
                (Cow::Borrowed(pattern), Values::Shared { centres: table, labels })
            }
        };
        Nonzeros { pattern, values, scale: self.scale.as_deref() }
    }
}

/// The entries of `pattern` whose `value` is not zero.
fn keep<'a>(pattern: &Pattern, value: impl Fn(usize) -> f32) -> (Cow<'a, Pattern>, Values<'a>) {
    let mut kept = Pattern { indptr: alloc::vec![0], indices: Vec::new() };
    let mut values = Vec::new();
    for row in 0..pattern.rows() {
        for i in pattern.row(row).filter(|&i| value(i) != 0.0) {
            kept.indices.push(pattern.indices[i]);
            values.push(value(i));
        }
        kept.indptr.push(values.len() as u32);
    }
    (Cow::Owned(kept), Values::Own(Cow::Owned(values)))
}

/// The non-zero entries of a matrix, for sparse kernels to pack.
///
/// It borrows what it can from the model, since fresh memory is what making a plan spends most of its time on.
pub(crate) struct Nonzeros<'a> {
    /// Where they stand.
    pub(crate) pattern: Cow<'a, Pattern>,
    pub(crate) values: Values<'a>,
    /// A factor for each row.
    pub(crate) scale: Option<&'a [f32]>,
}

/// One value an entry, without its row's factor.
pub(crate) enum Values<'a> {
    Own(Cow<'a, [f32]>),
    Shared {
        /// Zeros after the last.
        centres: Box<[f32; 256]>,
        /// One an entry.
        labels: &'a [u8],
    },
}

impl Nonzeros<'_> {
    /// The values of all rows, with their factors.
    pub(crate) fn to_values(&self) -> Vec<f32> {
        let mut values: Vec<f32> = match &self.values {
            Values::Own(values) => values.to_vec(),
            Values::Shared { centres, labels } => labels.iter().map(|&l| centres[usize::from(l)]).collect(),
        };
        if let Some(scale) = self.scale {
            for (row, factor) in scale.iter().enumerate() {
                values[self.pattern.row(row)].iter_mut().for_each(|v| *v *= factor);
            }
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_zeros_are_left_out() {
        let pattern = Pattern { indptr: alloc::vec![0, 2, 3], indices: alloc::vec![0, 2, 1] };
        let (centres, labels) = (alloc::vec![0.0, 3.0, 5.0], alloc::vec![1, 0, 2]);
        let kinds = [
            WeightData::Dense(alloc::vec![3.0, 0.0, 0.0, 0.0, 5.0, 0.0]),
            WeightData::Sparse { pattern: pattern.clone(), values: alloc::vec![3.0, 0.0, 5.0] },
            WeightData::Codebook { pattern, centres, labels },
        ];
        for data in kinds {
            let weight = Weight { name: "w".into(), shape: alloc::vec![2, 3], data };
            let matrix = Matrix::new(&weight, Some(alloc::vec![1.0, 2.0]));
            let nonzeros = matrix.nonzeros();
            assert_eq!(*nonzeros.pattern, Pattern { indptr: alloc::vec![0, 1, 2], indices: alloc::vec![0, 1] });
            assert_eq!(nonzeros.to_values(), [3.0, 10.0]);
        }
    }

    #[test]
    fn an_unused_centre_of_zero_costs_no_copy() {
        let pattern = Pattern::from_mask([true; 300], 300);
        let (centres, labels) = (alloc::vec![0.0, 7.0], alloc::vec![1; 300]);
        let data = WeightData::Codebook { pattern, centres, labels };
        let weight = Weight { name: "w".into(), shape: alloc::vec![1, 300], data };
        let matrix = Matrix::new(&weight, None);
        assert!(matches!(matrix.nonzeros().pattern, Cow::Borrowed(_)));
        assert_eq!(matrix.nonzeros().to_values(), [7.0; 300]);
    }
}
