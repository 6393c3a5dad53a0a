//! Sparse fully connected layer: compressed sparse rows times a vector.

use super::labels::{self, LAST, Shared, Vectors};
use crate::isa::{Body, Isa, MAX_LANES, TABLE, Token};
use crate::kernels::kernel::{Facts, Io, Kernel};
use crate::kernels::layer::{Epilogue, Layer, LayerKernel};
use crate::weights::{Pattern, Values};
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

/// Vectors of products in flight.
const SUMS: usize = 4;

/// The longest input that its indices reach.
const MAX_IN_FEATURES: usize = 1 << 16;

/// Kept weights, each row filled up with zeros to whole vectors. Memory bandwidth bounds this layer, so that the indices
/// are narrow and few shared values stay shared.
pub(crate) struct SparseLinear {
    /// Start of each row in `indices` and `weights`, and the end.
    indptr: Vec<u32>,
    indices: Vec<u16>,
    weights: Weights,
    /// Factor of each row's sum.
    scale: Vec<f32>,
    epilogue: Epilogue,
    in_features: usize,
}

enum Weights {
    Own(Vec<f32>),
    /// Centres, the last of them zero, and one label an index.
    Shared(Box<[f32; TABLE]>, Vec<u8>),
}

impl LayerKernel for SparseLinear {
    const NAME: &'static str = "f32_spmv";

    fn fits(layer: &Layer<'_>) -> bool {
        layer.is_product() && layer.matrix.columns() <= MAX_IN_FEATURES
    }

    fn cost(layer: &Layer<'_>) -> f64 {
        let tuning = layer.product_tuning();
        tuning.sparse * layer.matrix.nnz() as f64 + tuning.row * layer.matrix.rows() as f64
    }

    fn pack(layer: &Layer<'_>) -> Self {
        let (in_features, lanes) = (layer.matrix.columns(), layer.token.lanes());
        let weights = layer.matrix.nonzeros();
        let (pattern, end) = (&weights.pattern, in_features as u32);
        // The kernel's unchecked reads rest on this. No early exit: this way it is vectorised.
        assert!(pattern.indices.iter().fold(true, |all, &column| all & (column < end)), "a weight beyond the input");
        let padded = |row| pattern.row(row).len().next_multiple_of(lanes) as u32;
        let ends = (0..pattern.rows()).scan(0, |end, row| {
            *end += padded(row);
            Some(*end)
        });
        let indptr = core::iter::once(0).chain(ends).collect();
        let indices = pad(pattern, &pattern.indices, lanes, 0, |column| column as u16);
        let packed = match (labels::few(&weights.values), &weights.values) {
            (Some((few, labels)), _) => {
                Weights::Shared(Box::new(*few), pad(pattern, labels, lanes, LAST, |label| label))
            }
            (None, Values::Own(values)) => Weights::Own(pad(pattern, values, lanes, 0.0, |value| value)),
            (None, Values::Shared { centres, labels }) => {
                Weights::Own(pad(pattern, labels, lanes, 0.0, |label| centres[usize::from(label)]))
            }
        };
        let scale = weights.scale.map_or_else(|| vec![1.0; pattern.rows()], <[f32]>::to_vec);
        Self { indptr, indices, weights: packed, scale, epilogue: layer.epilogue(), in_features }
    }
}

impl Kernel for SparseLinear {
    fn facts(&self, _: Token) -> Facts {
        let weights = match &self.weights {
            Weights::Own(values) => size_of_val(&**values),
            Weights::Shared(centres, labels) => size_of_val(&**centres) + size_of_val(&**labels),
        };
        Facts {
            kind: Self::NAME.into(),
            tile: None,
            by_isa: true,
            weight_bytes: weights + size_of_val(&*self.indices) + size_of_val(&*self.indptr),
            scratch_len: 0,
            takes_groups: false,
        }
    }

    fn run(&self, token: Token, Io { src, dst, .. }: Io<'_>) {
        token.enter(Pass { linear: self, src, dst });
    }
}

/// What `of` makes of the entries of all rows, each row filled up with `zero` to whole vectors.
fn pad<T: Copy, U: Copy>(pattern: &Pattern, entries: &[T], lanes: usize, zero: U, of: impl Fn(T) -> U) -> Vec<U> {
    let length = (0..pattern.rows()).map(|row| pattern.row(row).len().next_multiple_of(lanes)).sum();
    let mut padded = Vec::with_capacity(length);
    for row in 0..pattern.rows() {
        padded.extend(entries[pattern.row(row)].iter().map(|&entry| of(entry)));
        padded.resize(padded.len().next_multiple_of(lanes), zero);
    }
    padded
}

struct Pass<'a> {
    linear: &'a SparseLinear,
    src: &'a [f32],
    dst: &'a mut [f32],
}

impl Body for Pass<'_> {
    #[inline(always)]
    fn run<I: Isa>(self, isa: I) {
        match &self.linear.weights {
            Weights::Own(values) => self.rows(isa, &**values),
            Weights::Shared(centres, labels) => self.rows(isa, Shared { centres, labels }),
        }
    }
}

impl Pass<'_> {
    #[inline(always)]
    fn rows<I: Isa>(self, isa: I, weights: impl Vectors) {
        let linear = self.linear;
        let src = &self.src[..linear.in_features];
        let dst = &mut self.dst[..linear.epilogue.bias.len()];
        assert!(weights.count() == linear.indices.len(), "other weights than indices");
        for row in 0..dst.len() {
            let range = linear.indptr[row] as usize..linear.indptr[row + 1] as usize;
            let indices = &linear.indices[range.clone()];
            // SAFETY: the constructor checked that every index lies within `in_features`, the length of `src`, and there are
            // as many weights as indices.
            let sum = unsafe { dot(isa, indices, weights, range.start, src) };
            let y = sum * linear.scale[row] + linear.epilogue.bias[row];
            dst[row] = if y > 0.0 { y } else { linear.epilogue.slope[row] * y };
        }
    }
}

/// The sum of `weights[first + i] * src[indices[i]]`, over whole vectors.
///
/// # Safety
/// Every index lies within `src`, and there are weights from `first` on as many as indices.
#[inline(always)]
unsafe fn dot<I: Isa>(isa: I, indices: &[u16], weights: impl Vectors, first: usize, src: &[f32]) -> f32 {
    debug_assert!(indices.len().is_multiple_of(I::LANES));
    let vectors = indices.len() / I::LANES;
    let mut acc = [isa.splat(0.0); SUMS];
    let mut at = 0;
    // SAFETY: `at + v` stays below `vectors`; the caller vouches for the indices.
    unsafe {
        while at + SUMS <= vectors {
            for v in 0..SUMS {
                let i = (at + v) * I::LANES;
                let x = isa.gather(src.as_ptr(), indices.as_ptr().add(i));
                acc[v] = isa.mul_add(x, weights.vector(isa, first + i), acc[v]);
            }
            at += SUMS;
        }
        while at < vectors {
            let i = at * I::LANES;
            let x = isa.gather(src.as_ptr(), indices.as_ptr().add(i));
            acc[0] = isa.mul_add(x, weights.vector(isa, first + i), acc[0]);
            at += 1;
        }
    }
    let mut sums = [0.0; SUMS * MAX_LANES];
    for v in 0..SUMS {
        isa.write(acc[v], &mut sums[v * I::LANES..]);
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
