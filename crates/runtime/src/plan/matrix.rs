//! The matrix of a convolution or fully connected layer, as its kernel packs it.

use crate::isa::MAX_LANES;
use crate::kernels::gemv;
use crate::kernels::sell::{self, SlicedLinear};
use crate::kernels::shared;
use crate::model::{Pattern, Weight, WeightData};
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// The density (share of non-zeros) below which a sparse kernel pays, measured on the thesis's layers: a sparse
/// multiply-add runs at 0.56 to 0.8 of the dense rate with 8 lanes, and at 0.44 to 0.6 with 16.
const fn sparse_below(lanes: usize) -> f64 {
    if lanes > 8 { 0.5 } else { 0.65 }
}

/// The density above which looking up all weights, zeros included, beats gathering the inputs of the others, as measured.
const fn labels_above(lanes: usize) -> f64 {
    if lanes > 8 { 0.2 } else { 0.4 }
}

/// What a second-level cache holds of a matrix.
const LEVEL_2_BYTES: usize = 1 << 20;

/// How a matrix is stored for products with a vector.
pub(super) enum Form {
    Dense,
    /// Dense, as labels of few values.
    Labels,
    Sparse,
    Sliced,
}

/// A weight, with a factor for each row.
pub(super) struct Matrix<'a> {
    pub(super) weight: &'a Weight,
    pub(super) scale: Option<Vec<f32>>,
}

impl Matrix<'_> {
    /// True where a sparse kernel beats a dense one, which pads the rows to a multiple of `mr`.
    pub(super) fn is_sparse(&self, mr: usize, lanes: usize) -> bool {
        self.multiply_adds(mr, lanes) < self.padded(mr)
    }

    /// The share of non-zeros.
    pub(super) fn density(&self) -> f64 {
        self.weight.nnz() as f64 / (self.weight.rows() * self.weight.columns()) as f64
    }

    /// What the faster of the two takes for one column of the product, in multiply-adds of the dense one.
    pub(super) fn multiply_adds(&self, mr: usize, lanes: usize) -> f64 {
        self.padded(mr).min(self.weight.nnz() as f64 / sparse_below(lanes))
    }

    /// Blocks of `mr` consecutive rows by one column that are not zero.
    pub(super) fn blocks(&self, mr: usize) -> usize {
        let nonzeros = self.nonzeros();
        // For each column the block of rows that it was found in last.
        let mut found = alloc::vec![usize::MAX; self.weight.columns()];
        let mut blocks = 0;
        for row in 0..nonzeros.pattern.rows() {
            for &column in &nonzeros.pattern.indices[nonzeros.pattern.row(row)] {
                let last = core::mem::replace(&mut found[column as usize], row / mr);
                blocks += usize::from(last != row / mr);
            }
        }
        blocks
    }

    fn padded(&self, mr: usize) -> f64 {
        self.weight.rows().next_multiple_of(mr) as f64 * self.weight.columns() as f64
    }

    /// The fastest form for a product with a vector.
    pub(super) fn form(&self, lanes: usize) -> Form {
        let is_sparse = self.is_sparse(gemv::MR, lanes);
        if is_sparse && self.sliced_elements(lanes).is_some() {
            Form::Sliced
        } else if self.density() > labels_above(lanes) && shared::few(&self.nonzeros().values).is_some() {
            Form::Labels
        } else if is_sparse {
            Form::Sparse
        } else {
            Form::Dense
        }
    }

    /// The same for a matrix that multiplies one vector after the other, so that its weights come from a cache.
    ///
    /// In the second-level cache an element of a dense matrix was measured to cost half of one of slices, and a twelfth of one
    /// of sparse rows, whose gathers stay what they are; and a sparse row 300 of them, since the end of its loop is not
    /// foreseen. From the third level on, memory bounds all.
    pub(super) fn form_in_cache(&self, lanes: usize) -> Form {
        let (rows, columns, nnz) = (self.weight.rows(), self.weight.columns(), self.weight.nnz());
        let dense = rows.next_multiple_of(gemv::MR) * columns;
        if self.sliced_elements(lanes).is_some_and(|elements| 2 * elements < dense) {
            return Form::Sliced;
        }
        let is_sparse = match dense * size_of::<f32>() {
            0..=LEVEL_2_BYTES => 12 * nnz + 300 * rows < dense,
            _ => nnz < dense / 4,
        };
        if is_sparse { Form::Sparse } else { Form::Dense }
    }

    /// Elements of the matrix in slices, zeros that fill them included. `None` where they would not fit into a second-level
    /// cache, since sparse rows take less memory, and where the instruction set has no wide lookups.
    fn sliced_elements(&self, lanes: usize) -> Option<usize> {
        let fits = |elements: &usize| *elements <= LEVEL_2_BYTES / SlicedLinear::ELEMENT_BYTES;
        if lanes < MAX_LANES || !fits(&self.weight.nnz()) {
            return None;
        }
        let rounds: usize = sell::rounds(&self.nonzeros().pattern, self.weight.columns()).sum();
        Some(sell::MR * rounds).filter(fits)
    }

    /// All entries, row-major.
    pub(super) fn to_dense(&self) -> Vec<f32> {
        let mut dense = self.weight.to_dense();
        if let Some(scale) = &self.scale {
            for (values, factor) in dense.chunks_exact_mut(self.weight.columns()).zip(scale) {
                values.iter_mut().for_each(|v| *v *= factor);
            }
        }
        dense
    }

    /// The non-zero entries.
    pub(super) fn nonzeros(&self) -> Nonzeros<'_> {
        let nnz = self.weight.nnz();
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
            let matrix = Matrix { weight: &weight, scale: Some(alloc::vec![1.0, 2.0]) };
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
        let matrix = Matrix { weight: &weight, scale: None };
        assert!(matches!(matrix.nonzeros().pattern, Cow::Borrowed(_)));
        assert_eq!(matrix.nonzeros().to_values(), [7.0; 300]);
    }
}
