//! From the runtime's model back to a network that trains.

use crate::layers::{Conv2d, Dropout, Flatten, Layer, Linear, Lstm, MeanOverTime, Norm, NormPReluPool};
use crate::network::{Network, NetworkError};
use crate::param::Param;
use hccr_random::Rng;
use hccr_runtime::{Model, Node, Op, WeightId};
use std::fmt;

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
    /// The model has several inputs, or an output that is not that of the last node.
    NotAChain,
    /// A layer does not fit the one before it.
    Network(NetworkError),
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node { node, op } => write!(f, "'{node}' ({op}) cannot be trained"),
            Self::NotAChain => write!(f, "only a model of one input and one output can be trained"),
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
        // Initial weights that are all replaced.
        let (name, rng) = (&node.name, &mut Rng::new(0, 0));
        match &node.op {
            Op::SubtractMean { mean } if self.layers().is_empty() => self.mean = values(*mean),
            Op::Conv2d { params, weight, scale, bias, prelu } => {
                let mut layer = Conv2d::new(name, *params, bias.is_some(), rng);
                layer.weight.value = scaled(values(*weight), scale.map(values));
                set(&mut layer.bias, bias.map(values));
                self.push(Layer::Conv2d(layer))?;
                self.push_prelu(name, params.out_channels, prelu.map(values))?;
            }
            Op::Linear { params, weight, scale, bias, prelu } => {
                let mut layer = Linear::new(name, *params, rng);
                layer.weight.value = scaled(values(*weight), scale.map(values));
                match bias {
                    Some(_) => set(&mut layer.bias, bias.map(values)),
                    None => layer.bias = None,
                }
                self.push(Layer::Linear(layer))?;
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
                if matches!(self.last_mut(), Some(Layer::Norm(last)) if last.pool.is_none())
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
                let mut layer = Lstm::new(name, params.hidden_size, rng);
                match (params.rank, project) {
                    (Some(rank), Some(project)) => layer.factorize(rank, [values(*project), values(*recurrent)]),
                    _ => layer.recurrent.value = values(*recurrent),
                }
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
        if let Some(Layer::Norm(layer)) = self.last_mut()
            && layer.prelu.is_none()
            && layer.pool.is_none()
        {
            *layer = layer.clone().with_prelu();
        } else {
            self.push(Layer::Norm(NormPReluPool::new(&format!("{name}.act"), channels).with_prelu()))?;
        }
        if let Some(Layer::Norm(layer)) = self.last_mut() {
            set(&mut layer.prelu, Some(slope));
        }
        Ok(())
    }
}

fn unknown(node: &Node) -> ImportError {
    ImportError::Node { node: node.name.clone(), op: node.op.name() }
}

/// The layer that export made this node of: its parts are called `{layer}.norm`, `{layer}.prelu` and `{layer}.pool`.
fn activation(node: &str) -> &str {
    ["norm", "prelu", "pool"].iter().find_map(|part| node.strip_suffix(part)?.strip_suffix('.')).unwrap_or(node)
}

fn set(param: &mut Option<Param<f32>>, values: Option<Vec<f32>>) {
    if let (Some(param), Some(values)) = (param, values) {
        param.value = values;
    }
}

/// The rows of a weight times a factor each.
fn scaled(mut weight: Vec<f32>, factors: Option<Vec<f32>>) -> Vec<f32> {
    if let Some(factors) = factors.filter(|factors| !factors.is_empty()) {
        let row = weight.len() / factors.len();
        for (row, factor) in weight.chunks_exact_mut(row.max(1)).zip(factors) {
            row.iter_mut().for_each(|value| *value *= factor);
        }
    }
    weight
}
