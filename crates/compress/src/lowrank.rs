//! A convolution as a product of a vertical and a horizontal one.

use crate::error::InputError;
use hccr_runtime::shape::Conv2dParams;
use hccr_tensor::{Svd, svd};
use ndarray::Array2;

/// A kh x kw convolution written as kh x 1 (C -> K channels) followed by 1 x kw (K -> N).
#[derive(Clone, Debug, PartialEq)]
pub struct LowRankPair {
    /// Channels between the two: K.
    pub rank: usize,
    /// Weight of the first, Oihw `[K, C, kh, 1]`.
    pub vertical: Vec<f32>,
    /// Weight of the second, Oihw `[N, K, 1, kw]`.
    pub horizontal: Vec<f32>,
}

impl LowRankPair {
    /// The best pair of `rank` for `weight` (Oihw), in the sense of least squares.
    ///
    /// The kernel is seen as a matrix of `C * kh` rows and `N * kw` columns; each singular value is shared between the
    /// two factors by its square root, so that both start with weights, and hence gradients, of like size.
    ///
    /// # Errors
    /// [`InputError`] where `weight` does not fit `params`, `rank` is zero or above [`max_rank`], or the weight is not finite.
    pub fn from_svd(weight: &[f32], params: &Conv2dParams, rank: usize) -> Result<Self, InputError> {
        let [n, c, kh, kw] = params.weight_shape();
        if weight.len() != n * c * kh * kw {
            return Err(InputError::config(
                "weight",
                format!("has {} elements, a {n}x{c}x{kh}x{kw} kernel needs another number", weight.len()),
            ));
        }
        if rank == 0 || rank > max_rank(params) {
            return Err(InputError::config("rank", format!("is {rank}, must be from 1 to {}", max_rank(params))));
        }
        let matrix = Array2::from_shape_fn((c * kh, n * kw), |(row, column)| {
            let (channel, i, out, j) = (row / kh, row % kh, column / kw, column % kw);
            weight[((out * c + channel) * kh + i) * kw + j]
        });
        let Svd { u, s, vt } = svd(&matrix)?;

        let mut vertical = Vec::with_capacity(rank * c * kh);
        for k in 0..rank {
            vertical.extend(u.column(k).iter().map(|v| v * s[k].sqrt()));
        }
        let mut horizontal = Vec::with_capacity(n * rank * kw);
        for out in 0..n {
            for k in 0..rank {
                horizontal.extend((0..kw).map(|j| vt[[k, out * kw + j]] * s[k].sqrt()));
            }
        }
        Ok(Self { rank, vertical, horizontal })
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

/// The rank at which a pair is exact: `min(C * kh, N * kw)`.
pub fn max_rank(params: &Conv2dParams) -> usize {
    (params.in_channels * params.kernel_size[0]).min(params.out_channels * params.kernel_size[1])
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
    use hccr_tensor::Rng;

    const PARAMS: Conv2dParams = Conv2dParams::same(4, 5, [3, 3]);

    fn kernel() -> Vec<f32> {
        let mut rng = Rng::new(1, 0);
        (0..4 * 5 * 9).map(|_| rng.normal()).collect()
    }

    /// The kernel that the pair stands for, Oihw.
    fn product(pair: &LowRankPair) -> Vec<f32> {
        let [n, c, kh, kw] = PARAMS.weight_shape();
        let mut weight = vec![0.0; n * c * kh * kw];
        for (at, w) in weight.iter_mut().enumerate() {
            let (out, channel, i, j) = (at / (c * kh * kw), at / (kh * kw) % c, at / kw % kh, at % kw);
            for k in 0..pair.rank {
                *w += pair.vertical[(k * c + channel) * kh + i] * pair.horizontal[(out * pair.rank + k) * kw + j];
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
        let pair = LowRankPair::from_svd(&kernel(), &PARAMS, max_rank(&PARAMS)).unwrap();
        assert_eq!((pair.vertical.len(), pair.horizontal.len()), (12 * 4 * 3, 5 * 12 * 3));
        assert!(squared_distance(&product(&pair), &kernel()) < 1e-9);
    }

    #[test]
    fn truncation_loses_the_dropped_singular_values() {
        let full = LowRankPair::from_svd(&kernel(), &PARAMS, 12).unwrap();
        // Split evenly, the squared norm of row k of the vertical factor is the k-th singular value.
        let squares = full.vertical.chunks(12).map(|row| row.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>());
        let values: Vec<f64> = squares.collect();
        for rank in [1, 5, 11] {
            let pair = LowRankPair::from_svd(&kernel(), &PARAMS, rank).unwrap();
            let dropped: f64 = values[rank..].iter().map(|s| s * s).sum();
            let error = squared_distance(&product(&pair), &kernel());
            assert!((error - dropped).abs() < 1e-4 * dropped, "rank {rank}: {error} against {dropped}");
        }
    }

    #[test]
    fn sizes_of_the_pair() {
        let params = Conv2dParams { stride: [2, 1], ..PARAMS };
        let pair = LowRankPair::from_svd(&kernel(), &params, 3).unwrap();
        let [v, h] = pair.params(&params);
        assert_eq!((v.weight_shape(), h.weight_shape()), ([3, 4, 3, 1], [5, 3, 1, 3]));
        let size = v.output_size([9, 7]).and_then(|size| h.output_size(size));
        assert_eq!(size, params.output_size([9, 7]));
    }

    #[test]
    fn bad_input_is_refused() {
        for rank in [0, 13] {
            assert!(matches!(LowRankPair::from_svd(&kernel(), &PARAMS, rank), Err(InputError::Config { .. })));
        }
        assert!(LowRankPair::from_svd(&kernel()[1..], &PARAMS, 2).is_err());
        let mut weight = kernel();
        weight[7] = f32::INFINITY;
        assert!(matches!(LowRankPair::from_svd(&weight, &PARAMS, 2), Err(InputError::Svd(_))));
    }
}
