//! A chain of layers.

use crate::batch::Batch;
use crate::layers::{Conv2d, Layer, Mode, Norm, NormPReluPool, stem};
use crate::loss::{StepStats, softmax_cross_entropy};
use crate::optimizer::Optimizer;
use crate::param::Param;
use hccr_runtime::shape::elements;
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
    /// A parameter, the mean image or a setting is not of the size that the layer needs.
    Size {
        /// Name of the layer.
        layer: String,
    },
    /// The convolution has another number of channels than was said, none would be left, or what is behind it does not read them one by one.
    Channels {
        /// Name of the convolution.
        layer: String,
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
            Self::Size { layer } => write!(f, "layer '{layer}' does not fit its own sizes"),
            Self::Channels { layer } => write!(f, "not so many channels of layer '{layer}' can be kept"),
            Self::NoSuchLayer { layer } => write!(f, "the network has no layer '{layer}' of the wanted kind"),
        }
    }
}

impl std::error::Error for NetworkError {}

/// A chain of layers, over images of one size, with the mean image that is subtracted from each, or over sequences.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Unchecked<T>", bound(deserialize = "T: Scalar + Deserialize<'de>"))]
pub struct Network<T> {
    /// Channels, height and width of the input; of sequences the features, 1 and 1.
    pub input: [usize; 3],
    /// Mean image, as long as the input; empty for sequences.
    pub mean: Vec<f32>,
    pub(crate) sequences: bool,
    pub(crate) layers: Vec<Layer<T>>,
}

/// A network as it is read, which may hold anything.
#[derive(Deserialize)]
struct Unchecked<T> {
    input: [usize; 3],
    mean: Vec<f32>,
    sequences: bool,
    layers: Vec<Layer<T>>,
}

impl<T: Scalar> TryFrom<Unchecked<T>> for Network<T> {
    type Error = NetworkError;

    fn try_from(unchecked: Unchecked<T>) -> Result<Self, NetworkError> {
        let Unchecked { input, mean, sequences, layers } = unchecked;
        let means = if sequences { Some(0) } else { elements(&input) };
        if elements(&input).is_none_or(|n| n == 0) || means != Some(mean.len()) {
            return Err(NetworkError::Size { layer: "mean".into() });
        }
        let mut network = Self { input, mean, sequences, layers: Vec::new() };
        for layer in layers {
            if !layer.fits_itself() {
                return Err(NetworkError::Size { layer: layer.name().into() });
            }
            network.push(layer)?;
        }
        Ok(network)
    }
}

impl<T: Scalar> Network<T> {
    /// A network over images, without layers.
    pub fn new(input: [usize; 3]) -> Self {
        Self { input, mean: vec![0.0; input.iter().product()], sequences: false, layers: Vec::new() }
    }

    /// A network over sequences of `features` values per step, without layers.
    pub fn of_sequences(features: usize) -> Self {
        Self { input: [features, 1, 1], mean: Vec::new(), sequences: true, layers: Vec::new() }
    }

    /// Whether the layer at `index` (the output, for the number of layers) reads a sequence.
    pub fn reads_sequence(&self, index: usize) -> bool {
        self.sequences && !self.layers[..index].iter().any(|l| matches!(l, Layer::MeanOverTime(_)))
    }

    /// Appends a layer.
    ///
    /// # Errors
    /// [`NetworkError::Shape`] where it does not take what the layer before gives.
    pub fn push(&mut self, layer: Layer<T>) -> Result<(), NetworkError> {
        let input = self.shapes().last().copied().unwrap_or(self.input);
        let sequence = self.reads_sequence(self.layers.len());
        let fits = match &layer {
            Layer::Conv2d(l) => {
                input[0] == l.params.in_channels && l.params.output_size([input[1], input[2]]).is_some() && !sequence
            }
            Layer::Norm(l) => {
                let pools = l.pool.is_none_or(|p| p.output_size([input[1], input[2]]).is_some());
                l.channels == input[0] && pools && !sequence
            }
            Layer::Linear(l) => input == [l.params.in_features, 1, 1],
            Layer::Flatten(_) => !sequence,
            Layer::Dropout(_) => true,
            Layer::Lstm(l) => sequence && input[0] == 4 * l.hidden_size,
            Layer::MeanOverTime(_) => sequence,
        };
        if !fits || elements(&layer.output_shape(input)).is_none_or(|n| n == 0) {
            return Err(NetworkError::Shape { layer: layer.name().into(), input });
        }
        self.layers.push(layer);
        Ok(())
    }

    /// The layers.
    pub fn layers(&self) -> &[Layer<T>] {
        &self.layers
    }

    /// The layers, each of which must go on to fit the others.
    pub(crate) fn layers_mut(&mut self) -> &mut [Layer<T>] {
        &mut self.layers
    }

