//! Fully connected layer.

use super::mode::Mode;
use crate::batch::{Batch, Chunk};
use crate::param::Param;
use crate::share::sum_in_pairs;
use hccr_random::Rng;
use hccr_runtime::shape::LinearParams;
use hccr_tensor::{Scalar, Transpose, gemm};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

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
    pub(super) input: Batch<T>,
}

impl<T: Scalar> Linear<T> {
    /// A layer with He-normal weights and a bias of zeros.
    pub fn new(name: &str, params: LinearParams, rng: &mut Rng) -> Self {
        let weight = Param::he_normal(format!("{name}.weight"), &[params.out_features, params.in_features], rng);
        let bias = Some(Param::constant(format!("{name}.bias"), params.out_features, 0.0));
        Self { name: name.into(), params, weight, bias, input: Batch::default() }
    }

    /// A layer of given weights.
    pub(crate) fn with_weight(name: &str, params: LinearParams, weight: Vec<T>, bias: Option<Vec<T>>) -> Self {
        let weight = Param::weight(format!("{name}.weight"), &[params.out_features, params.in_features], weight);
        let bias = bias.map(|bias| Param::new(format!("{name}.bias"), &[params.out_features], bias));
        Self { name: name.into(), params, weight, bias, input: Batch::default() }
    }

    /// The two layers `{name}_v` (`[rank, in_features]`, without a bias) and `{name}_u` (`[out_features, rank]`, with
    /// the bias of this one) that compute `u v x + bias`.
    pub(crate) fn factors(&self, rank: usize, [v, u]: [Vec<T>; 2]) -> [Self; 2] {
        let LinearParams { in_features, out_features } = self.params;
        let layer = |suffix: &str, in_features, out_features, value, bias| {
            let name = format!("{}_{suffix}", self.name);
            Self::with_weight(&name, LinearParams { in_features, out_features }, value, bias)
        };
        let bias = self.bias.as_ref().map(|bias| bias.value.clone());
        [layer("v", in_features, rank, v, None), layer("u", rank, out_features, u, bias)]
    }

    pub(crate) fn forward(&mut self, x: Batch<T>, mode: Mode) -> Batch<T> {
        let LinearParams { in_features: k, out_features: m } = self.params;
        let this = &*self;
        let of_group = |group: &[Chunk<T>]| {
            let (x, n) = (joined(group), columns(group));
            let mut y = vec![T::zero(); m * n];
            y.par_chunks_mut(ROWS * n).enumerate().for_each(|(piece, y)| {
                let rows = y.len() / n;
                if let Some(bias) = &this.bias {
                    for (y, &b) in y.chunks_exact_mut(n).zip(&bias.value[piece * ROWS..]) {
                        y.fill(b);
                    }
                }
                let beta = if this.bias.is_some() { T::one() } else { T::zero() };
                let weight = (&this.weight.value[piece * ROWS * k..], k, Transpose::No);
                gemm([rows, n, k], T::one(), weight, (&x, n, Transpose::No), beta, (y, n));
            });
            parted(y, group)
        };
        let chunks = x.chunks.par_chunks(group_size(&x)).flat_map(of_group).collect();
        let y = Batch { shape: [m, 1, 1], chunks, packings: x.packings.clone(), share: x.share.clone() };
        if mode != Mode::Eval {
            self.input = x;
        }
        y
    }

    /// The mean products of the features: `[in_features, in_features]`.
    pub(crate) fn input_products(&self, x: &Batch<T>) -> Vec<T> {
        let k = self.params.in_features;
        let share = T::of(1.0 / columns(&x.chunks) as f64);
        let mut products = vec![T::zero(); k * k];
        for Chunk { images: n, data } in &x.chunks {
            let factors = ((&data[..], *n, Transpose::No), (&data[..], *n, Transpose::Yes));
            gemm([k, k, *n], share, factors.0, factors.1, T::one(), (&mut products, k));
        }
        products
    }

