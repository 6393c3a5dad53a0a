//! From the runtime's model back to a network that trains.

use crate::layers::{Conv2d, Dropout, Flatten, Layer, Linear, Lstm, MeanOverTime, Norm, NormPReluPool};
use crate::network::{Network, NetworkError};
use crate::param::Param;
use hccr_runtime::shape::elements;
use hccr_runtime::{Model, Node, Op, WeightId};
use std::fmt;

/// Values of all weights together: training needs several times as many, and a file of zeros is short.
const MOST_VALUES: usize = 1 << 28;

/// Why a model is no network that this crate trains.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImportError {
    /// A node has no layer of its kind, or does not read the node before it.
    Node {
        /// Its name.
        node: String,
        /// Its operation.
        op: &'static str,
    },
    /// The model has several inputs or outputs, or one of a shape that no network reads.
    NotAChain,
    /// Its weights have too many values, zeros included.
    TooLarge,
    /// A layer does not fit the one before it.
    Network(NetworkError),
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node { node, op } => write!(f, "'{node}' ({op}) cannot be trained"),
            Self::NotAChain => {
                write!(f, "only a chain from one image, vector or sequence to one output can be trained")
            }
            Self::TooLarge => {
                write!(f, "only a model of at most {MOST_VALUES} weights, zeros included, can be trained")
            }
            Self::Network(e) => write!(f, "{e}"),
        }
    }
}

impl std::error::Error for ImportError {}

impl From<NetworkError> for ImportError {
    fn from(e: NetworkError) -> Self {
        Self::Network(e)
    }
}

impl Network<f32> {
    /// The network of a model, to be trained on.
    ///
    /// Its weights have the model's values, and no constraint: pruned ones are zero and may grow, and values that were shared may part.
    /// Batch normalization that was folded into a layer stays in it, and activations are no longer rounded to 8 bits. So the network of a
    /// model without integers answers as the model does, up to the rounding of sums.
    ///
    /// # Errors
    /// [`ImportError`] where the model is not a chain of layers that this crate has.
    pub fn from_model(model: &Model) -> Result<Self, ImportError> {
        let [input] = model.inputs() else { return Err(ImportError::NotAChain) };
        let mut network = match input[..] {
            [channels, height, width] if !model.is_sequence() => Self::new([channels, height, width]),
            [_, features] if model.is_sequence() => Self::of_sequences(features),
            [features] => Self::new([features, 1, 1]),
            _ => return Err(ImportError::NotAChain),
        };
        if values_of(model).is_none_or(|values| values > MOST_VALUES) {
            return Err(ImportError::TooLarge);
        }
        let mut before = model.values().next();
        for (index, node) in model.nodes().iter().enumerate() {
            if Some(node.input) != before {
                return Err(unknown(node));
            }
            before = Some(model.value_of(index));
            network.push_node(model, node)?;
        }
        if before.as_ref() != model.outputs().first() || model.outputs().len() != 1 {
            return Err(ImportError::NotAChain);
        }
        Ok(network)
    }

