//! A chain of layers.

use crate::batch::Batch;
use crate::layers::{Conv2d, Layer, Mode};
use crate::loss::{StepStats, softmax_cross_entropy};
use crate::param::Param;
use crate::sgd::Sgd;
use hccr_tensor::Scalar;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a layer cannot be added to, or changed in, a network.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetworkError {
    /// The layer does not take what the layer before gives.
    Shape {
        /// Name of the layer.
        layer: String,
        /// Shape given: channels, height, width.
        input: [usize; 3],
    },
    /// There is no such layer, or it is of another kind.
    NoSuchLayer {
        /// The name that was looked for.
        layer: String,
    },
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape { layer, input: [c, h, w] } => {
                write!(f, "layer '{layer}' does not take an input of {c}x{h}x{w}")
            }
            Self::NoSuchLayer { layer } => write!(f, "the network has no layer '{layer}' of the wanted kind"),
        }
    }
}

impl std::error::Error for NetworkError {}

/// A chain of layers over images of one size, with the mean image that is subtracted from each.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Network<T> {
    /// Channels, height and width of the input.
    pub input: [usize; 3],
    /// Mean image, as long as the input.
    pub mean: Vec<f32>,
    layers: Vec<Layer<T>>,
}

impl<T: Scalar> Network<T> {
    /// A network without layers.
    pub fn new(input: [usize; 3]) -> Self {
        Self { input, mean: vec![0.0; input.iter().product()], layers: Vec::new() }
    }

    /// Appends a layer.
    ///
    /// # Errors
    /// [`NetworkError::Shape`] where it does not take what the layer before gives.
    pub fn push(&mut self, layer: Layer<T>) -> Result<(), NetworkError> {
        let input = self.shapes().last().copied().unwrap_or(self.input);
        let (name, fits) = match &layer {
            Layer::Conv2d(l) => {
                let fits = input[0] == l.params.in_channels && l.params.output_size([input[1], input[2]]).is_some();
                (l.name.as_str(), fits)
            }
            Layer::Norm(l) => {
                let pools = l.pool.is_none_or(|p| p.output_size([input[1], input[2]]).is_some());
                (l.name.as_str(), l.channels() == input[0] && pools)
            }
            Layer::Linear(l) => (l.name.as_str(), input == [l.params.in_features, 1, 1]),
            Layer::Flatten(_) => ("flatten", true),
            Layer::Dropout(l) => (l.name.as_str(), true),
        };
        if !fits {
            return Err(NetworkError::Shape { layer: name.into(), input });
        }
        self.layers.push(layer);
        Ok(())
    }

    /// The layers.
    pub fn layers(&self) -> &[Layer<T>] {
        &self.layers
    }

    /// Shape of each layer's output: channels, height, width.
    pub fn shapes(&self) -> Vec<[usize; 3]> {
        let mut shape = self.input;
        self.layers
            .iter()
            .map(|layer| {
                shape = layer.output_shape(shape);
                shape
            })
            .collect()
    }

    /// All trainable parameters.
    pub fn params_mut(&mut self) -> impl Iterator<Item = &mut Param<T>> {
        self.layers.iter_mut().flat_map(Layer::params_mut)
    }

    /// The weight of a convolution or fully connected layer.
    pub fn weight(&self, layer: &str) -> Option<&Param<T>> {
        self.layers.iter().find_map(|l| match l {
            Layer::Conv2d(l) if l.name == layer => Some(&l.weight),
            Layer::Linear(l) if l.name == layer => Some(&l.weight),
            _ => None,
        })
    }

    /// The weight of a convolution or fully connected layer, to change.
    pub fn weight_mut(&mut self, layer: &str) -> Option<&mut Param<T>> {
        self.layers.iter_mut().find_map(|l| match l {
            Layer::Conv2d(l) if l.name == layer => Some(&mut l.weight),
            Layer::Linear(l) if l.name == layer => Some(&mut l.weight),
            _ => None,
        })
    }

    /// Replaces the convolution `layer` by others in the same place.
    ///
    /// # Errors
    /// Where there is no such convolution, or the others do not fit its place; the network is then as before.
    pub fn replace_conv2d(
        &mut self,
        layer: &str,
        others: impl FnOnce(&Conv2d<T>) -> Vec<Conv2d<T>>,
    ) -> Result<(), NetworkError> {
        let found = self.layers.iter().enumerate().find_map(|(i, l)| match l {
            Layer::Conv2d(conv) if conv.name == layer => Some((i, conv)),
            _ => None,
        });
        let (at, conv) = found.ok_or_else(|| NetworkError::NoSuchLayer { layer: layer.into() })?;
        let mut replaced = Self { input: self.input, mean: self.mean.clone(), layers: Vec::new() };
        let others = others(conv).into_iter().map(Layer::Conv2d);
        for layer in self.layers[..at].iter().cloned().chain(others).chain(self.layers[at + 1..].iter().cloned()) {
            replaced.push(layer)?;
        }
        *self = replaced;
        Ok(())
    }

    /// The network's output (logits) for a batch.
    pub fn forward(&mut self, x: Batch<T>, mode: Mode) -> Batch<T> {
        let mut x = x;
        for (i, layer) in self.layers.iter_mut().enumerate() {
            let mode = match mode {
                Mode::Train { seed } => Mode::Train { seed: seed.wrapping_add((i as u64) << 48) },
                Mode::Eval => Mode::Eval,
            };
            x = layer.forward(x, mode);
        }
        x
    }

    /// Sets all gradients from the loss's gradient by the output of the last training pass.
    pub fn backward(&mut self, dy: Batch<T>) {
        let mut dy = dy;
        for (i, layer) in self.layers.iter_mut().enumerate().rev() {
            dy = layer.backward(dy, i > 0);
        }
    }

    /// One training step on a mini-batch: forward, backward, update.
    pub fn train_step(&mut self, x: Batch<T>, labels: &[u16], sgd: &Sgd, learning_rate: f32, seed: u64) -> StepStats {
        let logits = self.forward(x, Mode::Train { seed });
        let (stats, gradient) = softmax_cross_entropy(&logits, labels);
        self.backward(gradient);
        sgd.step(self.params_mut(), learning_rate);
        stats
    }
}
