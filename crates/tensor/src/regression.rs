//! Linear regression of many values at once.

use crate::svd::{Svd, SvdError, svd};
use ndarray::{Array1, Array2, Axis};

/// The part of the largest singular value below which a direction counts as noise.
const NOISE: f64 = 1e-9;

/// The linear map with a constant that fits best, by least squares, from some vectors to others.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearFit {
    x_mean: Array1<f64>,
    y_mean: Array1<f64>,
    /// `[values of y, values of x]`.
    slopes: Array2<f64>,
}

impl LinearFit {
    /// The map from each vector of `x` to that of `y` in the same place. Directions in which `x` does not vary are left out.
    ///
    /// # Errors
    /// [`SvdError`] where there are no vectors, or a value is not finite.
    ///
    /// # Panics
    /// Where vectors of `x`, or of `y`, are not equally long, or `x` has not as many as `y`.
    pub fn new(x: &[Vec<f64>], y: &[Vec<f64>]) -> Result<Self, SvdError> {
        assert_eq!(x.len(), y.len(), "another number of vectors");
        let (x, y) = (matrix(x), matrix(y));
        let mean = |of: &Array2<f64>| of.mean_axis(Axis(0)).ok_or(SvdError::Empty);
        let (x_mean, y_mean) = (mean(&x)?, mean(&y)?);
        let (x, y) = (x - &x_mean, y - &y_mean);
        // Of the products, which are a small matrix however many vectors there are.
        let Svd { u, s, vt } = svd(&x.t().dot(&x))?;
        let least = NOISE * s[0];
        let inverse = s.mapv(|s| if s > least { 1.0 / s } else { 0.0 });
        let slopes = y.t().dot(&x).dot(&(u * &inverse)).dot(&vt);
        Ok(Self { x_mean, y_mean, slopes })
    }

    /// What the map gives for `x`.
    ///
    /// # Panics
    /// Where `x` is not as long as the vectors that the map was fitted to.
    pub fn predict(&self, x: &[f64]) -> Vec<f64> {
        let x = Array1::from(x.to_vec()) - &self.x_mean;
        (self.slopes.dot(&x) + &self.y_mean).to_vec()
    }
}

/// The vectors as rows.
fn matrix(rows: &[Vec<f64>]) -> Array2<f64> {
    let width = rows.first().map_or(0, Vec::len);
    Array2::from_shape_vec((rows.len(), width), rows.concat()).expect("vectors of one length")
}

#[cfg(test)]
mod tests {
    use super::*;
    use hccr_random::Rng;

    #[test]
    fn a_linear_map_is_found_again() {
        let mut rng = Rng::new(1, 0);
        let mut x: Vec<Vec<f64>> = (0..50).map(|_| (0..2).map(|_| f64::from(rng.normal()) + 3.0).collect()).collect();
        // A value that never varies, and one that repeats another.
        x.iter_mut().for_each(|x| x.extend([5.0, x[0]]));
        let y: Vec<Vec<f64>> = x.iter().map(|x| vec![2.0 * x[0] - x[1] + 0.5, 7.0, x[1]]).collect();
        let fit = LinearFit::new(&x, &y).expect("finite");
        let differences =
            x.iter().zip(&y).flat_map(|(x, y)| fit.predict(x).into_iter().zip(y).map(|(a, b)| (a - b).abs()));
        assert!(differences.fold(0.0, f64::max) < 1e-9);
        assert_eq!(LinearFit::new(&[], &[]), Err(SvdError::Empty));
        x[1][1] = f64::NAN;
        assert!(matches!(LinearFit::new(&x, &y), Err(SvdError::NotFinite { .. })));
    }
}
