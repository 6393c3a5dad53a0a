//! Matrix products on slices.

use crate::Scalar;
use ndarray::{ArrayView2, ArrayViewMut2, ShapeBuilder, linalg::general_mat_mul};

/// Whether a factor of [`gemm`] is read as it lies or transposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transpose {
    /// As it lies.
    No,
    /// Transposed.
    Yes,
}

/// `c = alpha * op(a) * op(b) + beta * c` by BLAS, with `op(a)` of `m x k`, `op(b)` of `k x n`, `c` of `m x n`.
///
/// Each factor is a row-major slice and the distance between its rows as it lies (its leading dimension).
///
/// # Panics
/// Where a slice is too short for its dimensions.
pub fn gemm<T: Scalar>(
    [m, n, k]: [usize; 3],
    alpha: T,
    (a, lda, ta): (&[T], usize, Transpose),
    (b, ldb, tb): (&[T], usize, Transpose),
    beta: T,
    (c, ldc): (&mut [T], usize),
) {
    let view = |data, rows, columns, ld, transpose| match transpose {
        Transpose::No => ArrayView2::from_shape((rows, columns).strides((ld, 1)), data),
        Transpose::Yes => ArrayView2::from_shape((rows, columns).strides((1, ld)), data),
    };
    let a = view(a, m, k, lda, ta).expect("first factor is too short");
    let b = view(b, k, n, ldb, tb).expect("second factor is too short");
    let mut c = ArrayViewMut2::from_shape((m, n).strides((ldc, 1)), c).expect("product is too short");
    general_mat_mul(alpha, &a, &b, beta, &mut c);
}

#[cfg(test)]
mod tests {
    use super::*;
    use hccr_random::Rng;

    #[test]
    fn agrees_with_plain_loops_in_every_orientation() {
        crate::blas::use_one_thread().unwrap();
        let mut rng = Rng::new(1, 0);
        for [m, n, k] in [[1, 1, 1], [3, 5, 2], [33, 65, 17], [24, 300, 9], [96, 36, 576]] {
            for ta in [Transpose::No, Transpose::Yes] {
                for tb in [Transpose::No, Transpose::Yes] {
                    let a: Vec<f32> = (0..m * k).map(|_| rng.normal()).collect();
                    let b: Vec<f32> = (0..k * n).map(|_| rng.normal()).collect();
                    let ldc = n + 3;
                    let mut c = vec![1.0; m * ldc];
                    let lda = if ta == Transpose::No { k } else { m };
                    let ldb = if tb == Transpose::No { n } else { k };
                    gemm([m, n, k], 2.0, (&a, lda, ta), (&b, ldb, tb), 1.0, (&mut c, ldc));
                    for i in 0..m {
                        for j in 0..n {
                            let at = |p| if ta == Transpose::No { a[i * k + p] } else { a[p * m + i] };
                            let bt = |p| if tb == Transpose::No { b[p * n + j] } else { b[j * k + p] };
                            let want = 1.0 + 2.0 * (0..k).map(|p| f64::from(at(p)) * f64::from(bt(p))).sum::<f64>();
                            let got = f64::from(c[i * ldc + j]);
                            assert!((got - want).abs() < 1e-4 * (k as f64).max(10.0), "{m} {n} {k}: {got} {want}");
                        }
                        assert!(c[i * ldc + n..(i + 1) * ldc].iter().all(|&v| v == 1.0), "wrote between the rows");
                    }
                }
            }
        }
    }
}