    /// Takes the last layer away.
    pub(crate) fn pop(&mut self) -> Option<Layer<T>> {
        self.layers.pop()
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

    /// All batch normalizations, with their running statistics.
    pub fn norms_mut(&mut self) -> impl Iterator<Item = &mut Norm<T>> {
        self.layers.iter_mut().filter_map(|layer| match layer {
            Layer::Norm(l) => l.norm.as_mut(),
            _ => None,
        })
    }

    /// The weight of a convolution or fully connected layer, or of the recurrence of an LSTM, by its [`Param::layer`].
    pub fn weight(&self, layer: &str) -> Option<&Param<T>> {
        self.layers.iter().flat_map(Layer::weights).find(|p| p.layer() == Some(layer))
    }

    /// The same, to change.
    pub fn weight_mut(&mut self, layer: &str) -> Option<&mut Param<T>> {
        self.params_mut().find(|p| p.layer() == Some(layer))
    }

    /// The first two layers, where they are [trained as one](stem).
    fn stem(&mut self) -> Option<(&mut Conv2d<T>, &mut NormPReluPool<T>)> {
        match &mut self.layers[..] {
            [Layer::Conv2d(conv), Layer::Norm(norm), ..] if stem::fits(conv, norm) => Some((conv, norm)),
            _ => None,
        }
    }

    /// The network's output (logits) for a batch.
    pub fn forward(&mut self, x: Batch<T>, mode: Mode) -> Batch<T> {
        let mut x = x;
        let mut done = 0;
        if mode != Mode::Eval
            && let Some((conv, norm)) = self.stem()
        {
            x = stem::forward(conv, norm, x);
            done = 2;
        }
        loop {
            let mode = match mode {
                Mode::Train { seed } => Mode::Train { seed: seed.wrapping_add((done as u64) << 48) },
                Mode::Eval => Mode::Eval,
            };
            match &mut self.layers[done..] {
                [Layer::Linear(input), Layer::Lstm(lstm), ..] => {
                    x = lstm.forward(Some(input), x, mode);
                    done += 2;
                }
                [layer, ..] => {
                    x = layer.forward(x, mode);
                    done += 1;
                }
                [] => return x,
            }
        }
    }

    /// The mean products of the values that an output of the convolution or fully connected layer `layer` reads, in the order of a row of
    /// its weight, over the images of `x`: `[row, row]`.
    ///
    /// # Errors
    /// Where there is no such layer.
    pub fn input_products(&mut self, layer: &str, x: Batch<T>) -> Result<Vec<T>, NetworkError> {
        let is_it = |l: &Layer<T>| matches!(l, Layer::Conv2d(_) | Layer::Linear(_)) && l.name() == layer;
        let at = self.layers.iter().position(is_it);
        let at = at.ok_or_else(|| NetworkError::NoSuchLayer { layer: layer.into() })?;
        let before = self.before(at, x);
        match &self.layers[at] {
            Layer::Conv2d(conv) => Ok(conv.input_products(&before)),
            Layer::Linear(linear) => Ok(linear.input_products(&before)),
            _ => unreachable!("found above"),
        }
    }

    /// The features that the last layer tells the classes by, of each sample of `x`.
    pub fn features(&mut self, x: Batch<T>) -> Vec<Vec<T>> {
        self.before(self.layers.len().saturating_sub(1), x).vectors()
    }

    /// What layer number `at` reads.
    fn before(&mut self, at: usize, x: Batch<T>) -> Batch<T> {
        self.layers[..at].iter_mut().fold(x, |x, layer| layer.forward(x, Mode::Eval))
    }

    /// Makes the running statistics of all batch normalizations those of `x` alone, whatever they were.
    pub fn measure_statistics(&mut self, mut x: Batch<T>) {
        for layer in &mut self.layers {
            if let Layer::Norm(layer) = layer {
                layer.measure_statistics(&x);
            }
            x = layer.forward(x, Mode::Eval);
        }
    }

    /// Sets all gradients from the loss's gradient by the output of the last training pass.
    pub fn backward(&mut self, dy: Batch<T>) {
        let share = dy.share.clone();
        let mut dy = dy;
        let as_one = if self.stem().is_some() { 2 } else { 0 };
        let mut left = self.layers.len();
        loop {
            match &mut self.layers[as_one..left] {
                [.., Layer::Linear(input), Layer::Lstm(lstm)] => {
                    dy = lstm.backward(Some(input), dy);
                    left -= 2;
                }
                [.., layer] => {
                    dy = layer.backward(dy, left > 1);
                    left -= 1;
                }
                [] => break,
            }
        }
        if let Some((conv, norm)) = self.stem() {
            stem::backward(conv, norm, dy);
        }
        for (name, sum) in share.take_sums() {
            let param = self.params_mut().find(|param| param.name == name);
            param.expect("a parameter of this network").grad = sum;
        }
    }

    /// Drops gradients, the optimizer's state and what the layers remember of the last batch: for a network that is not trained any more.
    pub fn forget_training(&mut self) {
        self.params_mut().for_each(Param::forget_training);
        self.layers.iter_mut().for_each(Layer::forget_batch);
    }

    /// One training step on a mini-batch: forward, backward, update.
    pub fn train_step(
        &mut self,
        x: Batch<T>,
        labels: &[u16],
        optimizer: &impl Optimizer,
        learning_rate: f32,
        seed: u64,
    ) -> StepStats {
        self.train_step_on(x, |logits| softmax_cross_entropy(logits, labels), optimizer, learning_rate, seed)
    }

    /// The same with another loss of the logits, which comes with its gradient by them.
    pub fn train_step_on(
        &mut self,
        x: Batch<T>,
        loss: impl FnOnce(&Batch<T>) -> (StepStats, Batch<T>),
        optimizer: &impl Optimizer,
        learning_rate: f32,
        seed: u64,
    ) -> StepStats {
        let logits = self.forward(x, Mode::Train { seed });
        let (stats, gradient) = loss(&logits);
        self.backward(gradient);
        optimizer.step(&mut self.params_mut().collect::<Vec<_>>(), learning_rate);
        stats
    }
}
