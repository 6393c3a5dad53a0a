//! Layer-wise reconstruction: a low-rank pair that gives a layer's own outputs on samples, as well as it can.
//!
//! The SVD makes the error of the weights small. What counts is the error of the outputs, and a layer's inputs are far from being alike
//! in all directions. Reconstruction minimizes that error by least squares (Jaderberg et al., arXiv:1405.3866; Zhang et al.,
//! arXiv:1505.06798), one layer at a time and without labels: what the thesis's supervised expansion wants to improve on.

use crate::error::InputError;
use crate::layer::LayerKind;
use crate::lowrank::LowRankPair;
use hccr_tensor::{Transpose, gemm};

/// Times that each half of the pair is fitted while the other half stays.
const ROUNDS: usize = 4;
/// Steps of conjugate gradients of each fit, at most.
const STEPS: usize = 40;
/// A fit ends where the squared gradient has fallen by this much.
const TOLERANCE: f64 = 1e-10;

/// The squared error of a layer's outputs, as a function of its weight `[n, d]`: that of `error * products * error'`.
struct Outputs<'a> {
    weight: &'a [f32],
    /// `[d, d]`.
    products: &'a [f32],
    shape: [usize; 4],
    rank: usize,
}

impl LowRankPair {
    /// The pair fitted to the outputs of a layer with this `weight`, from this pair on. `products` are the mean products of the values
    /// that an output reads, in the order of a row of the weight: `[d, d]`, with `d` the length of a row.
    ///
    /// # Errors
    /// [`InputError::Config`] where a length does not fit.
    pub fn fitted(self, weight: &[f32], kind: &LayerKind, products: &[f32]) -> Result<Self, InputError> {
        let shape @ [n, c, kh, kw] = kind.weight_shape();
        let (row, Self { rank, mut first, mut second }) = (c * kh * kw, self);
        let lengths = [(weight.len(), n * row), (products.len(), row * row)];
        if lengths.iter().any(|(found, wanted)| found != wanted)
            || (first.len(), second.len()) != (rank * c * kh, n * rank * kw)
        {
            return Err(InputError::config("products", "do not fit the layer and its pair"));
        }
        let outputs = Outputs { weight, products, shape, rank };
        for _ in 0..ROUNDS {
            let towards = outputs.slope_of_second(&first, weight);
            conjugate_gradients(&mut second, &towards, |second| {
                outputs.slope_of_second(&first, &outputs.product(&first, second))
            });
            let towards = outputs.slope_of_first(&second, weight);
            conjugate_gradients(&mut first, &towards, |first| {
                outputs.slope_of_first(&second, &outputs.product(first, &second))
            });
        }
        Ok(Self { rank, first, second })
    }

    /// The share of the squared outputs of a layer with this `weight` that the pair misses; `products` as of [`fitted`](Self::fitted).
    ///
    /// # Panics
    /// Where a length does not fit.
    pub fn output_error(&self, weight: &[f32], kind: &LayerKind, products: &[f32]) -> f64 {
        let outputs = Outputs { weight, products, shape: kind.weight_shape(), rank: self.rank };
        let product = outputs.product(&self.first, &self.second);
        let missed: Vec<f32> = outputs.weight.iter().zip(product).map(|(w, p)| w - p).collect();
        outputs.energy(&missed) / outputs.energy(weight).max(f64::MIN_POSITIVE)
    }
}

impl Outputs<'_> {
    /// The weight that a pair stands for.
    fn product(&self, first: &[f32], second: &[f32]) -> Vec<f32> {
        let ([n, c, kh, kw], rank) = (self.shape, self.rank);
        let columns = c * kh;
        let mut product = vec![0.0; n * columns * kw];
        let mut part = vec![0.0; n * columns];
        for j in 0..kw {
            let second: Vec<f32> = second.iter().copied().skip(j).step_by(kw).collect();
            let factors = ((&second[..], rank, Transpose::No), (first, columns, Transpose::No));
            gemm([n, columns, rank], 1.0, factors.0, factors.1, 0.0, (&mut part, columns));
            for (to, &from) in product.iter_mut().skip(j).step_by(kw).zip(&part) {
                *to = from;
            }
        }
        product
    }

    /// `weight * products`.
    fn seen(&self, weight: &[f32]) -> Vec<f32> {
        let [n, c, kh, kw] = self.shape;
        let row = c * kh * kw;
        let mut seen = vec![0.0; n * row];
        gemm(
            [n, row, row],
            1.0,
            (weight, row, Transpose::No),
            (self.products, row, Transpose::No),
            0.0,
            (&mut seen, row),
        );
        seen
    }

    /// The squared outputs of the weight.
    fn energy(&self, weight: &[f32]) -> f64 {
        dot(weight, &self.seen(weight))
    }

    /// How the products of a weight's outputs and those of the pair change with the second half.
    fn slope_of_second(&self, first: &[f32], weight: &[f32]) -> Vec<f32> {
        let ([n, c, kh, kw], rank) = (self.shape, self.rank);
        let (columns, seen) = (c * kh, self.seen(weight));
        let mut slope = vec![0.0; n * rank * kw];
        let mut part = vec![0.0; n * rank];
        for j in 0..kw {
            let seen: Vec<f32> = seen.iter().copied().skip(j).step_by(kw).collect();
            let factors = ((&seen[..], columns, Transpose::No), (first, columns, Transpose::Yes));
            gemm([n, rank, columns], 1.0, factors.0, factors.1, 0.0, (&mut part, rank));
            for (to, &from) in slope.iter_mut().skip(j).step_by(kw).zip(&part) {
                *to = from;
            }
        }
        slope
    }

    /// The same with the first half.
    fn slope_of_first(&self, second: &[f32], weight: &[f32]) -> Vec<f32> {
        let ([n, c, kh, kw], rank) = (self.shape, self.rank);
        let (columns, seen) = (c * kh, self.seen(weight));
        let mut slope = vec![0.0; rank * columns];
        for j in 0..kw {
            let seen: Vec<f32> = seen.iter().copied().skip(j).step_by(kw).collect();
            let second: Vec<f32> = second.iter().copied().skip(j).step_by(kw).collect();
            let factors = ((&second[..], rank, Transpose::Yes), (&seen[..], columns, Transpose::No));
            gemm([rank, columns, n], 1.0, factors.0, factors.1, 1.0, (&mut slope, columns));
        }
        slope
    }
}

