//! Sparse matrices in compressed rows (CSR), and their product with dense ones.
//!
//! Plain and in any scalar type: what the runtime's own sparse kernels are held to.

use crate::Scalar;
use ndarray::{ArrayView2, ArrayViewMut2};
use num_traits::Signed;
use sprs::{CsMat, MulAcc};

/// The non-zeros of `dense`, a row-major matrix of `rows x columns`.
///
/// # Panics
/// Where `dense` does not have `rows * columns` elements.
pub fn csr_from_dense<T: Scalar + Signed>(dense: &[T], [rows, columns]: [usize; 2]) -> CsMat<T> {
    let dense = ArrayView2::from_shape((rows, columns), dense).expect("a matrix of the given shape");
    CsMat::csr_from_dense(dense, T::zero())
}

/// `a * b`, row-major.
///
/// # Shapes
/// `a`: `m x k` in compressed rows. `b`: `k x n`, row-major. The product: `m x n`.
///
/// # Panics
/// Where `b` does not have `k * n` elements, or `a` is stored in compressed columns.
pub fn csr_times_dense<T: Scalar + MulAcc>(a: &CsMat<T>, b: &[T], n: usize) -> Vec<T> {
    let mut product = vec![T::zero(); a.rows() * n];
    let b = ArrayView2::from_shape((a.cols(), n), b).expect("a second factor of as many rows as the first has columns");
    let out = ArrayViewMut2::from_shape((a.rows(), n), &mut product).expect("m * n elements were allocated");
    sprs::prod::csr_mulacc_dense_rowmaj(a.view(), b, out);
    product
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Transpose, gemm};
    use hccr_random::Rng;

    #[test]
    fn keeps_the_non_zeros_in_order() {
        let csr = csr_from_dense(&[0.0, -1.5, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0, 1e-30], [3, 3]);
        assert_eq!(csr.data(), [-1.5, 2.0, 1e-30]);
        assert_eq!((csr.indptr().raw_storage(), csr.indices()), (&[0, 1, 1, 3][..], &[1, 0, 2][..]));
    }

    #[test]
    fn multiplies_as_the_dense_product_does() {
        let mut rng = Rng::new(5, 0);
        for [m, n, k] in [[1, 1, 1], [7, 5, 11], [24, 60, 33]] {
            let a: Vec<f64> = (0..m * k).map(|_| if rng.chance(0.3) { rng.normal().into() } else { 0.0 }).collect();
            let b: Vec<f64> = (0..k * n).map(|_| rng.normal().into()).collect();
            let mut want = vec![0.0; m * n];
            gemm([m, n, k], 1.0, (&a, k, Transpose::No), (&b, n, Transpose::No), 0.0, (&mut want, n));
            let found = csr_times_dense(&csr_from_dense(&a, [m, k]), &b, n);
            assert!(found.iter().zip(&want).all(|(found, want)| (found - want).abs() < 1e-12), "{m} {n} {k}");
        }
    }
}
