//! A trainer of its own: three layers in plain loops, on images of random patterns.

use hccr_compress::{LayerInfo, LayerKind, LowRankPair, TrainStats, Trainer};
use hccr_constraint::Constraint;
use hccr_random::Rng;
use hccr_runtime::Weight;
use hccr_runtime::shape::{Conv2dParams, LinearParams};
use serde::{Deserialize, Serialize};
use std::fmt;

const SIDE: usize = 6;
const CLASSES: usize = 5;
const BATCH: usize = 16;
const DEV_SAMPLES: usize = 300;
const INPUT_SAMPLES: usize = 100;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Toy {
    layers: Vec<Layer>,
    rng: Rng,
}

/// A convolution; a fully connected layer is one whose kernel covers the whole plane.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Layer {
    name: String,
    channels: [usize; 2],
    /// Height and width of the input.
    side: usize,
    kernel: [usize; 2],
    padding: [usize; 2],
    relu: bool,
    weight: Vec<f32>,
    bias: Vec<f32>,
    constraint: Constraint,
}

#[derive(Debug, PartialEq)]
pub(crate) struct ToyError(String);

impl fmt::Display for ToyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "toy: {}", self.0)
    }
}

impl std::error::Error for ToyError {}

impl Toy {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed, 0);
        let mut layer = |name: &str, channels: [usize; 2], kernel: [usize; 2], padding, relu| {
            let inputs = channels[0] * kernel[0] * kernel[1];
            let scale = (2.0 / inputs as f32).sqrt();
            Layer {
                name: name.into(),
                channels,
                side: SIDE,
                kernel,
                padding,
                relu,
                weight: (0..channels[1] * inputs).map(|_| scale * rng.normal()).collect(),
                bias: vec![0.0; channels[1]],
                constraint: Constraint::Free,
            }
        };
        let layers = vec![
            layer("conv1", [1, 4], [3, 3], [1, 1], true),
            layer("conv2", [4, 6], [3, 3], [1, 1], true),
            layer("fc", [6, CLASSES], [SIDE, SIDE], [0, 0], false),
        ];
        Self { layers, rng }
    }

    fn find(&self, name: &str) -> Result<usize, ToyError> {
        self.layers.iter().position(|l| l.name == name).ok_or_else(|| ToyError(format!("no layer {name}")))
    }

    /// The weight of a layer as a model file holds it.
    pub(crate) fn stored(&self, name: &str) -> Weight {
        let layer = &self.layers[self.find(name).unwrap()];
        layer.constraint.weight(name, &[layer.weight.len(), 1], &layer.weight)
    }

    /// The values of every layer, the input first.
    fn forward(&self, image: Vec<f64>) -> Vec<Vec<f64>> {
        let mut values = vec![image];
        for layer in &self.layers {
            values.push(layer.forward(&values[values.len() - 1]));
        }
        values
    }
}

impl Layer {
    fn output_side(&self) -> [usize; 2] {
        [0, 1].map(|d| self.side + 2 * self.padding[d] + 1 - self.kernel[d])
    }

    /// Calls `visit(output, weight, input)` with the positions of every multiply-accumulate.
    fn macs(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let ([c, n], [kh, kw], [ph, pw], [h, w]) = (self.channels, self.kernel, self.padding, self.output_side());
        let side = self.side;
        for at in 0..n * c * kh * kw {
            let (out, channel, i, j) = (at / (c * kh * kw), at / (kh * kw) % c, at / kw % kh, at % kw);
            for y in ph.saturating_sub(i)..h.min(side + ph - i) {
                for x in pw.saturating_sub(j)..w.min(side + pw - j) {
                    visit((out * h + y) * w + x, at, (channel * side + y + i - ph) * side + x + j - pw);
                }
            }
        }
    }

    fn forward(&self, input: &[f64]) -> Vec<f64> {
        let pixels: usize = self.output_side().iter().product();
        let mut output: Vec<f64> = (0..self.channels[1] * pixels).map(|o| f64::from(self.bias[o / pixels])).collect();
        self.macs(|o, w, i| output[o] += f64::from(self.weight[w]) * input[i]);
        if self.relu {
            output.iter_mut().for_each(|v| *v = v.max(0.0));
        }
        output
    }

