//! Sparse fully connected layer: compressed sparse rows times a vector.

use super::Epilogue;
use crate::isa::{Isa, Kernel, MAX_LANES};
use crate::plan::Nonzeros;
use alloc::vec::Vec;

/// Vectors of products in flight.
const SUMS: usize = 4;

/// The longest input that its indices reach.
pub(crate) const MAX_IN_FEATURES: usize = 1 << 16;

/// Kept weights, each row filled up with zeros to whole vectors. Memory bandwidth bounds this layer, so that the indices
/// are narrow.
pub(crate) struct SparseLinear {
    /// Start of each row in `indices` and `values`, and the end.
    indptr: Vec<u32>,
    indices: Vec<u16>,
    values: Vec<f32>,
    epilogue: Epilogue,
    in_features: usize,
}

impl SparseLinear {
    /// Packs the non-zero `weights` for vectors of `lanes`; `in_features` is at most [`MAX_IN_FEATURES`].
    pub(crate) fn new(weights: &Nonzeros<'_>, in_features: usize, lanes: usize, epilogue: Epilogue) -> Self {
        assert!(in_features <= MAX_IN_FEATURES, "an input too long for narrow indices");
        let (pattern, end) = (&weights.pattern, in_features as u32);
        let mut indptr = Vec::with_capacity(pattern.rows() + 1);
        indptr.push(0);
        let padded = (0..pattern.rows()).map(|row| pattern.row(row).len().next_multiple_of(lanes)).sum();
        let (mut indices, mut values) = (Vec::with_capacity(padded), Vec::with_capacity(padded));
        for row in 0..pattern.rows() {
            let columns = &pattern.indices[pattern.row(row)];
            // The kernel's unchecked reads rest on this. No early exit: this way it is vectorised.
            assert!(columns.iter().fold(true, |all, &column| all & (column < end)), "a weight beyond the input");
            indices.extend(columns.iter().map(|&column| column as u16));
            weights.append_row(row, &mut values);
            let padded = values.len().next_multiple_of(lanes);
            indices.resize(padded, 0);
            values.resize(padded, 0.0);
            indptr.push(padded as u32);
        }
        Self { indptr, indices, values, epilogue, in_features }
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.values) + size_of_val(&*self.indices) + size_of_val(&*self.indptr)
    }

    /// The pass over `src`, into `dst`.
    pub(crate) fn kernel<'a>(&'a self, src: &'a [f32], dst: &'a mut [f32]) -> impl Kernel + 'a {
        Pass { linear: self, src, dst }
    }
}

struct Pass<'a> {
    linear: &'a SparseLinear,
    src: &'a [f32],
    dst: &'a mut [f32],
}

impl Kernel for Pass<'_> {
    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        let linear = self.linear;
        let src = &self.src[..linear.in_features];
        let dst = &mut self.dst[..linear.epilogue.bias.len()];
        for row in 0..dst.len() {
            let range = linear.indptr[row] as usize..linear.indptr[row + 1] as usize;
            // SAFETY: the constructor checked that every index lies within `in_features`, the length of `src`.
            let sum = unsafe { dot(isa, &linear.indices[range.clone()], &linear.values[range], src) };
            let y = sum + linear.epilogue.bias[row];
            dst[row] = if y > 0.0 { y } else { linear.epilogue.slope[row] * y };
        }
    }
}

/// The sum of `values[i] * src[indices[i]]`, over whole vectors.
///
/// # Safety
/// Every index lies within `src`, and there are as many indices as values.
#[inline(always)]
unsafe fn dot<I: Isa>(isa: I, indices: &[u16], values: &[f32], src: &[f32]) -> f32 {
    debug_assert!(indices.len() == values.len() && values.len().is_multiple_of(I::LANES));
    let vectors = values.len() / I::LANES;
    let mut acc = [isa.splat(0.0); SUMS];
    let mut at = 0;
    // SAFETY: `at + v` stays below `vectors`; the caller vouches for the indices.
    unsafe {
        while at + SUMS <= vectors {
            for v in 0..SUMS {
                let i = (at + v) * I::LANES;
                let x = isa.gather(src.as_ptr(), indices.as_ptr().add(i));
                acc[v] = isa.mul_add(x, isa.load(values.as_ptr().add(i)), acc[v]);
            }
            at += SUMS;
        }
        while at < vectors {
            let i = at * I::LANES;
            let x = isa.gather(src.as_ptr(), indices.as_ptr().add(i));
            acc[0] = isa.mul_add(x, isa.load(values.as_ptr().add(i)), acc[0]);
            at += 1;
        }
    }
    let mut sums = [0.0; SUMS * MAX_LANES];
    for v in 0..SUMS {
        // SAFETY: `LANES` is at most `MAX_LANES`.
        unsafe { isa.store(sums.as_mut_ptr().add(v * I::LANES), acc[v]) };
    }
    let mut len = SUMS * I::LANES;
    while len > 1 {
        len /= 2;
        for i in 0..len {
            sums[i] += sums[i + len];
        }
    }
    sums[0]
}
