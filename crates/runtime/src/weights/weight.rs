//! Weights: dense, sparse, or sparse with shared values.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// A weight of a graph.
///
/// ```
/// use hccr_runtime::ModelBuilder;
///
/// let mut network = ModelBuilder::new(&[2]);
/// let mean = network.dense("mean", &[2], vec![0.5, 1.5]);
/// assert_eq!(network.weights()[mean.index()].name, "mean");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WeightId(pub u32);

impl WeightId {
    /// Index into [`Model::weights`](crate::Model::weights).
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A named tensor of the model.
///
/// ```
/// use hccr_runtime::Weight;
///
/// let weight = Weight::sparse("fc.weight", &[2, 3], &[0.0, 1.5, 0.0, 0.0, 0.0, -2.0]);
/// assert_eq!((weight.elements(), weight.nnz()), (6, 2));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Weight {
    /// Name, such as `conv2.weight`: for people, and for the formats of other tools.
    pub name: String,
    /// Shape, output dimension first.
    pub shape: Vec<usize>,
    /// Values, row-major.
    pub data: WeightData,
}

/// Values of a weight. Compression lives here, not in the operations.
///
/// ```
/// use hccr_runtime::{Pattern, Weight, WeightData};
///
/// // Two of four entries, which share one value.
/// let pattern = Pattern::from_mask([true, false, false, true], 2);
/// let data = WeightData::Codebook { pattern, centres: vec![0.25], labels: vec![0, 0] };
/// assert_eq!(Weight::new("w", &[2, 2], data).to_dense(), [0.25, 0.0, 0.0, 0.25]);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum WeightData {
    /// All values, row-major.
    Dense(Vec<f32>),
    /// The non-zero values only.
    Sparse {
        /// Where they stand.
        pattern: Pattern,
        /// One value per entry of the pattern.
        values: Vec<f32>,
    },
    /// Non-zero values that share a few centres (weight sharing).
    Codebook {
        /// Where they stand; a full pattern is allowed.
        pattern: Pattern,
        /// At most 256 centres.
        centres: Vec<f32>,
        /// One index into `centres` per entry of the pattern.
        labels: Vec<u8>,
    },
}

/// Positions of the kept entries of a weight seen as a matrix (compressed sparse rows).
///
/// Rows are the first dimension of the weight's shape, columns all the others flattened.
///
/// ```
/// use hccr_runtime::Pattern;
///
/// let pattern = Pattern::from_mask([true, false, true, false, false, true], 3);
/// assert_eq!((pattern.indptr, pattern.indices), (vec![0, 2, 3], vec![0, 2, 2]));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Start of each row in `indices`, and at the end the number of entries: `rows + 1` numbers.
    pub indptr: Vec<u32>,
    /// Column of each entry, ascending within a row.
    pub indices: Vec<u32>,
}

impl Pattern {
    /// The pattern of the entries for which `keep` (row-major, `rows * columns`) is true.
    pub fn from_mask(keep: impl IntoIterator<Item = bool>, columns: usize) -> Self {
        let mut pattern = Self { indptr: vec![0], indices: Vec::new() };
        let mut column = 0;
        for kept in keep {
            if kept {
                pattern.indices.push(column as u32);
            }
            column += 1;
            if column == columns {
                column = 0;
                pattern.indptr.push(pattern.indices.len() as u32);
            }
        }
        pattern
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.indptr.len().saturating_sub(1)
    }

    /// Number of entries.
    pub fn nnz(&self) -> usize {
        self.indices.len()
    }

    /// The range of row `row` in `indices`.
    pub fn row(&self, row: usize) -> core::ops::Range<usize> {
        self.indptr[row] as usize..self.indptr[row + 1] as usize
    }

    /// Row-major positions of the entries, for a matrix of `columns` columns.
    pub fn positions(&self, columns: usize) -> impl Iterator<Item = usize> + '_ {
        (0..self.rows()).flat_map(move |r| self.indices[self.row(r)].iter().map(move |&c| r * columns + c as usize))
    }
}

impl Weight {
    /// A weight with any data, which are checked when its model is finished.
    pub fn new(name: impl Into<String>, shape: &[usize], data: WeightData) -> Self {
        Self { name: name.into(), shape: shape.to_vec(), data }
    }

    /// A dense weight.
    pub fn dense(name: impl Into<String>, shape: &[usize], values: Vec<f32>) -> Self {
        Self::new(name, shape, WeightData::Dense(values))
    }

    /// A sparse weight that keeps the non-zeros of `values`.
    pub fn sparse(name: impl Into<String>, shape: &[usize], values: &[f32]) -> Self {
        let mut weight = Self::dense(name, shape, Vec::new());
        let pattern = Pattern::from_mask(values.iter().map(|&v| v != 0.0), weight.columns());
        let values = values.iter().copied().filter(|&v| v != 0.0).collect();
        weight.data = WeightData::Sparse { pattern, values };
        weight
    }

    /// Rows of the weight seen as a matrix: its first dimension.
    pub fn rows(&self) -> usize {
        self.shape.first().copied().unwrap_or(1)
    }

    /// Columns of the weight seen as a matrix: all dimensions but the first.
    pub fn columns(&self) -> usize {
        self.shape.iter().skip(1).product()
    }

    /// Number of elements, zeros included.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Number of elements that are not zero.
    pub fn nnz(&self) -> usize {
        match &self.data {
            WeightData::Dense(values) | WeightData::Sparse { values, .. } => {
                values.iter().filter(|&&v| v != 0.0).count()
            }
            WeightData::Codebook { centres, labels, .. } => {
                let zeros = (0..=u8::MAX).zip(centres).filter(|(_, centre)| **centre == 0.0);
                labels.len() - zeros.map(|(label, _)| occurrences(labels, label)).sum::<usize>()
            }
        }
    }

    /// All values, row-major.
    pub fn to_dense(&self) -> Vec<f32> {
        let mut dense = vec![0.0; self.elements()];
        match &self.data {
            WeightData::Dense(values) => return values.clone(),
            WeightData::Sparse { pattern, values } => {
                pattern.positions(self.columns()).zip(values).for_each(|(at, &v)| dense[at] = v);
            }
            WeightData::Codebook { pattern, centres, labels } => {
                pattern.positions(self.columns()).zip(labels).for_each(|(at, &l)| dense[at] = centres[usize::from(l)]);
            }
        }
        dense
    }
}

/// How many of `labels` are `label`, summed in bytes: many at a time.
fn occurrences(labels: &[u8], label: u8) -> usize {
    let sum = |chunk: &[u8]| chunk.iter().map(|&l| u8::from(l == label)).sum::<u8>();
    labels.chunks(usize::from(u8::MAX)).map(|chunk| usize::from(sum(chunk))).sum()
}
