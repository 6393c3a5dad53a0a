//! Singular value decomposition.

use ndarray::{Array1, Array2};
use ndarray_linalg::{JobSvd, Lapack, SVDDC, Scalar};
use num_traits::Float;
use std::fmt;

/// A thin singular value decomposition: `matrix = u * diag(s) * vt`.
///
/// # Shapes
/// With `r = min(rows, columns)`: `u` `[rows, r]`, `s` `[r]`, `vt` `[r, columns]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Svd<T> {
    /// Left singular vectors, one a column.
    pub u: Array2<T>,
    /// Singular values, descending.
    pub s: Array1<T>,
    /// Right singular vectors, one per row.
    pub vt: Array2<T>,
}

/// Why a matrix has no decomposition.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SvdError {
    /// The matrix has no rows or no columns.
    Empty,
    /// An element is NaN or infinite.
    NotFinite {
        /// Its row.
        row: usize,
        /// Its column.
        column: usize,
    },
    /// LAPACK gave up.
    Lapack {
        /// What it reported.
        reason: String,
    },
}

impl fmt::Display for SvdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "a matrix without elements has no singular values"),
            Self::NotFinite { row, column } => {
                write!(f, "matrix element ({row}, {column}) is NaN or infinite; the training has probably diverged")
            }
            Self::Lapack { reason } => write!(f, "the singular value decomposition failed: {reason}"),
        }
    }
}

impl std::error::Error for SvdError {}

/// Decomposes `matrix` by divide and conquer (LAPACK `gesdd`).
///
/// # Errors
/// [`SvdError`] where the matrix is empty or not finite, or LAPACK does not converge.
pub fn svd<T>(matrix: &Array2<T>) -> Result<Svd<T>, SvdError>
where
    T: Float + Lapack + Scalar<Real = T>,
{
    if matrix.is_empty() {
        return Err(SvdError::Empty);
    }
    if let Some(((row, column), _)) = matrix.indexed_iter().find(|(_, v)| !Float::is_finite(**v)) {
        return Err(SvdError::NotFinite { row, column });
    }
    // The full factors of a wide or tall matrix would be square and take ten times as long.
    match matrix.svddc(JobSvd::Some) {
        Ok((Some(u), s, Some(vt))) => Ok(Svd { u, s, vt }),
        Ok(_) => Err(SvdError::Lapack { reason: "no singular vectors returned".into() }),
        Err(e) => Err(SvdError::Lapack { reason: e.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hccr_random::Rng;

    fn assert_close(a: &Array2<f64>, b: &Array2<f64>) {
        assert_eq!(a.dim(), b.dim());
        let worst = (a - b).iter().fold(0.0, |w: f64, d| w.max(d.abs()));
        assert!(worst < 1e-12, "differ by {worst}");
    }

    fn random(rows: usize, columns: usize) -> Array2<f64> {
        let mut rng = Rng::new(rows as u64, columns as u64);
        Array2::from_shape_simple_fn((rows, columns), || f64::from(rng.normal()))
    }

    #[test]
    fn factors_multiply_to_the_matrix() {
        for (rows, columns) in [(1, 1), (7, 3), (3, 7), (20, 20)] {
            for matrix in [random(rows, columns), random(columns, rows).reversed_axes()] {
                let Svd { u, s, vt } = svd(&matrix).unwrap();
                let rank = rows.min(columns);
                assert_eq!((u.dim(), s.len(), vt.dim()), ((rows, rank), rank, (rank, columns)));
                assert!(s.iter().zip(s.iter().skip(1)).all(|(a, b)| a >= b));
                assert_close(&(&u * &s).dot(&vt), &matrix);
                assert_close(&u.t().dot(&u), &Array2::eye(rank));
                assert_close(&vt.dot(&vt.t()), &Array2::eye(rank));
            }
        }
    }

    #[test]
    fn single_precision_agrees_with_double() {
        let matrix = random(12, 9);
        let (single, double) = (svd(&matrix.mapv(|v| v as f32)).unwrap(), svd(&matrix).unwrap());
        assert!(single.s.iter().zip(&double.s).all(|(&a, b)| (f64::from(a) - b).abs() < 1e-5));
    }

    #[test]
    fn bad_matrices_are_refused() {
        assert_eq!(svd(&Array2::<f32>::zeros((0, 3))), Err(SvdError::Empty));
        let mut matrix = Array2::<f32>::zeros((2, 3));
        matrix[[1, 2]] = f32::NAN;
        assert_eq!(svd(&matrix), Err(SvdError::NotFinite { row: 1, column: 2 }));
    }
}
