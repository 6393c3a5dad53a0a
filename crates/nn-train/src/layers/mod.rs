//! Layers: forward and backward.

mod conv2d;
mod dropout;
mod linear;
mod lstm;
mod mean_over_time;
mod mode;
mod norm;
mod plane;
mod recurrence;
pub(crate) mod stem;

pub use conv2d::Conv2d;
pub use dropout::Dropout;
pub(crate) use linear::COLUMNS;
pub use linear::{Flatten, Linear};
pub use lstm::Lstm;
pub use mean_over_time::MeanOverTime;
pub use mode::Mode;
pub(crate) use norm::batch_statistics;
pub use norm::{Norm, NormPReluPool};
pub(crate) use plane::moments;

use crate::batch::{Batch, Spare};
use crate::param::Param;
use hccr_random::Rng;
use hccr_runtime::shape::LinearParams;
use hccr_tensor::Scalar;
use serde::{Deserialize, Serialize};

/// A layer of a [`Network`](crate::Network).
// A network has a few dozen layers: their own size does not matter.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Layer<T> {
    /// Convolution.
    Conv2d(Conv2d<T>),
    /// Batch normalization, PRelu and max pooling, each of them optional, in one pass over memory.
    Norm(NormPReluPool<T>),
    /// `[channels, height, width]` to a vector.
    Flatten(Flatten),
    /// Fully connected layer.
    Linear(Linear<T>),
    /// Dropout.
    Dropout(Dropout),
    /// LSTM, without the product by the input.
    Lstm(Lstm<T>),
    /// Sequences to vectors.
    MeanOverTime(MeanOverTime),
}

impl<T: Scalar> Layer<T> {
    /// A whole LSTM: the linear layer `{name}_x`, then the recurrence. The forget gates' bias starts at 1, so that the network
    /// remembers before it has learnt to (Jozefowicz et al. 2015).
    pub fn lstm(name: &str, in_features: usize, hidden_size: usize, rng: &mut Rng) -> [Self; 2] {
        let params = LinearParams { in_features, out_features: 4 * hidden_size };
        let mut input = Linear::new(&format!("{name}_x"), params, rng);
        let bias = input.bias.as_mut().expect("a new linear layer has a bias");
        bias.value[hidden_size..2 * hidden_size].fill(T::one());
        [Self::Linear(input), Self::Lstm(Lstm::new(name, hidden_size, rng))]
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Conv2d(l) => &l.name,
            Self::Norm(l) => &l.name,
            Self::Flatten(_) => "flatten",
            Self::Linear(l) => &l.name,
            Self::Dropout(l) => &l.name,
            Self::Lstm(l) => &l.name,
            Self::MeanOverTime(_) => "mean_over_time",
        }
    }

    /// Drops what it remembers of the last batch.
    pub(crate) fn forget_batch(&mut self) {
        match self {
            Self::Conv2d(l) => (l.input, l.spare) = (Batch::default(), Spare::default()),
            Self::Norm(l) => l.forget_batch(),
            Self::Linear(l) => l.input = Batch::default(),
            Self::Dropout(l) => l.kept = Vec::new(),
            Self::Lstm(l) => (l.cache, l.spare) = (lstm::Cache::default(), Spare::default()),
            Self::Flatten(_) | Self::MeanOverTime(_) => {}
        }
    }

    /// Whether its parameters are as long as its sizes say, and its settings possible: always but in a file that was altered.
    pub(crate) fn fits_itself(&self) -> bool {
        let vector = |param: &Option<Param<T>>, len: usize| param.as_ref().is_none_or(|p| p.has_shape(&[len]));
        let fits = match self {
            Self::Conv2d(l) => l.weight.has_shape(&l.params.weight_shape()) && vector(&l.bias, l.params.out_channels),
            Self::Norm(l) => l.fits_itself(),
            Self::Linear(l) => {
                let LinearParams { in_features, out_features } = l.params;
                l.weight.has_shape(&[out_features, in_features]) && vector(&l.bias, out_features)
            }
            Self::Lstm(l) => l.fits_itself(),
            Self::Dropout(l) => (0.0..1.0).contains(&l.probability),
            Self::Flatten(_) | Self::MeanOverTime(_) => true,
        };
        fits && self.weights().iter().all(|param| param.layer().is_some())
    }

    /// Shape of the output for one image.
    pub fn output_shape(&self, input: [usize; 3]) -> [usize; 3] {
        match self {
            Self::Conv2d(l) => l.output_shape(input),
            Self::Norm(l) => l.output_shape(input),
            Self::Flatten(_) => [input.iter().product(), 1, 1],
            Self::Linear(l) => [l.params.out_features, 1, 1],
            Self::Lstm(l) => [l.hidden_size, 1, 1],
            Self::Dropout(_) | Self::MeanOverTime(_) => input,
        }
    }

    /// The layer's output.
    pub fn forward(&mut self, x: Batch<T>, mode: Mode) -> Batch<T> {
        match self {
            Self::Conv2d(l) => l.forward(x, mode),
            Self::Norm(l) => l.forward(x, mode),
            Self::Flatten(l) => l.forward(x),
            Self::Linear(l) => l.forward(x, mode),
            Self::Dropout(l) => l.forward(x, mode),
            Self::Lstm(l) => l.forward(None, x, mode),
            Self::MeanOverTime(l) => l.forward(x, mode),
        }
    }

    /// Takes the loss's gradient by the output of the last training pass, sets the parameters' gradients and returns
    /// the gradient by the input, where `wanted`.
    pub fn backward(&mut self, dy: Batch<T>, wanted: bool) -> Batch<T> {
        match self {
            Self::Conv2d(l) => l.backward(dy, wanted),
            Self::Norm(l) => l.backward(dy),
            Self::Flatten(l) => l.backward(dy),
            Self::Linear(l) => l.backward(dy, wanted),
            Self::Dropout(l) => l.backward(dy),
            Self::Lstm(l) => l.backward(None, dy),
            Self::MeanOverTime(l) => l.backward(dy),
        }
    }

    /// The trainable parameters.
    pub fn params_mut(&mut self) -> Vec<&mut Param<T>> {
        match self {
            Self::Conv2d(l) => std::iter::once(&mut l.weight).chain(&mut l.bias).collect(),
            Self::Norm(l) => l.params_mut(),
            Self::Linear(l) => std::iter::once(&mut l.weight).chain(&mut l.bias).collect(),
            Self::Lstm(l) => l.project.iter_mut().chain([&mut l.recurrent]).collect(),
            Self::Flatten(_) | Self::Dropout(_) | Self::MeanOverTime(_) => Vec::new(),
        }
    }

    /// The weights that can be compressed, each of them with a [`Param::layer`], in the order in which they are applied.
    pub fn weights(&self) -> Vec<&Param<T>> {
        match self {
            Self::Conv2d(l) => vec![&l.weight],
            Self::Linear(l) => vec![&l.weight],
            Self::Lstm(l) => l.project.iter().chain([&l.recurrent]).collect(),
            Self::Norm(_) | Self::Flatten(_) | Self::Dropout(_) | Self::MeanOverTime(_) => Vec::new(),
        }
    }
}