    pub(crate) fn backward(&mut self, dy: Batch<T>, wanted: bool) -> Batch<T> {
        let x = std::mem::take(&mut self.input);
        let LinearParams { in_features: k, out_features: m } = self.params;
        let size = group_size(&x);
        let groups: Vec<_> = x.chunks.chunks(size).zip(dy.chunks.chunks(size)).collect();
        let groups: Vec<Group<'_, T>> =
            groups.into_par_iter().map(|(x, dy)| (joined(x), joined(dy), columns(x), x)).collect();

        let mut dw = std::mem::take(&mut self.weight.grad);
        dw.resize(m * k, T::zero());
        dw.par_chunks_mut(ROWS * k).enumerate().for_each(|(piece, dw)| {
            let of_group = |(x, dy, n, _): &Group<'_, T>| {
                let mut part = vec![T::zero(); dw.len()];
                let dy = (&dy[piece * ROWS * n..], *n, Transpose::No);
                gemm([dw.len() / k, k, *n], T::one(), dy, (x, *n, Transpose::Yes), T::zero(), (&mut part, k));
                part
            };
            dw.copy_from_slice(&sum_in_pairs(groups.par_iter().map(of_group).collect()));
        });
        dy.share.sum_into(&mut self.weight, vec![dw]);
        if let Some(bias) = &mut self.bias {
            let of_group = |(_, dy, n, _): &Group<'_, T>| dy.chunks_exact(*n).map(super::plane::sum).collect();
            dy.share.sum_into(bias, groups.iter().map(of_group).collect());
        }
        let of_group = |(_, dy, n, chunks): &Group<'_, T>| {
            let mut dx = vec![T::zero(); k * n];
            dx.par_chunks_mut(ROWS * n).enumerate().for_each(|(piece, dx)| {
                let weight = (&self.weight.value[piece * ROWS..], k, Transpose::Yes);
                gemm([dx.len() / n, *n, m], T::one(), weight, (dy, *n, Transpose::No), T::zero(), (dx, *n));
            });
            parted(dx, chunks)
        };
        let chunks = if wanted { groups.par_iter().flat_map(of_group).collect() } else { Vec::new() };
        Batch { shape: x.shape, chunks, packings: x.packings.clone(), share: dy.share.clone() }
    }
}

/// Some chunks that are multiplied together: their inputs and gradients side by side, the number of columns, and the chunks.
type Group<'a, T> = (Cow<'a, [T]>, Cow<'a, [T]>, usize, &'a [Chunk<T>]);

/// Rows of a product that one thread computes.
const ROWS: usize = 128;
/// Columns that a product has at least, where the batch has as many: a chunk of images has only a few, for which the weight would be
/// read from memory again and again.
pub(crate) const COLUMNS: usize = 16;

/// How many chunks are multiplied together: those of sequences are large enough.
fn group_size<T>(x: &Batch<T>) -> usize {
    let images = x.chunks.first().map_or(1, |c| c.images.max(1));
    if x.packings.is_empty() { COLUMNS.div_ceil(images) } else { 1 }
}

fn columns<T>(group: &[Chunk<T>]) -> usize {
    group.iter().map(|c| c.images).sum()
}

/// The matrices of some chunks side by side.
fn joined<T: Scalar>(group: &[Chunk<T>]) -> Cow<'_, [T]> {
    if let [chunk] = group {
        return Cow::Borrowed(&chunk.data);
    }
    let columns = columns(group);
    let rows = group.iter().map(|c| c.data.len()).sum::<usize>() / columns.max(1);
    let mut all = Vec::with_capacity(rows * columns);
    for row in 0..rows {
        for chunk in group {
            all.extend_from_slice(&chunk.data[row * chunk.images..][..chunk.images]);
        }
    }
    Cow::Owned(all)
}

/// The reverse of [`joined`].
fn parted<T: Scalar>(all: Vec<T>, group: &[Chunk<T>]) -> Vec<Chunk<T>> {
    if let [chunk] = group {
        return vec![Chunk { images: chunk.images, data: all }];
    }
    let (columns, mut first) = (columns(group), 0);
    let of_chunk = |chunk: &Chunk<T>| {
        let rows = all.chunks_exact(columns);
        let data = rows.flat_map(|row| &row[first..first + chunk.images]).copied().collect();
        first += chunk.images;
        Chunk { images: chunk.images, data }
    };
    group.iter().map(of_chunk).collect()
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
        Batch { shape: [x.shape.iter().product(), 1, 1], ..x }
    }

    pub(crate) fn backward<T: Scalar>(&mut self, dy: Batch<T>) -> Batch<T> {
        Batch { shape: self.shape, ..dy }
    }
}
