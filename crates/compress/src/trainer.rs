//! What compression needs of a training crate.

use crate::lowrank::LowRankPair;
use hccr_constraint::Constraint;
use hccr_runtime::shape::{Conv2dParams, LinearParams};
use serde::{Deserialize, Serialize};

/// A layer with a weight that can be compressed.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerInfo {
    /// Name, unique in the network.
    pub name: String,
    /// Kind and sizes.
    pub kind: LayerKind,
    /// Height and width of its output; `[1, 1]` for a fully connected layer, `[steps, 1]` for one that works on every step of
    /// a sequence, with the mean number of steps a sample.
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

    /// Multiply-accumulates a sample that one weight takes part in.
    pub fn macs_per_weight(&self) -> usize {
        self.output_size[0] * self.output_size[1]
    }
}

/// Means over some training steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrainStats {
    /// Mean loss.
    pub loss: f32,
    /// Share of training samples recognized, 0 to 1.
    pub accuracy: f32,
}

/// Drives a network's training; the one door between compression and a training crate.
pub trait Trainer {
    /// The trainer's own error.
    type Error: std::error::Error + Send + Sync + 'static;

    /// The layers with weights, in the order of the forward pass.
    fn layers(&self) -> Vec<LayerInfo>;

    /// The weight of `layer`, row-major, output dimension first.
    ///
    /// # Errors
    /// Where there is no such layer.
    fn weight(&self, layer: &str) -> Result<Vec<f32>, Self::Error>;

    /// Replaces the weight of `layer` (same layout and length).
    ///
    /// # Errors
    /// Where there is no such layer, or the length differs.
    fn set_weight(&mut self, layer: &str, weight: &[f32]) -> Result<(), Self::Error>;

    /// Sets what the weight of `layer` must keep to from now on; the weight is made to fit at once.
    ///
    /// # Errors
    /// Where there is no such layer, or the length differs.
    fn set_constraint(&mut self, layer: &str, constraint: Constraint) -> Result<(), Self::Error>;

    /// Replaces `layer` by a pair in the same place of the network: a convolution (kh x kw) by `{layer}_v` (kh x 1, its bias
    /// zero) and `{layer}_h` (1 x kw, with the bias of `layer`); a matrix by `{layer}_v` (`[rank, in]`, without a bias) and
    /// `{layer}_u` (`[out, rank]`, with the bias of `layer`, if any).
    ///
    /// # Errors
    /// Where there is no such layer, or the pair does not fit it.
    fn expand(&mut self, layer: &str, pair: LowRankPair) -> Result<(), Self::Error>;

    /// Trains `steps` mini-batches at a fixed learning rate, on the labels, keeping the constraints.
    ///
    /// # Errors
    /// Where training fails or diverges.
    fn train(&mut self, steps: usize, learning_rate: f32) -> Result<TrainStats, Self::Error>;

    /// Share of held-out (development) samples recognized, 0 to 1.
    ///
    /// # Errors
    /// Where the evaluation fails.
    fn evaluate(&mut self) -> Result<f32, Self::Error>;
}
