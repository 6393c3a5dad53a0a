//! A network's function, of burn's operations.

use burn_tensor::activation::{prelu, sigmoid};
use burn_tensor::module::{batch_norm_train, conv2d, max_pool2d};
use burn_tensor::ops::{ConvOptions, MaxPoolOptions};
use burn_tensor::{Device, Distribution, Tensor, TensorData};
use hccr_models::Samples;
use hccr_nn_train::layers::{Lstm, Norm, NormPReluPool};
use hccr_nn_train::{Layer, Network, Param};

/// A mini-batch in a batch normalization: the mean and the variance per channel, and of how many values.
type Moments = (Tensor<1>, Tensor<1>, usize);

/// The logits `[samples, classes]`, and the moments in each batch normalization. `leaves` are the network's parameters, in their order.
pub(crate) fn run(
    network: &Network<f32>,
    leaves: &[Tensor<1>],
    samples: &Samples,
    device: &Device,
) -> (Tensor<2>, Vec<Moments>) {
    let mut leaves = leaves.iter().cloned();
    let mut next = || leaves.next().expect("as many leaves as parameters");
    let mut moments = Vec::new();
    // Values are `[samples, channels, height, width]`, of each time step of sequences; images have one. Shorter sequences are padded at
    // their end, which no value before depends on.
    let mut x = inputs(samples, &network.mean, device);
    for layer in network.layers() {
        x = match layer {
            Layer::Conv2d(l) => {
                let weight = next().reshape(l.params.weight_shape());
                let bias = l.bias.as_ref().map(|_| next());
                let options = ConvOptions::new(l.params.stride, l.params.padding, [1, 1], 1);
                each(x, |x| conv2d(x, weight.clone(), bias.clone(), options.clone()))
            }
            Layer::Norm(l) => each(x, |x| norm_prelu_pool(l, x, &mut next, &mut moments)),
            Layer::Flatten(_) => each(x, |x| column(row(x))),
            Layer::Linear(l) => {
                let weight = transposed(&l.weight, next());
                let bias = l.bias.as_ref().map(|_| next().unsqueeze::<2>());
                each(x, |x| {
                    let y = row(x).matmul(weight.clone());
                    column(bias.iter().cloned().fold(y, Tensor::add))
                })
            }
            Layer::Dropout(l) if l.probability > 0.0 => {
                let keep = 1.0 - f64::from(l.probability);
                each(x, |x| x.clone() * Tensor::random(x.shape(), Distribution::Bernoulli(keep), device) / keep)
            }
            Layer::Dropout(_) => x,
            Layer::Lstm(l) => lstm(l, x, &mut next),
            Layer::MeanOverTime(_) => vec![mean_over_time(x, samples, device)],
        };
    }
    (row(x.swap_remove(0)), moments)
}

fn each(x: Vec<Tensor<4>>, layer: impl FnMut(Tensor<4>) -> Tensor<4>) -> Vec<Tensor<4>> {
    x.into_iter().map(layer).collect()
}

/// `[samples, channels, height, width]` as `[samples, features]`.
fn row(x: Tensor<4>) -> Tensor<2> {
    x.flatten(1, 3)
}

/// `[samples, features]` as `[samples, features, 1, 1]`.
fn column(x: Tensor<2>) -> Tensor<4> {
    let [samples, features] = x.dims();
    x.reshape([samples, features, 1, 1])
}

/// A matrix as vectors are multiplied by it: `[in, out]`.
fn transposed(param: &Param<f32>, leaf: Tensor<1>) -> Tensor<2> {
    leaf.reshape([param.shape[0], param.shape[1]]).transpose()
}

fn inputs(samples: &Samples, mean: &[f32], device: &Device) -> Vec<Tensor<4>> {
    match samples {
        Samples::Images { size, pixels } => {
            let values: Vec<f32> = pixels.iter().zip(mean.iter().cycle()).map(|(&v, m)| f32::from(v) - m).collect();
            let shape = [pixels.len() / (size * size), 1, *size, *size];
            vec![Tensor::from_data(TensorData::new(values, shape), device)]
        }
        Samples::Sequences { features, sequences } => {
            let longest = sequences.iter().map(|sequence| sequence.len() / features).max().unwrap_or(0);
            let none = vec![0.0; *features];
            let step = |t: usize| {
                let row = t * features..(t + 1) * features;
                let rows = sequences.iter().map(|sequence| sequence.get(row.clone()).unwrap_or(&none));
                let values: Vec<f32> = rows.flatten().copied().collect();
                Tensor::from_data(TensorData::new(values, [sequences.len(), *features, 1, 1]), device)
            };
            (0..longest).map(step).collect()
        }
    }
}

fn norm_prelu_pool(
    layer: &NormPReluPool<f32>,
    mut x: Tensor<4>,
    next: &mut impl FnMut() -> Tensor<1>,
    moments: &mut Vec<Moments>,
) -> Tensor<4> {
    if let Some(norm) = &layer.norm {
        let [samples, channels, height, width] = x.dims();
        let [gamma, beta] = match norm.affine {
            Some(_) => [next(), next()],
            None => [Tensor::ones([channels], &x.device()), Tensor::zeros([channels], &x.device())],
        };
        let normalized = batch_norm_train(x, gamma, beta, Norm::<f32>::EPSILON);
        moments.push((normalized.mean, normalized.variance, samples * height * width));
        x = normalized.output;
    }
    if layer.prelu.is_some() {
        x = prelu(x, next());
    }
    match layer.pool {
        Some(pool) => {
            let options = MaxPoolOptions::new(pool.kernel_size).with_stride(pool.stride);
            max_pool2d(x, MaxPoolOptions { ceil_mode: pool.ceil_mode, ..options })
        }
        None => x,
    }
}

fn lstm(layer: &Lstm<f32>, x: Vec<Tensor<4>>, next: &mut impl FnMut() -> Tensor<1>) -> Vec<Tensor<4>> {
    let project = layer.project.as_ref().map(|param| transposed(param, next()));
    let recurrent = transposed(&layer.recurrent, next());
    let mut state: Option<[Tensor<2>; 2]> = None;
    each(x, |x| {
        let mut gates = row(x);
        if let Some([hidden, _]) = &state {
            let hidden = project.iter().cloned().fold(hidden.clone(), Tensor::matmul);
            gates = gates + hidden.matmul(recurrent.clone());
        }
        let gate = |i: usize| gates.clone().narrow(1, i * layer.hidden_size, layer.hidden_size);
        let mut cell = sigmoid(gate(0)) * gate(2).tanh();
        if let Some([_, before]) = state.take() {
            cell = cell + sigmoid(gate(1)) * before;
        }
        let hidden = sigmoid(gate(3)) * cell.clone().tanh();
        state = Some([hidden.clone(), cell]);
        column(hidden)
    })
}

fn mean_over_time(x: Vec<Tensor<4>>, samples: &Samples, device: &Device) -> Tensor<4> {
    let lengths: Vec<usize> = match samples {
        Samples::Sequences { features, sequences } => {
            sequences.iter().map(|sequence| sequence.len() / features).collect()
        }
        Samples::Images { .. } => Vec::new(),
    };
    let share = |t: usize| -> Tensor<4> {
        let shares: Vec<f32> = lengths.iter().map(|&len| if t < len { 1.0 / len as f32 } else { 0.0 }).collect();
        Tensor::from_data(TensorData::new(shares, [lengths.len(), 1, 1, 1]), device)
    };
    let terms = x.into_iter().enumerate().map(|(t, x)| x * share(t));
    terms.reduce(Tensor::add).expect("sequences have steps")
}