    fn push_node(&mut self, model: &Model, node: &Node) -> Result<(), ImportError> {
        let values = |id: WeightId| model.weight(id).to_dense();
        let name = &node.name;
        match &node.op {
            Op::SubtractMean { mean } if self.layers().is_empty() => {
                self.mean.iter_mut().zip(values(*mean)).for_each(|(sum, mean)| *sum += mean);
            }
            Op::Conv2d { params, weight, scale, bias, prelu } => {
                let weight = scaled(values(*weight), scale.map(values));
                self.push(Layer::Conv2d(Conv2d::with_weight(name, *params, weight, bias.map(values))))?;
                self.push_prelu(name, params.out_channels, prelu.map(values))?;
            }
            Op::Linear { params, weight, scale, bias, prelu } => {
                let weight = scaled(values(*weight), scale.map(values));
                self.push(Layer::Linear(Linear::with_weight(name, *params, weight, bias.map(values))))?;
                self.push_prelu(name, params.out_features, prelu.map(values))?;
            }
            Op::BatchNorm { mean, scale, shift } => {
                let (mean, scale) = (values(*mean), values(*scale));
                let mut layer = NormPReluPool::new(activation(name), mean.len()).with_norm(true);
                let norm = layer.norm.as_mut().expect("it was just given one");
                norm.running_mean = mean.into_iter().map(f64::from).collect();
                // So that the deviation, and what the scale is divided by, is 1.
                norm.running_var.fill(1.0 - Norm::<f32>::EPSILON);
                if let Some([gamma, beta]) = &mut norm.affine {
                    gamma.value = scale;
                    beta.value = shift.map_or_else(|| beta.value.clone(), values);
                }
                self.push(Layer::Norm(layer))?;
            }
            Op::PRelu { slope } => {
                let slope = values(*slope);
                self.push_prelu(activation(name), slope.len(), Some(slope))?;
            }
            Op::MaxPool2d { params } => {
                let [channels, ..] = self.shapes().last().copied().unwrap_or(self.input);
                let mut layer = NormPReluPool::new(activation(name), channels);
                // After an activation, in one pass with it.
                if matches!(self.layers_mut().last_mut(), Some(Layer::Norm(last)) if last.pool.is_none())
                    && let Some(Layer::Norm(last)) = self.pop()
                {
                    layer = last;
                }
                layer.pool = Some(*params);
                if !layer.fits_itself() {
                    return Err(NetworkError::Size { layer: layer.name }.into());
                }
                self.push(Layer::Norm(layer))?;
            }
            Op::Flatten => self.push(Layer::Flatten(Flatten::default()))?,
            Op::Dropout { probability } => self.push(Layer::Dropout(Dropout::new(name, *probability)))?,
            Op::Lstm { params, project, recurrent } => {
                let layer = Lstm::with_weights(name, params.hidden_size, project.map(values), values(*recurrent));
                self.push(Layer::Lstm(layer))?;
            }
            Op::MeanOverTime => self.push(Layer::MeanOverTime(MeanOverTime::default()))?,
            Op::Identity | Op::FakeQuantize { .. } => {}
            _ => return Err(unknown(node)),
        }
        Ok(())
    }

    /// A PRelu, if any, in one layer with a batch normalization before it.
    fn push_prelu(&mut self, name: &str, channels: usize, slope: Option<Vec<f32>>) -> Result<(), ImportError> {
        let Some(slope) = slope else { return Ok(()) };
        let slope = |name: &str| Some(Param::new(format!("{name}.slope"), &[slope.len()], slope));
        match self.layers_mut().last_mut() {
            Some(Layer::Norm(layer)) if layer.prelu.is_none() && layer.pool.is_none() => {
                layer.prelu = slope(&layer.name);
            }
            _ => {
                let mut layer = NormPReluPool::new(&format!("{name}.act"), channels);
                layer.prelu = slope(&layer.name);
                self.push(Layer::Norm(layer))?;
            }
        }
        Ok(())
    }
}

/// Number of values that the network of a model has, a weight that several nodes use counted for each.
fn values_of(model: &Model) -> Option<usize> {
    let input = model.inputs().first().and_then(|shape| elements(shape));
    let of_node = |node: &Node| match &node.op {
        Op::Conv2d { weight, .. } | Op::Linear { weight, .. } => model.weight(*weight).elements(),
        Op::Lstm { project, recurrent, .. } => {
            let project = project.map_or(0, |project| model.weight(project).elements());
            project.saturating_add(model.weight(*recurrent).elements())
        }
        _ => 0,
    };
    model.nodes().iter().map(of_node).try_fold(input.unwrap_or(0), usize::checked_add)
}

fn unknown(node: &Node) -> ImportError {
    ImportError::Node { node: node.name.clone(), op: node.op.name() }
}

/// The layer that export made this node of: its parts are called `{layer}.norm`, `{layer}.prelu` and `{layer}.pool`.
fn activation(node: &str) -> &str {
    ["norm", "prelu", "pool"].iter().find_map(|part| node.strip_suffix(part)?.strip_suffix('.')).unwrap_or(node)
}

/// The rows of a weight times a factor each.
fn scaled(mut weight: Vec<f32>, factors: Option<Vec<f32>>) -> Vec<f32> {
    if let Some(factors) = factors {
        let row = weight.len() / factors.len();
        for (row, factor) in weight.chunks_exact_mut(row).zip(factors) {
            row.iter_mut().for_each(|value| *value *= factor);
        }
    }
    weight
}
