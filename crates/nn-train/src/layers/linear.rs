//! Fully connected layer.

use super::mode::Mode;
use crate::batch::{Batch, Chunk, sum_in_order};
use crate::param::Param;
use hccr_random::Rng;
use hccr_runtime::shape::LinearParams;
use hccr_tensor::{Scalar, Transpose, gemm};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Fully connected layer, weight `[out_features, in_features]`; on sequences it works on each step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Linear<T> {
    /// Name of the layer.
    pub name: String,
    /// Sizes.
    #[serde(with = "crate::params_serde::LinearDef")]
    pub params: LinearParams,
    /// Weight, `[out_features, in_features]`.
    pub weight: Param<T>,
    /// Bias a feature.
    pub bias: Option<Param<T>>,
    #[serde(skip, default = "Batch::default")]
    input: Batch<T>,
}

impl<T: Scalar> Linear<T> {
    /// A layer with He-normal weights and a bias of zeros.
    pub fn new(name: &str, params: LinearParams, rng: &mut Rng) -> Self {
        let weight = Param::he_normal(format!("{name}.weight"), &[params.out_features, params.in_features], rng);
        let bias = Some(Param::constant(format!("{name}.bias"), params.out_features, 0.0));
        Self { name: name.into(), params, weight, bias, input: Batch::default() }
    }

    /// The two layers `{name}_v` (`[rank, in_features]`, without a bias) and `{name}_u` (`[out_features, rank]`, with
    /// the bias of this one) that compute `u v x + bias`.
    pub(crate) fn factors(&self, rank: usize, [v, u]: [Vec<T>; 2]) -> [Self; 2] {
        let LinearParams { in_features, out_features } = self.params;
        let layer = |suffix: &str, in_features, out_features, value, bias| {
            let name = format!("{}_{suffix}", self.name);
            let weight = Param::weight(format!("{name}.weight"), &[out_features, in_features], value);
            let params = LinearParams { in_features, out_features };
            Self { name, params, weight, bias, input: Batch::default() }
        };
        let bias = self.bias.as_ref().map(|b| Param::new(format!("{}_u.bias", self.name), &b.shape, b.value.clone()));
        [layer("v", in_features, rank, v, None), layer("u", rank, out_features, u, bias)]
    }

    pub(crate) fn forward(&mut self, x: Batch<T>, mode: Mode) -> Batch<T> {
        let LinearParams { in_features: k, out_features: m } = self.params;
        let of_chunk = |x: &Chunk<T>| {
            let n = x.images;
            let mut y = vec![T::zero(); m * n];
            if let Some(bias) = &self.bias {
                for (y, &b) in y.chunks_exact_mut(n).zip(&bias.value) {
                    y.fill(b);
                }
            }
            let beta = if self.bias.is_some() { T::one() } else { T::zero() };
            let weight = (&self.weight.value[..], k, Transpose::No);
            gemm([m, n, k], T::one(), weight, (&x.data, n, Transpose::No), beta, (&mut y, n));
            Chunk { images: n, data: y }
        };
        let chunks = x.chunks.par_iter().map(of_chunk).collect();
        let y = Batch { shape: [m, 1, 1], chunks, packings: x.packings.clone() };
        if mode != Mode::Eval {
            self.input = x;
        }
        y
    }

    pub(crate) fn backward(&mut self, dy: Batch<T>, wanted: bool) -> Batch<T> {
        let x = std::mem::take(&mut self.input);
        let LinearParams { in_features: k, out_features: m } = self.params;
        let of_chunk = |(x, dy): (&Chunk<T>, &Chunk<T>)| {
            let n = x.images;
            let (mut dx, mut dw) = (vec![T::zero(); if wanted { k * n } else { 0 }], vec![T::zero(); m * k]);
            let of_dy = (&dy.data[..], n, Transpose::No);
            gemm([m, k, n], T::one(), of_dy, (&x.data, n, Transpose::Yes), T::zero(), (&mut dw, k));
            if wanted {
                let weight = (&self.weight.value[..], k, Transpose::Yes);
                gemm([k, n, m], T::one(), weight, of_dy, T::zero(), (&mut dx, n));
            }
            let db = match self.bias {
                Some(_) => dy.data.chunks_exact(n).map(super::plane::sum).collect(),
                None => Vec::new(),
            };
            (Chunk { images: n, data: dx }, dw, db)
        };
        let parts: Vec<_> = x.chunks.par_iter().zip(&dy.chunks).map(of_chunk).collect();
        let (mut chunks, mut weights, mut biases) = (Vec::new(), Vec::new(), Vec::new());
        for (chunk, weight, bias) in parts {
            chunks.push(chunk);
            weights.push(weight);
            biases.push(bias);
        }
        self.weight.grad = sum_in_order(weights);
        if let Some(bias) = &mut self.bias {
            bias.grad = sum_in_order(biases);
        }
        Batch { chunks, ..x }
    }
}

/// `[channels, height, width]` to a vector of `channels * height * width` features.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Flatten {
    #[serde(skip)]
    shape: [usize; 3],
}

impl Flatten {
    pub(crate) fn forward<T: Scalar>(&mut self, x: Batch<T>) -> Batch<T> {
        self.shape = x.shape;
        let (channels, plane) = (x.shape[0], x.plane());
        Batch::new([channels * plane, 1, 1], swap(x.chunks, channels, |c| [c.images, plane]))
    }

    pub(crate) fn backward<T: Scalar>(&mut self, dy: Batch<T>) -> Batch<T> {
        let [channels, h, w] = self.shape;
        Batch::new(self.shape, swap(dy.chunks, channels, |c| [h * w, c.images]))
    }
}

/// Transposes the `rows x columns` matrix of each channel.
fn swap<T: Scalar>(chunks: Vec<Chunk<T>>, channels: usize, size: impl Fn(&Chunk<T>) -> [usize; 2]) -> Vec<Chunk<T>> {
    let of_chunk = |chunk: Chunk<T>| {
        let [rows, columns] = size(&chunk);
        let mut data = Vec::with_capacity(chunk.data.len());
        for channel in 0..channels {
            let from = &chunk.data[channel * rows * columns..][..rows * columns];
            data.extend((0..columns).flat_map(|c| (0..rows).map(move |r| from[r * columns + c])));
        }
        Chunk { images: chunk.images, data }
    };
    chunks.into_iter().map(of_chunk).collect()
}
