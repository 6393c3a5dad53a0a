//! A layer as a product of two: a convolution of a vertical and a horizontal one, a matrix of two of lower rank.

use crate::error::InputError;
use crate::layer::LayerKind;
use hccr_runtime::shape::Conv2dParams;
use hccr_tensor::{Svd, svd};
use ndarray::Array2;

/// The weights of two layers that replace one: a kh x kw convolution becomes kh x 1 (C -> K channels) followed by 1 x kw
/// (K -> N), a matrix `[out, in]` becomes `[K, in]` followed by `[out, K]`.
#[derive(Clone, Debug, PartialEq)]
pub struct LowRankPair {
    /// Channels or features between the two: K.
    pub rank: usize,
    /// Weight of the first: Oihw `[K, C, kh, 1]`, or `[K, in]`.
    pub first: Vec<f32>,
    /// Weight of the second: Oihw `[N, K, 1, kw]`, or `[out, K]`.
    pub second: Vec<f32>,
}

/// The singular value decomposition of a layer's weight.
///
/// The weight is seen as a matrix of `C * kh` rows and `N * kw` columns, or `in` rows and `out` columns.
#[derive(Clone, Debug)]
pub struct Decomposition {
    shape: [usize; 4],
    svd: Svd<f32>,
}

impl Decomposition {
    /// Decomposes the `weight` of a layer (output dimension first).
    ///
    /// # Errors
    /// [`InputError`] where `weight` does not fit the layer, or is not finite.
    pub fn new(weight: &[f32], kind: &LayerKind) -> Result<Self, InputError> {
        let shape @ [n, c, kh, kw] = kind.weight_shape();
        if weight.len() != n * c * kh * kw {
            return Err(InputError::config(
                "weight",
                format!("has {} elements, a weight of {n}x{c}x{kh}x{kw} needs another number", weight.len()),
            ));
        }
        let matrix = Array2::from_shape_fn((c * kh, n * kw), |(row, column)| {
            let (channel, i, out, j) = (row / kh, row % kh, column / kw, column % kw);
            weight[((out * c + channel) * kh + i) * kw + j]
        });
        Ok(Self { shape, svd: svd(&matrix)? })
    }

    /// The share of the sum of squared weights that the best pair of `rank` keeps, 0 to 1.
    pub fn energy(&self, rank: usize) -> f32 {
        let squares = || self.svd.s.iter().map(|&s| f64::from(s) * f64::from(s));
        let (kept, all): (f64, f64) = (squares().take(rank).sum(), squares().sum());
        if all > 0.0 { (kept / all) as f32 } else { 1.0 }
    }

    /// The smallest rank that keeps at least the share `energy` of the sum of squared weights.
    pub fn rank_for_energy(&self, energy: f32) -> usize {
        let most = self.svd.s.len();
        (1..most).find(|&rank| self.energy(rank) >= energy).unwrap_or(most)
    }

    /// The best pair of `rank`, in the sense of least squares.
    ///
    /// Each singular value is shared between the two factors by its square root, so that both start with weights, and
    /// hence gradients, of like size.
    ///
    /// # Errors
    /// [`InputError`] where `rank` is zero or above [`max_rank`].
    pub fn pair(&self, rank: usize) -> Result<LowRankPair, InputError> {
        let ([n, c, kh, kw], Svd { u, s, vt }) = (self.shape, &self.svd);
        if rank == 0 || rank > s.len() {
            return Err(InputError::config("rank", format!("is {rank}, must be from 1 to {}", s.len())));
        }
        let mut first = Vec::with_capacity(rank * c * kh);
        for k in 0..rank {
            first.extend(u.column(k).iter().map(|v| v * s[k].sqrt()));
        }
        let mut second = Vec::with_capacity(n * rank * kw);
        for out in 0..n {
            for k in 0..rank {
                second.extend((0..kw).map(|j| vt[[k, out * kw + j]] * s[k].sqrt()));
            }
        }
        Ok(LowRankPair { rank, first, second })
    }
}

impl LowRankPair {
    /// The best pair of `rank` for the `weight` of a layer; see [`Decomposition::pair`].
    ///
    /// # Errors
    /// As [`Decomposition::new`] and [`Decomposition::pair`].
    pub fn from_svd(weight: &[f32], kind: &LayerKind, rank: usize) -> Result<Self, InputError> {
        Decomposition::new(weight, kind)?.pair(rank)
    }

    /// Sizes of the vertical and the horizontal convolution that replace one of `params`.
    pub const fn params(&self, params: &Conv2dParams) -> [Conv2dParams; 2] {
        let vertical = Conv2dParams {
            in_channels: params.in_channels,
            out_channels: self.rank,
            kernel_size: [params.kernel_size[0], 1],
            stride: [params.stride[0], 1],
            padding: [params.padding[0], 0],
        };
        let horizontal = Conv2dParams {
            in_channels: self.rank,
            out_channels: params.out_channels,
            kernel_size: [1, params.kernel_size[1]],
            stride: [1, params.stride[1]],
            padding: [0, params.padding[1]],
        };
        [vertical, horizontal]
    }
}

