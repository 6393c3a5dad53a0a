//! Weights that share few values and stay labels in memory, which has less bandwidth than the kernels have use for.

use crate::isa::{Isa, TABLE};
use crate::weights::{Matrix, Values, WeightData};

/// The label of zero.
pub(crate) const LAST: u8 = TABLE as u8 - 1;

/// The centres of `values` as a table for [`Isa::lookup`] whose [`LAST`] one is zero, and the labels; `None` where the
/// centres are too many, or none are shared.
pub(super) fn few<'a>(values: &'a Values<'_>) -> Option<(&'a [f32; TABLE], &'a [u8])> {
    let Values::Shared { centres, labels } = values else { return None };
    let (few, others) = centres.split_first_chunk()?;
    let fits = few[usize::from(LAST)] == 0.0 && others.iter().all(|&centre| centre == 0.0);
    fits.then_some((few, *labels))
}

/// Whether [`few`] finds few centres for the non-zero entries of `matrix`, without decoding them.
pub(super) fn are_few(matrix: &Matrix<'_>) -> bool {
    let WeightData::Codebook { pattern, centres, .. } = &matrix.weight.data else { return false };
    pattern.nnz() == matrix.nnz() && centres.iter().skip(usize::from(LAST)).all(|&centre| centre == 0.0)
}

/// Weights that are read a vector at a time.
pub(crate) trait Vectors: Copy {
    /// How many weights there are.
    fn count(self) -> usize;

    /// The weights from `at` on.
    ///
    /// # Safety
    /// There are `LANES` weights from `at` on.
    unsafe fn vector<I: Isa>(self, isa: I, at: usize) -> I::F32;
}

impl Vectors for &[f32] {
    #[inline(always)]
    fn count(self) -> usize {
        self.len()
    }

    #[inline(always)]
    unsafe fn vector<I: Isa>(self, isa: I, at: usize) -> I::F32 {
        // SAFETY: the caller vouches for the elements.
        unsafe { isa.load(self.as_ptr().add(at)) }
    }
}

/// Few centres, which fit into registers, and a label a weight.
#[derive(Clone, Copy)]
pub(crate) struct Shared<'a> {
    pub(crate) centres: &'a [f32; TABLE],
    pub(crate) labels: &'a [u8],
}

impl Vectors for Shared<'_> {
    #[inline(always)]
    fn count(self) -> usize {
        self.labels.len()
    }

    #[inline(always)]
    unsafe fn vector<I: Isa>(self, isa: I, at: usize) -> I::F32 {
        // SAFETY: the caller vouches for the labels.
        unsafe { isa.lookup(self.centres, self.labels.as_ptr().add(at)) }
    }
}
