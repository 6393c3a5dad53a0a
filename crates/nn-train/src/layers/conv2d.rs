//! Convolution.

use super::mode::Mode;
use crate::batch::{Batch, Chunk, Spare};
use crate::param::Param;
use hccr_random::Rng;
use hccr_runtime::shape::Conv2dParams;
use hccr_tensor::{Convolution, Scalar, Transpose, Window, gemm, im2col};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

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
    pub(super) input: Batch<T>,
    #[serde(skip, default = "Spare::default")]
    pub(super) spare: Spare<Vec<T>>,
}

impl<T: Scalar> Conv2d<T> {
    /// A convolution with He-normal weights and, if wanted, a bias of zeros.
    pub fn new(name: &str, params: Conv2dParams, bias: bool, rng: &mut Rng) -> Self {
        let weight = Param::he_normal(format!("{name}.weight"), &params.weight_shape(), rng);
        let bias = bias.then(|| Param::constant(format!("{name}.bias"), params.out_channels, 0.0));
        Self { name: name.into(), params, weight, bias, input: Batch::default(), spare: Spare::default() }
    }

    /// A convolution of given weights.
    pub(crate) fn with_weight(name: &str, params: Conv2dParams, weight: Vec<T>, bias: Option<Vec<T>>) -> Self {
        let weight = Param::weight(format!("{name}.weight"), &params.weight_shape(), weight);
        let bias = bias.map(|bias| Param::new(format!("{name}.bias"), &[params.out_channels], bias));
        Self { name: name.into(), params, weight, bias, input: Batch::default(), spare: Spare::default() }
    }

    pub(crate) fn output_shape(&self, [_, h, w]: [usize; 3]) -> [usize; 3] {
        let [h, w] = self.params.output_size([h, w]).expect("the kernel fits, as Network::push has checked");
        [self.params.out_channels, h, w]
    }

    fn convolution(&self, [_, h, w]: [usize; 3]) -> Convolution {
        let [_, oh, ow] = self.output_shape([0, h, w]);
        let Conv2dParams { in_channels, out_channels, kernel_size, stride, padding } = self.params;
        let window = Window { kernel: kernel_size, stride, padding, input: [h, w], output: [oh, ow] };
        Convolution { window, in_channels, out_channels }
    }

    pub(crate) fn forward(&mut self, x: Batch<T>, mode: Mode) -> Batch<T> {
        let shape = self.output_shape(x.shape);
        let buffers = self.spare.take(x.chunks.len());
        let (convolution, this) = (self.convolution(x.shape), &*self);
        let weight = convolution.forward_weight(&this.weight.value);
        let of_chunk = |(x, mut y): (&Chunk<T>, Vec<T>)| {
            let stride = x.images * shape[1] * shape[2];
            y.resize(shape[0] * stride, T::zero());
            convolution.forward(&weight, &x.data, x.images, &mut y);
            for (y, &b) in y.chunks_exact_mut(stride).zip(this.bias.iter().flat_map(|bias| &bias.value)) {
                y.iter_mut().for_each(|y| *y += b);
            }
            Chunk { images: x.images, data: y }
        };
        let chunks = x.chunks.par_iter().zip(buffers).map(of_chunk).collect();
        let share = x.share.clone();
        if mode != Mode::Eval {
            self.input = x;
        }
        Batch::new(shape, chunks).with_share(share)
    }

    /// The mean products of the values that an output reads: `[row, row]`, with `row` the length of a row of the weight.
    pub(crate) fn input_products(&self, x: &Batch<T>) -> Vec<T> {
        let Convolution { window, in_channels, .. } = self.convolution(x.shape);
        let row = self.weight.value.len() / self.params.out_channels;
        let outputs = window.output[0] * window.output[1];
        let share = T::of(1.0 / (x.images() * outputs) as f64);
        let mut products = vec![T::zero(); row * row];
        for chunk in &x.chunks {
            let columns = chunk.images * outputs;
            let mut patches = vec![T::zero(); row * columns];
            im2col(&window, &chunk.data, in_channels, chunk.images, 0..window.output[0], &mut patches);
            let factors = ((&patches[..], columns, Transpose::No), (&patches[..], columns, Transpose::Yes));
            gemm([row, row, columns], share, factors.0, factors.1, T::one(), (&mut products, row));
        }
        products
    }

    pub(crate) fn backward(&mut self, dy: Batch<T>, wanted: bool) -> Batch<T> {
        let mut x = std::mem::take(&mut self.input);
        let (convolution, this) = (self.convolution(x.shape), &*self);
        let weight = convolution.backward_weight(&this.weight.value);
        let of_chunk = |(x, dy): (&mut Chunk<T>, &Chunk<T>)| {
            let mut dw = vec![T::zero(); this.weight.value.len()];
            convolution.weight_gradient(&x.data, &dy.data, dy.images, &mut dw);
            // The gradient by the input takes the input's place.
            if wanted {
                convolution.input_gradient(&weight, &dy.data, dy.images, &mut x.data);
            }
            let stride = dy.data.len() / this.params.out_channels;
            let db = match this.bias {
                Some(_) => dy.data.chunks_exact(stride).map(super::plane::sum).collect(),
                None => Vec::new(),
            };
            (dw, db)
        };
        let parts: Vec<_> = x.chunks.par_iter_mut().zip(&dy.chunks).map(of_chunk).collect();
        let (weights, biases): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        dy.share.sum_into(&mut self.weight, weights);
        if let Some(bias) = &mut self.bias {
            dy.share.sum_into(bias, biases);
        }
        self.spare.keep(dy);
        x
    }
}