/// The rank at which a pair is exact: `min(C * kh, N * kw)`, or `min(in, out)`.
pub fn max_rank(kind: &LayerKind) -> usize {
    let [n, c, kh, kw] = kind.weight_shape();
    (c * kh).min(n * kw)
}

/// The thesis's rank for a 3x3 convolution of `c` -> `n` channels on planes of `width` to run `speedup` times as fast:
/// `K = 3 C N / (S (C (W + 2) / W + N))`, rounded, at least 1.
///
/// `(W + 2) / W` counts the vertical convolution on the two padded columns as well.
pub fn rank_for_speedup(c: usize, n: usize, width: usize, speedup: f64) -> usize {
    let (c, n, w) = (c as f64, n as f64, width as f64);
    let rank = 3.0 * c * n / (speedup * (c * (w + 2.0) / w + n));
    (rank.round() as usize).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hccr_random::Rng;
    use hccr_runtime::shape::LinearParams;

    const PARAMS: Conv2dParams = Conv2dParams::same(4, 5, [3, 3]);
    const KIND: LayerKind = LayerKind::Conv2d(PARAMS);
    const MATRIX: LayerKind = LayerKind::Linear(LinearParams { in_features: 9, out_features: 20 });

    fn kernel() -> Vec<f32> {
        let mut rng = Rng::new(1, 0);
        (0..4 * 5 * 9).map(|_| rng.normal()).collect()
    }

    /// The weight that the pair stands for, output dimension first.
    fn product(pair: &LowRankPair, kind: &LayerKind) -> Vec<f32> {
        let [n, c, kh, kw] = kind.weight_shape();
        let mut weight = vec![0.0; n * c * kh * kw];
        for (at, w) in weight.iter_mut().enumerate() {
            let (out, channel, i, j) = (at / (c * kh * kw), at / (kh * kw) % c, at / kw % kh, at % kw);
            for k in 0..pair.rank {
                *w += pair.first[(k * c + channel) * kh + i] * pair.second[(out * pair.rank + k) * kw + j];
            }
        }
        weight
    }

    fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum()
    }

    #[test]
    fn thesis_ranks_at_speedup_4() {
        let layers = [(96, 128, 48), (128, 160, 24), (160, 256, 12), (256, 256, 12), (256, 384, 6), (384, 384, 6)];
        assert_eq!(layers.map(|(c, n, w)| rank_for_speedup(c, n, w, 4.0)), [40, 51, 69, 89, 102, 123]);
        assert_eq!(rank_for_speedup(1, 1, 6, 1000.0), 1);
    }

    #[test]
    fn full_rank_is_exact() {
        for (kind, lengths) in [(KIND, (12 * 4 * 3, 5 * 12 * 3)), (MATRIX, (9 * 9, 20 * 9))] {
            let pair = LowRankPair::from_svd(&kernel(), &kind, max_rank(&kind)).unwrap();
            assert_eq!((pair.first.len(), pair.second.len()), lengths);
            assert!(squared_distance(&product(&pair, &kind), &kernel()) < 1e-9);
        }
    }

    #[test]
    fn truncation_loses_the_dropped_singular_values() {
        let all = squared_distance(&kernel(), &[0.0; 180]);
        for kind in [KIND, MATRIX] {
            let decomposition = Decomposition::new(&kernel(), &kind).unwrap();
            for rank in [1, 5, max_rank(&kind) - 1] {
                let error = squared_distance(&product(&decomposition.pair(rank).unwrap(), &kind), &kernel());
                let dropped = f64::from(1.0 - decomposition.energy(rank)) * all;
                assert!((error - dropped).abs() < 1e-5 * all, "rank {rank}: {error} against {dropped}");
                assert_eq!(decomposition.rank_for_energy(decomposition.energy(rank)), rank);
            }
            assert_eq!(decomposition.rank_for_energy(0.0), 1);
            assert_eq!(decomposition.rank_for_energy(1.0), max_rank(&kind));
        }
    }

    #[test]
    fn sizes_of_the_pair() {
        let params = Conv2dParams { stride: [2, 1], ..PARAMS };
        let pair = LowRankPair::from_svd(&kernel(), &LayerKind::Conv2d(params), 3).unwrap();
        let [v, h] = pair.params(&params);
        assert_eq!((v.weight_shape(), h.weight_shape()), ([3, 4, 3, 1], [5, 3, 1, 3]));
        let size = v.output_size([9, 7]).and_then(|size| h.output_size(size));
        assert_eq!(size, params.output_size([9, 7]));
    }

    #[test]
    fn bad_input_is_refused() {
        for rank in [0, 13] {
            assert!(matches!(LowRankPair::from_svd(&kernel(), &KIND, rank), Err(InputError::Config { .. })));
        }
        assert!(LowRankPair::from_svd(&kernel()[1..], &KIND, 2).is_err());
        let mut weight = kernel();
        weight[7] = f32::INFINITY;
        assert!(matches!(LowRankPair::from_svd(&weight, &KIND, 2), Err(InputError::Svd(_))));
    }
}
