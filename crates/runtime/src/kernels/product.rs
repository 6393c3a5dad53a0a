//! A matrix times a vector, with or without zeros.

use super::Sample;
use super::gemv::DenseLinear;
use super::sell::SlicedLinear;
use super::spmv::SparseLinear;
use crate::isa::Token;

/// A matrix to multiply vectors with.
pub(crate) enum Product {
    Dense(DenseLinear),
    Sparse(SparseLinear),
    Sliced(SlicedLinear),
}

impl Product {
    /// The product with `src`, into `dst`. Of a matrix larger than a cache, a product that goes `backwards` after one that did
    /// not finds the last part of it still there; the answer is the same.
    pub(crate) fn run(&self, token: Token, src: &[f32], dst: &mut [f32], backwards: bool) {
        match self {
            Self::Dense(linear) => token.enter(linear.kernel([Sample { src, dst }], 1, backwards)),
            Self::Sparse(linear) => token.enter(linear.kernel(src, dst)),
            Self::Sliced(linear) => token.enter(linear.kernel(src, dst)),
        }
    }

    /// Bytes of the packed weights.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Dense(linear) => linear.bytes(),
            Self::Sparse(linear) => linear.bytes(),
            Self::Sliced(linear) => linear.bytes(),
        }
    }

    /// The kind of kernel.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Dense(linear) => linear.kind(),
            Self::Sparse(_) => "spmv",
            Self::Sliced(_) => "sell",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::IsaKind;
    use crate::kernels::Epilogue;
    use crate::model::Pattern;
    use crate::plan::{Nonzeros, Values};
    use alloc::borrow::Cow;
    use alloc::vec::Vec;

    #[test]
    fn every_form_equals_the_naive_product_on_every_isa() {
        let mut state = 1u32;
        let mut random = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        for (rows, columns) in [(1, 1), (5, 31), (31, 32), (33, 33), (64, 100), (70, 64), (130, 257)] {
            for keep in [0.0, 0.2, 0.9] {
                let matrix: Vec<f32> =
                    (0..rows * columns).map(|_| if random().abs() < keep { random() } else { 0.0 }).collect();
                let mut vector = |n: usize| (0..n).map(|_| random()).collect::<Vec<f32>>();
                let (src, scale, bias, slope) = (vector(columns), vector(rows), vector(rows), vector(rows));
                let nonzeros = Nonzeros {
                    pattern: Cow::Owned(Pattern::from_mask(matrix.iter().map(|&v| v != 0.0), columns)),
                    values: Values::Own(matrix.iter().copied().filter(|&v| v != 0.0).collect()),
                    scale: Some(&scale),
                };
                let scaled: Vec<f32> = matrix.iter().enumerate().map(|(i, v)| v * scale[i / columns]).collect();
                let epilogue = || Epilogue { bias: bias.clone(), slope: slope.clone() };
                for token in IsaKind::available().into_iter().filter_map(Token::new) {
                    let forms = [
                        Product::Dense(DenseLinear::new(&scaled, columns, epilogue())),
                        Product::Sparse(SparseLinear::new(&nonzeros, columns, token.lanes(), epilogue())),
                        Product::Sliced(SlicedLinear::new(&nonzeros, columns, epilogue())),
                    ];
                    for form in forms {
                        let mut found = alloc::vec![7.0; rows + 1];
                        let mut again = found.clone();
                        form.run(token, &src, &mut found, false);
                        form.run(token, &src, &mut again, true);
                        assert_eq!(found, again, "{} backwards", form.kind());
                        for row in 0..rows {
                            let products = scaled[row * columns..][..columns].iter().zip(&src);
                            let sum: f64 = products.map(|(&w, &x)| f64::from(w) * f64::from(x)).sum();
                            let y = sum + f64::from(bias[row]);
                            let want = if y > 0.0 { y } else { f64::from(slope[row]) * y };
                            let difference = (f64::from(found[row]) - want).abs();
                            assert!(difference < 1e-5, "{} {:?} {rows}x{columns} {keep}", form.kind(), token.kind());
                        }
                        assert_eq!(found[rows], 7.0, "nothing beyond the rows is written");
                    }
                }
            }
        }
    }
}
