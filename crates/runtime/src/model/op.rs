//! The closed set of operations.

use crate::tensor::shape::{Conv2dParams, LinearParams, LstmParams, Pool2dParams};
use crate::weights::{MAX_INTEGER, WeightId};

/// An operation. Each has one output; all but the input's owner have one input.
///
/// `Linear`, `BatchNorm`, `PRelu`, `Dropout` and `Identity` read vectors and sequences (`[T, features]`): of a sequence
/// they take each step as a vector of its own.
///
/// The set grows only with this crate, in which no `match` on it has a wildcard: the compiler lists what a new operation must
/// touch. Others meet an operation that they do not know with an error. What an operation consists of does not change.
///
/// ```
/// use hccr_runtime::Op;
///
/// assert_eq!(Op::Dropout { probability: 0.5 }.name(), "Dropout");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Op {
    /// `y = x - mean`, with a mean of the input's shape (the mean image of the training set).
    SubtractMean {
        /// Mean, of the input's shape.
        mean: WeightId,
    },
    /// Convolution, then scale, bias and PRelu: `y = prelu(scale * (weight * x) + bias)`.
    ///
    /// # Shapes
    /// `[in_channels, h, w]` -> `[out_channels, h', w']`; `weight` Oihw; `scale`, `bias` and `prelu`
    /// `[out_channels]`.
    Conv2d {
        /// Sizes.
        params: Conv2dParams,
        /// Weight, Oihw.
        weight: WeightId,
        /// Factor per channel, where it cannot go into the weight because its values share a codebook.
        scale: Option<WeightId>,
        /// Bias per channel.
        bias: Option<WeightId>,
        /// Slopes of a fused PRelu, one per channel.
        prelu: Option<WeightId>,
    },
    /// Fully connected layer, then scale, bias and PRelu: `y = prelu(scale * (weight x) + bias)`.
    ///
    /// # Shapes
    /// `[in_features]` -> `[out_features]`; `weight` `[out_features, in_features]`; `scale`, `bias` and `prelu`
    /// `[out_features]`.
    Linear {
        /// Sizes.
        params: LinearParams,
        /// Weight, `[out_features, in_features]`.
        weight: WeightId,
        /// Factor per feature, where it cannot go into the weight because its values share a codebook.
        scale: Option<WeightId>,
        /// Bias per feature.
        bias: Option<WeightId>,
        /// Slopes of a fused PRelu, one per feature.
        prelu: Option<WeightId>,
    },
    /// Batch normalization with fixed statistics over the first dimension:
    /// `y = (x - mean) * scale + shift`, where `scale` is `gamma / sqrt(var + eps)`.
    BatchNorm {
        /// Mean per channel.
        mean: WeightId,
        /// Scale per channel.
        scale: WeightId,
        /// Shift per channel; `None` without affine parameters.
        shift: Option<WeightId>,
    },
    /// `y = x` for `x > 0`, `slope * x` otherwise, with one slope per channel (first dimension).
    PRelu {
        /// Slopes, `[channels]`.
        slope: WeightId,
    },
    /// Max pooling over height and width.
    MaxPool2d {
        /// Sizes.
        params: Pool2dParams,
    },
    /// `[c, h, w]` -> `[c * h * w]`.
    Flatten,
    /// Nothing at inference; `probability` is kept for the record.
    Dropout {
        /// Share of elements that training sets to zero.
        probability: f32,
    },
    /// Nothing.
    Identity,
    /// The nearest of 256 values that stand `scale` apart, one of them zero, as 8 bits hold them:
    /// `y = scale * (round(clamp(x / scale + zero_point, 0, 255)) - zero_point)`, ties to even. Kernels multiply by `1 / scale`:
    /// what lies in the middle between two values, up to rounding, may go to either.
    ///
    /// Where this is what a [`Op::Conv2d`] or [`Op::Linear`] reads, and the layer's weight holds integers from
    /// -[`Op::MAX_QUANTIZED`] to [`Op::MAX_QUANTIZED`] (with a `scale`, most likely), the products are those of integers.
    FakeQuantize {
        /// Distance between two values; positive.
        scale: f32,
        /// How many of the values are negative.
        zero_point: u8,
    },
    /// `y_i = exp(x_i) / sum_j exp(x_j)` over a vector.
    Softmax,
    /// Long short-term memory, without the products with its input, which are a [`Op::Linear`] before it. For each step
    /// `t`, with `h_0 = c_0 = 0` and the sigmoid `s(x) = 1 / (1 + exp(-x))`:
    ///
    /// `(i, f, g, o) = x_t + recurrent * (project * h_{t-1})`, `c_t = s(f) * c_{t-1} + s(i) * tanh(g)`,
    /// `h_t = s(o) * tanh(c_t)`; the output is `h`.
    ///
    /// # Shapes
    /// `[T, 4 * hidden_size]` -> `[T, hidden_size]`; `recurrent` `[4 * hidden_size, hidden_size]`, or with a rank
    /// `[4 * hidden_size, rank]` and `project` `[rank, hidden_size]`.
    Lstm {
        /// Sizes.
        params: LstmParams,
        /// Right factor of a recurrent matrix of low rank, `[rank, hidden_size]`; `None` without a rank.
        project: Option<WeightId>,
        /// Recurrent matrix, or its left factor: `[4 * hidden_size, hidden_size or rank]`.
        recurrent: WeightId,
    },
    /// Mean over the steps of a sequence: `[T, features]` -> `[features]`.
    MeanOverTime,
}

