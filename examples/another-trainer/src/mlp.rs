//! The trainer: a perceptron with hidden layers, in plain loops, trained by momentum SGD on the cross-entropy.

use hccr_compress::{LayerInfo, LayerKind, LowRankPair, TrainStats, Trainer};
use hccr_constraint::Constraint;
use hccr_random::Rng;
use hccr_runtime::shape::LinearParams;
use hccr_runtime::{Model, ModelBuilder, ModelError, Op};
use std::fmt;

const BATCH: usize = 32;
const MOMENTUM: f32 = 0.9;

/// Input vectors and their classes.
pub(crate) type Samples = Vec<(Vec<f32>, usize)>;

/// The trainer, with its network.
pub(crate) struct Mlp {
    layers: Vec<Layer>,
    train: Samples,
    dev: Samples,
    rng: Rng,
}

/// `y = weight x + bias`, and for a hidden layer negative values become zero. The factors of a decomposed layer are two.
struct Layer {
    name: String,
    size: LinearParams,
    weight: Vec<f32>,
    /// What momentum remembers of the weight's gradients.
    velocity: Vec<f32>,
    constraint: Constraint,
    bias: Option<Vec<f32>>,
    relu: bool,
}

/// The errors of a caller.
#[derive(Debug)]
pub(crate) enum MlpError {
    NoSuchLayer(String),
    Length(String),
}

impl fmt::Display for MlpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchLayer(name) => write!(f, "no layer '{name}'"),
            Self::Length(name) => write!(f, "layer '{name}' needs another number of values"),
        }
    }
}

impl std::error::Error for MlpError {}

impl Layer {
    fn new(name: String, size: LinearParams, weight: Vec<f32>, bias: Option<Vec<f32>>, relu: bool) -> Self {
        let velocity = vec![0.0; weight.len()];
        Self { name, size, weight, velocity, constraint: Constraint::Free, bias, relu }
    }

    fn forward(&self, input: &[f32]) -> Vec<f32> {
        let sum = |(row, weights): (usize, &[f32])| {
            let bias = self.bias.as_ref().map_or(0.0, |bias| bias[row]);
            let sum = bias + weights.iter().zip(input).map(|(w, x)| w * x).sum::<f32>();
            if self.relu { sum.max(0.0) } else { sum }
        };
        self.weight.chunks(self.size.in_features).enumerate().map(sum).collect()
    }

    /// Adds the gradient of the weight, then of the bias, to `sums`; gives that of the input.
    fn backward(&self, input: &[f32], output: &[f32], gradient: &[f32], sums: &mut [f32]) -> Vec<f32> {
        let mut below = vec![0.0; input.len()];
        for (row, weights) in self.weight.chunks(input.len()).enumerate() {
            let g = if self.relu && output[row] <= 0.0 { 0.0 } else { gradient[row] };
            sums[self.weight.len() + row] += g;
            for (column, w) in weights.iter().enumerate() {
                sums[row * input.len() + column] += g * input[column];
                below[column] += g * w;
            }
        }
        below
    }

    /// A training step against the mean gradient. A sum of projected terms still keeps to the constraint.
    fn step(&mut self, gradient: &mut [f32], learning_rate: f32) {
        let (weight, bias) = gradient.split_at_mut(self.weight.len());
        self.constraint.project(weight);
        for ((w, v), g) in self.weight.iter_mut().zip(&mut self.velocity).zip(weight) {
            *v = MOMENTUM * *v + *g;
            *w -= learning_rate * *v;
        }
        self.bias.iter_mut().flatten().zip(bias).for_each(|(b, g)| *b -= learning_rate * *g);
    }
}

impl Mlp {
    /// An untrained network with one hidden layer.
    pub(crate) fn new(train: Samples, dev: Samples, [inputs, hidden, classes]: [usize; 3]) -> Self {
        let mut rng = Rng::new(1, 0);
        let mut layer = |name: &str, in_features: usize, out_features: usize, relu| {
            let deviation = (2.0 / in_features as f32).sqrt();
            let weight = (0..in_features * out_features).map(|_| deviation * rng.normal()).collect();
            let size = LinearParams { in_features, out_features };
            Layer::new(name.into(), size, weight, Some(vec![0.0; out_features]), relu)
        };
        let layers = vec![layer("fc1", inputs, hidden, true), layer("fc2", hidden, classes, false)];
        Self { layers, train, dev, rng }
    }

    /// The network for the runtime. Each weight is written in the form that its constraint gives it: dense, sparse, or a
    /// codebook.
    pub(crate) fn to_model(&self, classes: &[char]) -> Result<Model, ModelError> {
        let mut b = ModelBuilder::new(&[self.layers[0].size.in_features]);
        for Layer { name, size: params, weight, constraint, bias, relu, .. } in &self.layers {
            let outputs = params.out_features;
            let shape = [outputs, params.in_features];
            let weight = b.weight(constraint.weight(&format!("{name}.weight"), &shape, weight));
            let bias = bias.clone().map(|bias| b.dense(format!("{name}.bias"), &[outputs], bias));
            let prelu = relu.then(|| b.dense(format!("{name}.slope"), &[outputs], vec![0.0; outputs]));
            b.push(name, Op::Linear { params: *params, weight, scale: None, bias, prelu });
        }
        b.set_labels(classes.to_vec());
        b.finish()
    }

