//! What compression knows of a layer.

use hccr_runtime::shape::{Conv2dParams, LinearParams};

/// A layer with a weight that can be compressed.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerInfo {
    /// Name, unique in the network.
    pub name: String,
    /// Kind and sizes.
    pub kind: LayerKind,
    /// Height and width of its output; `[1, 1]` for a fully connected layer, `[steps, 1]` for one that works on every step of
    /// a sequence, with the mean number of steps per sample.
    pub output_size: [usize; 2],
}

/// Kind and sizes of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerKind {
    /// Convolution, weight Oihw.
    Conv2d(Conv2dParams),
    /// Fully connected, or a matrix within a recurrent layer; weight `[out_features, in_features]`.
    Linear(LinearParams),
}

impl LayerKind {
    /// Shape of the weight, Oihw; a matrix is a 1 x 1 kernel.
    pub const fn weight_shape(&self) -> [usize; 4] {
        match self {
            Self::Conv2d(p) => p.weight_shape(),
            Self::Linear(p) => [p.out_features, p.in_features, 1, 1],
        }
    }
}

impl LayerInfo {
    /// Number of weights.
    pub fn weights(&self) -> usize {
        self.kind.weight_shape().iter().product()
    }

    /// Multiply-accumulates per sample that one weight takes part in.
    pub fn macs_per_weight(&self) -> usize {
        self.output_size[0] * self.output_size[1]
    }
}