    /// Adds the gradients of weight and bias; returns that of the input. `gradient` is that of the output.
    fn backward(&self, input: &[f64], output: &[f64], mut gradient: Vec<f64>, sums: &mut [Vec<f64>; 2]) -> Vec<f64> {
        if self.relu {
            gradient.iter_mut().zip(output).filter(|(_, v)| **v <= 0.0).for_each(|(g, _)| *g = 0.0);
        }
        let pixels = gradient.len() / self.channels[1];
        gradient.iter().enumerate().for_each(|(o, g)| sums[1][o / pixels] += g);
        let mut below = vec![0.0; input.len()];
        self.macs(|o, w, i| {
            sums[0][w] += gradient[o] * input[i];
            below[i] += gradient[o] * f64::from(self.weight[w]);
        });
        below
    }

    fn set_weight(&mut self, weight: &[f32]) -> Result<(), ToyError> {
        if weight.len() != self.weight.len() {
            return Err(ToyError(format!("{} weights for {}", weight.len(), self.name)));
        }
        let mut values: Vec<f64> = weight.iter().map(|&w| f64::from(w)).collect();
        self.constraint.project(&mut values);
        self.weight = values.into_iter().map(|v| v as f32).collect();
        Ok(())
    }
}

/// A noisy picture of one of the classes' patterns.
fn sample(rng: &mut Rng) -> (Vec<f64>, usize) {
    let class = rng.below(CLASSES);
    let mut pattern = Rng::new(77, class as u64);
    let image = (0..SIDE * SIDE).map(|_| f64::from(pattern.normal() + 0.9 * rng.normal())).collect();
    (image, class)
}

fn best(scores: &[f64]) -> usize {
    (0..scores.len()).fold(0, |best, i| if scores[i] > scores[best] { i } else { best })
}

impl Trainer for Toy {
    type Error = ToyError;

    fn layers(&self) -> Vec<LayerInfo> {
        let info = |l: &Layer| {
            let [c, n] = l.channels;
            let kind = if l.kernel == [l.side; 2] {
                LayerKind::Linear(LinearParams { in_features: c * l.side * l.side, out_features: n })
            } else {
                LayerKind::Conv2d(Conv2dParams::same(c, n, l.kernel))
            };
            LayerInfo { name: l.name.clone(), kind, output_size: l.output_side() }
        };
        self.layers.iter().map(info).collect()
    }

    fn weight(&self, layer: &str) -> Result<Vec<f32>, ToyError> {
        Ok(self.layers[self.find(layer)?].weight.clone())
    }

    fn set_weight(&mut self, layer: &str, weight: &[f32]) -> Result<(), ToyError> {
        let at = self.find(layer)?;
        self.layers[at].set_weight(weight)
    }

    fn set_constraint(&mut self, layer: &str, constraint: Constraint) -> Result<(), ToyError> {
        let at = self.find(layer)?;
        self.layers[at].constraint = constraint;
        let weight = self.layers[at].weight.clone();
        self.layers[at].set_weight(&weight)
    }

    fn expand(&mut self, layer: &str, pair: LowRankPair) -> Result<(), ToyError> {
        let at = self.find(layer)?;
        let old = self.layers.remove(at);
        let is_matrix = old.kernel == [old.side; 2];
        let [kh, kw] = old.kernel;
        let first = Layer {
            name: format!("{layer}_v"),
            channels: [old.channels[0], pair.rank],
            side: old.side,
            kernel: if is_matrix { old.kernel } else { [kh, 1] },
            padding: [old.padding[0], 0],
            relu: false,
            weight: pair.first,
            bias: vec![0.0; pair.rank],
            constraint: Constraint::Free,
        };
        let second = Layer {
            name: format!("{layer}_{}", if is_matrix { "u" } else { "h" }),
            channels: [pair.rank, old.channels[1]],
            side: if is_matrix { 1 } else { old.side },
            kernel: [1, if is_matrix { 1 } else { kw }],
            padding: [0, old.padding[1]],
            weight: pair.second,
            ..old
        };
        self.layers.splice(at..at, [first, second]);
        Ok(())
    }