    /// The values of all layers, the input first.
    fn forward(&self, input: &[f32]) -> Vec<Vec<f32>> {
        let mut values = vec![input.to_vec()];
        for layer in &self.layers {
            values.push(layer.forward(&values[values.len() - 1]));
        }
        values
    }

    fn find(&self, name: &str) -> Result<usize, MlpError> {
        self.layers.iter().position(|l| l.name == name).ok_or_else(|| MlpError::NoSuchLayer(name.into()))
    }
}

impl Trainer for Mlp {
    type Error = MlpError;

    fn layers(&self) -> Vec<LayerInfo> {
        let info = |l: &Layer| LayerInfo { name: l.name.clone(), kind: LayerKind::Linear(l.size), output_size: [1, 1] };
        self.layers.iter().map(info).collect()
    }

    fn weight(&self, layer: &str) -> Result<Vec<f32>, MlpError> {
        Ok(self.layers[self.find(layer)?].weight.clone())
    }

    fn set_weight(&mut self, layer: &str, weight: &[f32]) -> Result<(), MlpError> {
        let at = self.find(layer)?;
        if weight.len() != self.layers[at].weight.len() {
            return Err(MlpError::Length(layer.into()));
        }
        self.layers[at].weight.copy_from_slice(weight);
        Ok(())
    }

    // The contract: weight and momentum are made to fit at once, and `step` keeps to it from then on.
    fn set_constraint(&mut self, layer: &str, constraint: Constraint) -> Result<(), MlpError> {
        let at = self.find(layer)?;
        let layer = &mut self.layers[at];
        if !constraint.fits(layer.weight.len()) {
            return Err(MlpError::Length(layer.name.clone()));
        }
        constraint.project(&mut layer.weight);
        constraint.project(&mut layer.velocity);
        layer.constraint = constraint;
        Ok(())
    }

    // The contract: the first factor has no bias and no activation; the second keeps both of the layer's.
    fn expand(&mut self, layer: &str, pair: LowRankPair) -> Result<(), MlpError> {
        let at = self.find(layer)?;
        let LinearParams { in_features, out_features } = self.layers[at].size;
        if pair.first.len() != pair.rank * in_features || pair.second.len() != out_features * pair.rank {
            return Err(MlpError::Length(layer.into()));
        }
        let old = self.layers.remove(at);
        let [v, u] = [(in_features, pair.rank), (pair.rank, out_features)]
            .map(|(in_features, out_features)| LinearParams { in_features, out_features });
        let first = Layer::new(format!("{layer}_v"), v, pair.first, None, false);
        let second = Layer::new(format!("{layer}_u"), u, pair.second, old.bias, old.relu);
        self.layers.splice(at..at, [first, second]);
        Ok(())
    }

    fn train(&mut self, steps: usize, learning_rate: f32) -> Result<TrainStats, MlpError> {
        let (mut loss, mut correct) = (0.0, 0);
        for _ in 0..steps {
            let zeros = |l: &Layer| vec![0.0; l.weight.len() + l.size.out_features];
            let mut sums: Vec<Vec<f32>> = self.layers.iter().map(zeros).collect();
            for _ in 0..BATCH {
                let (input, class) = &self.train[self.rng.below(self.train.len())];
                let values = self.forward(input);
                let (mut gradient, own) = softmax(&values[self.layers.len()], *class);
                loss -= own.ln();
                correct += usize::from(best(&values[self.layers.len()]) == *class);
                gradient.iter_mut().for_each(|g| *g /= BATCH as f32);
                for (i, layer) in self.layers.iter().enumerate().rev() {
                    gradient = layer.backward(&values[i], &values[i + 1], &gradient, &mut sums[i]);
                }
            }
            self.layers.iter_mut().zip(&mut sums).for_each(|(layer, sums)| layer.step(sums, learning_rate));
        }
        let samples = (steps * BATCH).max(1) as f32;
        Ok(TrainStats { loss: loss / samples, accuracy: correct as f32 / samples })
    }

    fn evaluate(&mut self) -> Result<f32, MlpError> {
        let right = self.dev.iter().filter(|(x, class)| best(&self.forward(x)[self.layers.len()]) == *class);
        Ok(right.count() as f32 / self.dev.len().max(1) as f32)
    }
}

/// The index of the largest score.
pub(crate) fn best(scores: &[f32]) -> usize {
    (0..scores.len()).fold(0, |best, i| if scores[i] > scores[best] { i } else { best })
}

/// The gradient of the cross-entropy by the logits, and the probability of `class`.
fn softmax(logits: &[f32], class: usize) -> (Vec<f32>, f32) {
    let exp: Vec<f32> = logits.iter().map(|l| (l - logits[best(logits)]).exp()).collect();
    let total: f32 = exp.iter().sum();
    let mut gradient: Vec<f32> = exp.iter().map(|e| e / total).collect();
    let own = gradient[class];
    gradient[class] -= 1.0;
    (gradient, own)
}