impl Op {
    /// The largest magnitude of a weight for products of integers: two products of it with 8 bits add up in 16.
    pub const MAX_QUANTIZED: i8 = MAX_INTEGER;

    /// Name as error texts and `Plan::describe` print it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::SubtractMean { .. } => "SubtractMean",
            Self::Conv2d { .. } => "Conv2d",
            Self::Linear { .. } => "Linear",
            Self::BatchNorm { .. } => "BatchNorm",
            Self::PRelu { .. } => "PRelu",
            Self::MaxPool2d { .. } => "MaxPool2d",
            Self::Flatten => "Flatten",
            Self::Dropout { .. } => "Dropout",
            Self::Identity => "Identity",
            Self::FakeQuantize { .. } => "FakeQuantize",
            Self::Softmax => "Softmax",
            Self::Lstm { .. } => "Lstm",
            Self::MeanOverTime => "MeanOverTime",
        }
    }

    /// The weights that are matrices to multiply with, in the order of use: what counts as weights and MACs of a network.
    pub fn matrices(&self) -> impl Iterator<Item = WeightId> {
        let matrices = match self {
            Self::Conv2d { .. } | Self::Linear { .. } => 1,
            Self::Lstm { .. } => 2,
            _ => 0,
        };
        self.weights().take(matrices)
    }

    /// True where every value of the output is one of the input's: whatever was rounded before is still.
    pub const fn keeps_values(&self) -> bool {
        matches!(self, Self::MaxPool2d { .. } | Self::Flatten | Self::Dropout { .. } | Self::Identity)
    }

    /// The weights that the operation reads, its matrices first, as references, so that a pass can renumber them.
    pub fn weights_mut(&mut self) -> impl Iterator<Item = &mut WeightId> {
        let refs: [Option<&mut WeightId>; 4] = match self {
            Self::SubtractMean { mean } => [Some(mean), None, None, None],
            Self::Conv2d { weight, scale, bias, prelu, .. } | Self::Linear { weight, scale, bias, prelu, .. } => {
                [Some(weight), scale.as_mut(), bias.as_mut(), prelu.as_mut()]
            }
            Self::BatchNorm { mean, scale, shift } => [Some(mean), Some(scale), shift.as_mut(), None],
            Self::PRelu { slope } => [Some(slope), None, None, None],
            Self::Lstm { project, recurrent, .. } => [project.as_mut(), Some(recurrent), None, None],
            Self::MaxPool2d { .. }
            | Self::Flatten
            | Self::Dropout { .. }
            | Self::Identity
            | Self::FakeQuantize { .. }
            | Self::Softmax
            | Self::MeanOverTime => [None, None, None, None],
        };
        refs.into_iter().flatten()
    }

    /// The weights that the operation reads.
    pub fn weights(&self) -> impl Iterator<Item = WeightId> {
        let mut ids = [None; 4];
        ids.iter_mut().zip(self.clone().weights_mut()).for_each(|(id, weight)| *id = Some(*weight));
        ids.into_iter().flatten()
    }
}
