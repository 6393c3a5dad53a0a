//! Sparse fully connected layer: compressed sparse rows times a vector.

use super::Epilogue;
use crate::isa::{Isa, Kernel, MAX_LANES};
use crate::model::Pattern;
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
    /// Packs the kept weights for vectors of `lanes`; `in_features` is at most [`MAX_IN_FEATURES`].
    pub(crate) fn new(pattern: &Pattern, kept: &[f32], in_features: usize, lanes: usize, epilogue: Epilogue) -> Self {
        let mut indptr = alloc::vec![0];
        let (mut indices, mut values) = (Vec::new(), Vec::new());
        for row in 0..pattern.rows() {
            let range = pattern.row(row);
            indices.extend(pattern.indices[range.clone()].iter().map(|&i| i as u16));
            values.extend_from_slice(&kept[range]);
            let padded = values.len().next_multiple_of(lanes);
            indices.resize(padded, 0);
            values.resize(padded, 0.0);
            indptr.push(padded as u32);
        }
        assert!(indices.iter().all(|&i| usize::from(i) < in_features) && in_features <= MAX_IN_FEATURES);
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
