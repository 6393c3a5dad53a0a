//! Convolution by im2col and matrix products.

use super::mode::Mode;
use crate::batch::{Batch, Chunk, Spare, sum_in_order};
use crate::param::Param;
use hccr_random::Rng;
use hccr_runtime::shape::Conv2dParams;
use hccr_tensor::{Scalar, Transpose, Window, col2im, gemm, im2col};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Elements of the column matrix that one matrix product takes at most, if several images make it up: small enough to
/// stay in the second-level cache, large enough for small planes to fill a product.
const COLUMN_ELEMENTS: usize = 1 << 18;

/// Two-dimensional convolution, weight Oihw, with an optional bias.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Conv2d<T> {
    /// Name of the layer.
    pub name: String,
    /// Sizes.
    #[serde(with = "crate::params_serde::Conv2dDef")]
    pub params: Conv2dParams,
    /// Weight, Oihw.
    pub weight: Param<T>,
    /// Bias a channel.
    pub bias: Option<Param<T>>,
    #[serde(skip, default = "Batch::default")]
    input: Batch<T>,
    #[serde(skip, default = "Spare::default")]
    spare: Spare<T>,
}

impl<T: Scalar> Conv2d<T> {
    /// A convolution with He-normal weights and, if wanted, a bias of zeros.
    pub fn new(name: &str, params: Conv2dParams, bias: bool, rng: &mut Rng) -> Self {
        let weight = Param::he_normal(format!("{name}.weight"), &params.weight_shape(), rng);
        let bias = bias.then(|| Param::constant(format!("{name}.bias"), params.out_channels, 0.0));
        Self { name: name.into(), params, weight, bias, input: Batch::default(), spare: Spare::default() }
    }

    pub(crate) fn output_shape(&self, [_, h, w]: [usize; 3]) -> [usize; 3] {
        let [h, w] = self.params.output_size([h, w]).expect("the kernel fits, as Network::push has checked");
        [self.params.out_channels, h, w]
    }

    fn window(&self, [_, h, w]: [usize; 3]) -> Window {
        let [_, oh, ow] = self.output_shape([0, h, w]);
        let Conv2dParams { kernel_size, stride, padding, .. } = self.params;
        Window { kernel: kernel_size, stride, padding, input: [h, w], output: [oh, ow] }
    }

    /// Rows of the column matrix.
    fn depth(&self) -> usize {
        self.params.in_channels * self.params.kernel_size[0] * self.params.kernel_size[1]
    }

    /// Groups of images whose columns are taken together.
    fn groups(&self, images: usize, out_plane: usize) -> impl Iterator<Item = Range<usize>> + use<T> {
        let group = (COLUMN_ELEMENTS / (self.depth() * out_plane)).clamp(1, images);
        (0..images).step_by(group).map(move |start| start..(start + group).min(images))
    }

    pub(crate) fn forward(&mut self, x: Batch<T>, mode: Mode) -> Batch<T> {
        let shape = self.output_shape(x.shape);
        let buffers = self.spare.take(x.chunks.len());
        let this = &*self;
        let of_chunk = |(chunk, buffer)| this.forward_chunk(x.shape, chunk, buffer);
        let chunks = x.chunks.par_iter().zip(buffers).map(of_chunk).collect();
        if mode != Mode::Eval {
            self.input = x;
        }
        Batch::new(shape, chunks)
    }

    fn forward_chunk(&self, shape: [usize; 3], x: &Chunk<T>, mut y: Vec<T>) -> Chunk<T> {
        let window = self.window(shape);
        let (in_plane, plane) = (shape[1] * shape[2], window.output[0] * window.output[1]);
        let (channels, depth, stride) = (self.params.out_channels, self.depth(), x.images * plane);
        y.resize(channels * stride, T::zero());
        if let Some(bias) = &self.bias {
            for (y, &b) in y.chunks_exact_mut(stride).zip(&bias.value) {
                y.fill(b);
            }
        }
        let beta = if self.bias.is_some() { T::one() } else { T::zero() };
        let mut columns = Vec::new();
        for group in self.groups(x.images, plane) {
            let n = group.len() * plane;
            columns.resize(depth * n, T::zero());
            im2col(&window, &x.data, shape[0], x.images * in_plane, group.clone(), &mut columns);
            let weight = (&self.weight.value[..], depth, Transpose::No);
            let y = &mut y[group.start * plane..];
            gemm([channels, n, depth], T::one(), weight, (&columns, n, Transpose::No), beta, (y, stride));
        }
        Chunk { images: x.images, data: y }
    }

    pub(crate) fn backward(&mut self, dy: Batch<T>, wanted: bool) -> Batch<T> {
        let x = std::mem::take(&mut self.input);
        let parts: Vec<_> = x
            .chunks
            .par_iter()
            .zip(&dy.chunks)
            .map(|(x_chunk, dy)| self.backward_chunk(x.shape, x_chunk, dy, wanted))
            .collect();
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
        self.spare.keep(dy);
        Batch::new(x.shape, chunks)
    }

    /// Gradients by the input (empty unless `wanted`), the weight and the bias.
    fn backward_chunk(
        &self,
        shape: [usize; 3],
        x: &Chunk<T>,
        dy: &Chunk<T>,
        wanted: bool,
    ) -> (Chunk<T>, Vec<T>, Vec<T>) {
        let window = self.window(shape);
        let (in_plane, plane) = (shape[1] * shape[2], window.output[0] * window.output[1]);
        let (channels, depth, stride) = (self.params.out_channels, self.depth(), x.images * plane);
        let mut dx = vec![T::zero(); if wanted { x.data.len() } else { 0 }];
        let mut dw = vec![T::zero(); channels * depth];
        let mut columns = Vec::new();
        for group in self.groups(x.images, plane) {
            let n = group.len() * plane;
            columns.resize(depth * n, T::zero());
            im2col(&window, &x.data, shape[0], x.images * in_plane, group.clone(), &mut columns);
            let dy = &dy.data[group.start * plane..];
            let of_dy = (dy, stride, Transpose::No);
            gemm([channels, depth, n], T::one(), of_dy, (&columns, n, Transpose::Yes), T::one(), (&mut dw, depth));
            if wanted {
                let weight = (&self.weight.value[..], depth, Transpose::Yes);
                gemm([depth, n, channels], T::one(), weight, of_dy, T::zero(), (&mut columns, n));
                col2im(&window, &mut columns, shape[0], x.images * in_plane, group, &mut dx);
            }
        }
        let db = match self.bias {
            Some(_) => dy.data.chunks_exact(stride).map(super::plane::sum).collect(),
            None => Vec::new(),
        };
        (Chunk { images: x.images, data: dx }, dw, db)
    }
}