    fn input_products(&mut self, layer: &str) -> Result<Option<Vec<f32>>, ToyError> {
        let at = self.find(layer)?;
        let reader = &self.layers[at];
        let (row, pixels) = (reader.weight.len() / reader.channels[1], reader.output_side().iter().product::<usize>());
        let mut products = vec![0.0; row * row];
        let mut rng = Rng::new(98, 0);
        for _ in 0..INPUT_SAMPLES {
            let input = &self.forward(sample(&mut rng).0)[at];
            let mut patches = vec![0.0; pixels * row];
            // Those of the first output, which reads what the others read.
            reader.macs(|o, w, i| {
                if w < row {
                    patches[o * row + w] = input[i];
                }
            });
            for patch in patches.chunks(row) {
                for (a, products) in patch.iter().zip(products.chunks_mut(row)) {
                    patch.iter().zip(products).for_each(|(b, product)| *product += (a * b) as f32);
                }
            }
        }
        Ok(Some(products))
    }

    fn keep_channels(&mut self, layer: &str, keep: &[bool]) -> Result<bool, ToyError> {
        let at = self.find(layer)?;
        let kept = keep.iter().filter(|kept| **kept).count();
        let [pruned, reader, ..] = &mut self.layers[at..] else { return Err(ToyError(format!("{layer} is the last"))) };
        let row = pruned.weight.len() / keep.len();
        let mut places = 0..;
        pruned.weight.retain(|_| places.next().is_some_and(|at| keep[at / row]));
        let mut places = 0..;
        pruned.bias.retain(|_| places.next().is_some_and(|at: usize| keep[at]));
        let taps: usize = reader.kernel.iter().product();
        let mut places = 0..;
        reader.weight.retain(|_| places.next().is_some_and(|at| keep[at / taps % keep.len()]));
        (pruned.channels[1], reader.channels[0]) = (kept, kept);
        Ok(true)
    }

    fn train(&mut self, steps: usize, learning_rate: f32) -> Result<TrainStats, ToyError> {
        let (mut loss, mut recognized) = (0.0, 0);
        for _ in 0..steps {
            let zeros = |l: &Layer| [vec![0.0; l.weight.len()], vec![0.0; l.bias.len()]];
            let mut sums: Vec<_> = self.layers.iter().map(zeros).collect();
            for _ in 0..BATCH {
                let (image, class) = sample(&mut self.rng);
                let values = self.forward(image);
                let scores = &values[self.layers.len()];
                recognized += usize::from(best(scores) == class);
                let exp: Vec<f64> = scores.iter().map(|s| libm::exp(s - scores[best(scores)])).collect();
                let total: f64 = exp.iter().sum();
                loss -= libm::log(exp[class] / total);
                let mut gradient: Vec<f64> = exp.iter().map(|e| e / total / BATCH as f64).collect();
                gradient[class] -= 1.0 / BATCH as f64;
                for (i, layer) in self.layers.iter().enumerate().rev() {
                    gradient = layer.backward(&values[i], &values[i + 1], gradient, &mut sums[i]);
                }
            }
            for (layer, [weight, bias]) in self.layers.iter_mut().zip(&mut sums) {
                layer.constraint.project(weight);
                layer.weight.iter_mut().zip(weight).for_each(|(w, g)| *w -= learning_rate * *g as f32);
                layer.bias.iter_mut().zip(bias).for_each(|(b, g)| *b -= learning_rate * *g as f32);
            }
        }
        let samples = (steps * BATCH).max(1) as f64;
        Ok(TrainStats { loss: (loss / samples) as f32, accuracy: (recognized as f64 / samples) as f32 })
    }

    fn evaluate(&mut self) -> Result<f32, ToyError> {
        let mut rng = Rng::new(99, 1);
        let mut recognized = 0;
        for _ in 0..DEV_SAMPLES {
            let (image, class) = sample(&mut rng);
            recognized += usize::from(best(&self.forward(image)[self.layers.len()]) == class);
        }
        Ok(recognized as f32 / DEV_SAMPLES as f32)
    }
}