/// Solves `apply(x) = towards` from the `x` given, for a symmetric `apply` without negative directions.
pub(crate) fn conjugate_gradients(x: &mut [f32], towards: &[f32], apply: impl Fn(&[f32]) -> Vec<f32>) {
    let mut rest: Vec<f32> = towards.iter().zip(apply(x)).map(|(t, a)| t - a).collect();
    let mut direction = rest.clone();
    let mut squares = dot(&rest, &rest);
    let enough = TOLERANCE * dot(towards, towards);
    for _ in 0..STEPS {
        if squares <= enough {
            return;
        }
        let applied = apply(&direction);
        let curvature = dot(&direction, &applied);
        if curvature <= 0.0 {
            return; // flat, but for rounding
        }
        let step = (squares / curvature) as f32;
        x.iter_mut().zip(&direction).for_each(|(x, d)| *x += step * d);
        rest.iter_mut().zip(&applied).for_each(|(r, a)| *r -= step * a);
        let before = squares;
        squares = dot(&rest, &rest);
        let keep = (squares / before) as f32;
        direction.iter_mut().zip(&rest).for_each(|(d, r)| *d = r + keep * *d);
    }
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lowrank::max_rank;
    use hccr_random::Rng;
    use hccr_runtime::shape::{Conv2dParams, LinearParams};

    const CONV: LayerKind = LayerKind::Conv2d(Conv2dParams::same(4, 6, [3, 3]));
    const MATRIX: LayerKind = LayerKind::Linear(LinearParams { in_features: 12, out_features: 9 });

    /// A weight, and the products of inputs that vary much in a few directions.
    fn layer(kind: &LayerKind) -> (Vec<f32>, Vec<f32>) {
        let [n, c, kh, kw] = kind.weight_shape();
        let (row, mut rng) = (c * kh * kw, Rng::new(3, 0));
        let weight = (0..n * row).map(|_| rng.normal()).collect();
        let mixing: Vec<f32> = (0..row * row).map(|at| rng.normal() * 0.8f32.powi((at % row) as i32)).collect();
        let mut products = vec![0.0; row * row];
        let factors = ((&mixing[..], row, Transpose::No), (&mixing[..], row, Transpose::Yes));
        gemm([row, row, row], 1.0, factors.0, factors.1, 0.0, (&mut products, row));
        (weight, products)
    }

    #[test]
    fn fitting_lowers_the_error_of_the_outputs() {
        for kind in [CONV, MATRIX] {
            let (weight, products) = layer(&kind);
            for rank in [2, 4] {
                let svd = LowRankPair::from_svd(&weight, &kind, rank).unwrap();
                let before = svd.output_error(&weight, &kind, &products);
                let fitted = svd.fitted(&weight, &kind, &products).unwrap();
                let after = fitted.output_error(&weight, &kind, &products);
                assert!(after < 0.8 * before, "rank {rank}: {after} after, {before} before");
            }
        }
    }

    /// Inputs that are alike in all directions: nothing is better than the SVD.
    #[test]
    fn the_svd_is_best_for_inputs_without_correlation() {
        let (weight, _) = layer(&CONV);
        let row = 36;
        let products: Vec<f32> = (0..row * row).map(|at| if at % (row + 1) == 0 { 1.0 } else { 0.0 }).collect();
        let svd = LowRankPair::from_svd(&weight, &CONV, 3).unwrap();
        let before = svd.output_error(&weight, &CONV, &products);
        let after = svd.clone().fitted(&weight, &CONV, &products).unwrap().output_error(&weight, &CONV, &products);
        assert!((before - after).abs() < 1e-4 * before, "{after} after, {before} before");
        let exact = LowRankPair::from_svd(&weight, &CONV, max_rank(&CONV)).unwrap();
        assert!(exact.output_error(&weight, &CONV, &products) < 1e-9);
        assert!(svd.fitted(&weight, &CONV, &products[1..]).is_err());
    }
}
