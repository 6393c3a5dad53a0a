//! What compression needs of a training crate.

use crate::layer::LayerInfo;
use crate::lowrank::LowRankPair;
use hccr_constraint::Constraint;
use serde::{Deserialize, Serialize};

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

    /// Replaces the weight of `layer` (same layout and length); of what its constraint forbids, the nearest that it allows is taken.
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

    /// The mean products of the values that an output of `layer` reads, in the order of a row of its weight, over some training samples:
    /// `[row, row]`. `None` where the trainer cannot say; only layer-wise reconstruction and channel pruning ask for them.
    ///
    /// # Errors
    /// Where there is no such layer, or the samples cannot be read.
    fn input_products(&mut self, layer: &str) -> Result<Option<Vec<f32>>, Self::Error> {
        let _ = layer;
        Ok(None)
    }

    /// Removes the output channels of the convolution `layer` for which `keep` is false, and with them what belongs to one channel alone:
    /// its normalization and activation, and the weights of the next layer that read it. `false`, and nothing has changed, where the
    /// trainer cannot; only channel pruning asks for it.
    ///
    /// # Errors
    /// Where there is no such convolution, `keep` has another length than it has channels, or keeps none.
    fn keep_channels(&mut self, layer: &str, keep: &[bool]) -> Result<bool, Self::Error> {
        let _ = (layer, keep);
        Ok(false)
    }

    /// Trains `steps` mini-batches at a fixed learning rate, keeping the constraints.
    ///
    /// # Errors
    /// Where training fails or diverges.
    fn train(&mut self, steps: usize, learning_rate: f32) -> Result<TrainStats, Self::Error>;

    /// Share of held-out (development) samples recognized, 0 to 1.
    ///
    /// # Errors
    /// Where the evaluation fails.
    fn evaluate(&mut self) -> Result<f32, Self::Error>;

    /// The same share with another weight in `layer`, and with statistics of normalization that fit it, where the network has any. The
    /// network is left as it was, even by an error.
    ///
    /// What is provided knows of no statistics; weights that were dropped change what the next normalization reads, so a trainer that
    /// has them should measure them anew.
    ///
    /// # Errors
    /// Where there is no such layer, the length differs, or the evaluation fails.
    fn evaluate_with(&mut self, layer: &str, weight: &[f32]) -> Result<f32, Self::Error> {
        let whole = self.weight(layer)?;
        self.set_weight(layer, weight)?;
        let accuracy = self.evaluate();
        self.set_weight(layer, &whole)?;
        accuracy
    }
}
