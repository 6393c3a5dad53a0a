//! Training as a whole: constraints, threads, checkpoints.

use crate::common;
use hccr_constraint::Constraint;
use hccr_nn_train::batch::Batch;
use hccr_nn_train::layers::{Conv2d, Dropout, Flatten, Linear, MeanOverTime, NormPReluPool};
use hccr_nn_train::{Layer, Network, Sgd, checkpoint};
use hccr_random::Rng;
use hccr_runtime::shape::{Conv2dParams, LinearParams, Pool2dParams};

const SGD: Sgd = Sgd { momentum: 0.9, weight_decay: 1e-3 };

fn network() -> Network<f32> {
    let mut rng = Rng::new(3, 0);
    let mut network = Network::new([1, 12, 12]);
    let conv = Conv2dParams::same(1, 4, [3, 3]);
    network.push(Layer::Conv2d(Conv2d::new("conv", conv, false, &mut rng))).unwrap();
    let act = NormPReluPool::new("act", 4).with_norm(false).with_prelu().with_pool(Pool2dParams::THESIS);
    network.push(Layer::Norm(act)).unwrap();
    network.push(Layer::Flatten(Flatten::default())).unwrap();
    network.push(Layer::Dropout(Dropout::new("dropout", 0.2))).unwrap();
    let fc = LinearParams { in_features: 4 * 6 * 6, out_features: 5 };
    network.push(Layer::Linear(Linear::new("fc", fc, &mut rng))).unwrap();
    network
}

/// Trains steps `from..to`; every step has its own data.
fn train(network: &mut Network<f32>, from: u64, to: u64) -> f64 {
    let mut loss = f64::NAN;
    for step in from..to {
        let mut rng = Rng::new(9, step);
        let labels: Vec<u16> = (0..50).map(|_| rng.below(5) as u16).collect();
        let image = |&label: &u16, rng: &mut Rng| -> Vec<u8> {
            (0..144).map(|i| (rng.below(100) + if i % 5 == label as usize { 100 } else { 0 }) as u8).collect()
        };
        let images: Vec<Vec<u8>> = labels.iter().map(|l| image(l, &mut rng)).collect();
        let images: Vec<&[u8]> = images.iter().map(Vec::as_slice).collect();
        let batch = Batch::from_bytes(&images, [12, 12], &network.mean);
        loss = network.train_step(batch, &labels, &SGD, 0.05, step).loss;
    }
    loss
}

fn values(network: &mut Network<f32>) -> Vec<Vec<f32>> {
    network.params_mut().map(|p| p.value.clone()).collect()
}

#[test]
fn learns_and_keeps_constraints() {
    let mut n = network();
    let first = train(&mut n, 0, 1);
    assert!(train(&mut n, 1, 30) < 0.5 * first);

    let len = n.weight("fc").unwrap().value.len();
    let keep: Vec<bool> = (0..len).map(|i| i % 3 == 0).collect();
    n.weight_mut("fc").unwrap().set_constraint(Constraint::Mask(keep.clone()));
    let labels: Vec<u8> = (0..36).map(|i| (i % 4) as u8).collect();
    n.weight_mut("conv").unwrap().set_constraint(Constraint::Shared(labels.clone()));
    let before = values(&mut n);
    train(&mut n, 30, 40);
    assert_ne!(before, values(&mut n), "what is left keeps training");
    assert!(n.weight("fc").unwrap().value.iter().zip(&keep).all(|(&w, &k)| k == (w != 0.0)));
    let conv = &n.weight("conv").unwrap().value;
    assert!(conv.iter().zip(&labels).all(|(&w, &l)| w == if l == 0 { 0.0 } else { conv[l as usize] }));
    let model = n.to_model(&[]).unwrap();
    assert_eq!(model.weight_nonzeros(), 27 + keep.iter().filter(|&&k| k).count());
}

#[test]
fn a_resumed_run_is_the_uninterrupted_one_bit_for_bit() {
    let mut whole = network();
    train(&mut whole, 0, 20);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.ckpt");
    let mut half = network();
    train(&mut half, 0, 9);
    checkpoint::save(&path, &half).unwrap();
    let mut resumed: Network<f32> = checkpoint::load(&path).unwrap();
    train(&mut resumed, 9, 20);
    assert_eq!(values(&mut whole), values(&mut resumed));
    assert_eq!(whole.to_model(&[]), resumed.to_model(&[]), "running statistics too");
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    common::assert_threads_change_nothing(|| {
        let mut n = network();
        train(&mut n, 0, 10);
        values(&mut n)
    });
}

/// Sizes that disagree are an error; other numbers give another network at worst, of which a model is made or an error.
#[test]
fn an_altered_network_is_refused_or_whole() {
    let mut rng = Rng::new(3, 0);
    let mut images: Network<f32> = Network::new([1, 4, 4]);
    images.push(Layer::Conv2d(Conv2d::new("conv", Conv2dParams::same(1, 2, [3, 3]), true, &mut rng))).unwrap();
    let act = NormPReluPool::new("act", 2).with_norm(true).with_prelu().with_pool(Pool2dParams::THESIS);
    images.push(Layer::Norm(act)).unwrap();
    images.push(Layer::Flatten(Flatten::default())).unwrap();
    images.push(Layer::Dropout(Dropout::new("dropout", 0.2))).unwrap();
    let params = LinearParams { in_features: 8, out_features: 2 };
    images.push(Layer::Linear(Linear::new("fc", params, &mut rng))).unwrap();
    images.weight_mut("fc").unwrap().set_constraint(Constraint::Mask(vec![true; 16]));
    let mut sequences: Network<f32> = Network::of_sequences(2);
    for layer in Layer::lstm("lstm", 2, 1, &mut rng) {
        sequences.push(layer).unwrap();
    }
    sequences.push(Layer::MeanOverTime(MeanOverTime::default())).unwrap();
    for network in [images, sequences] {
        let bytes = checkpoint::encode(&network).unwrap();
        let mut refused = 0;
        for at in 0..bytes.len() {
            for value in [0, 1, 2, 3, 16, 250, 251, 252, 253, 255] {
                let mut altered = bytes.clone();
                altered[at] = value;
                match checkpoint::decode::<Network<f32>>(&altered) {
                    Ok(network) => _ = network.to_model(&[]),
                    Err(_) => refused += 1,
                }
            }
        }
        assert!(refused > bytes.len(), "{refused} of {}", 10 * bytes.len());
    }
}

/// The products of what a convolution reads give the squares of what it answers.
#[test]
fn inputs_of_a_convolution_explain_its_outputs() {
    let mut rng = Rng::new(4, 0);
    let mut network = Network::<f32>::new([1, 9, 7]);
    let first = Conv2dParams { stride: [2, 1], ..Conv2dParams::same(1, 3, [3, 3]) };
    network.push(Layer::Conv2d(Conv2d::new("first", first, true, &mut rng))).unwrap();
    network.push(Layer::Conv2d(Conv2d::new("second", Conv2dParams::same(3, 4, [3, 1]), false, &mut rng))).unwrap();
    let images: Vec<Vec<u8>> = (0..19).map(|_| (0..63).map(|_| rng.below(256) as u8).collect()).collect();
    let images: Vec<&[u8]> = images.iter().map(Vec::as_slice).collect();
    let batch = || Batch::from_bytes(&images, [9, 7], &network.mean.clone());
    let (batch, again) = (batch(), batch());
    let products = network.input_products("second", batch).unwrap();
    let weight = network.weight("second").unwrap().value.clone();
    let explained: f32 =
        weight.chunks(9).map(|row| (0..81).map(|at| row[at / 9] * products[at] * row[at % 9]).sum::<f32>()).sum();
    let outputs = network.forward(again, hccr_nn_train::layers::Mode::Eval);
    let values = outputs.chunks.iter().flat_map(|chunk| &chunk.data);
    let mean = values.map(|v| v * v).sum::<f32>() / (19 * outputs.plane()) as f32;
    assert!((explained - mean).abs() < 1e-3 * mean, "{explained} instead of {mean}");
    assert!(network.input_products("third", Batch::default()).is_err());
}

/// The same of a fully connected layer.
#[test]
fn inputs_of_a_fully_connected_layer_explain_its_outputs() {
    let mut rng = Rng::new(5, 0);
    let mut network = Network::<f32>::new([1, 3, 4]);
    network.push(Layer::Flatten(Flatten::default())).unwrap();
    let mut linear = Linear::new("fc", LinearParams { in_features: 12, out_features: 7 }, &mut rng);
    linear.bias = None;
    network.push(Layer::Linear(linear)).unwrap();
    let images: Vec<Vec<u8>> = (0..19).map(|_| (0..12).map(|_| rng.below(256) as u8).collect()).collect();
    let images: Vec<&[u8]> = images.iter().map(Vec::as_slice).collect();
    let batch = Batch::from_bytes(&images, [3, 4], &network.mean);
    let products = network.input_products("fc", batch.clone()).unwrap();
    let weight = network.weight("fc").unwrap().value.clone();
    let explained: f32 =
        weight.chunks(12).map(|row| (0..144).map(|at| row[at / 12] * products[at] * row[at % 12]).sum::<f32>()).sum();
    let outputs = network.forward(batch, hccr_nn_train::layers::Mode::Eval);
    let mean = outputs.chunks.iter().flat_map(|chunk| &chunk.data).map(|v| v * v).sum::<f32>() / 19.0;
    assert!((explained - mean).abs() < 1e-3 * mean, "{explained} instead of {mean}");
}

/// Without channels that nothing reads, a network answers the same, and goes on training.
#[test]
fn channels_that_nothing_reads_are_not_missed() {
    let mut rng = Rng::new(6, 0);
    let mut network = Network::<f32>::new([1, 12, 12]);
    let act = |name: &str, channels| NormPReluPool::new(name, channels).with_norm(true).with_prelu();
    let conv = |name: &str, c, n, rng: &mut Rng| {
        Layer::Conv2d(Conv2d::new(name, Conv2dParams::same(c, n, [3, 3]), c > 1, rng))
    };
    network.push(conv("first", 1, 6, &mut rng)).unwrap();
    network.push(Layer::Norm(act("first.act", 6).with_pool(Pool2dParams::THESIS))).unwrap();
    network.push(conv("second", 6, 4, &mut rng)).unwrap();
    network.push(Layer::Norm(act("second.act", 4))).unwrap();
    network.push(Layer::Flatten(Flatten::default())).unwrap();
    let fc = LinearParams { in_features: 4 * 6 * 6, out_features: 5 };
    network.push(Layer::Linear(Linear::new("fc", fc, &mut rng))).unwrap();
    train(&mut network, 0, 3);

    let (first, second) = ([true, false, true, true, false, true], [false, true, true, true]);
    let mut mask: Vec<bool> = (0..4 * 6 * 9).map(|at| first[at / 9 % 6]).collect();
    mask[..3].fill(false);
    network.weight_mut("second").unwrap().set_constraint(Constraint::Mask(mask));
    for (at, w) in network.weight_mut("fc").unwrap().value.iter_mut().enumerate() {
        *w *= if second[at % 144 / 36] { 1.0 } else { 0.0 };
    }
    let image: Vec<u8> = (0..144).map(|at| (at * 7 % 256) as u8).collect();
    let answer = |network: &mut Network<f32>| {
        let batch = Batch::from_bytes(&[&image], [12, 12], &network.mean.clone());
        network.forward(batch, hccr_nn_train::layers::Mode::Eval).chunks[0].data.clone()
    };
    for param in network.params_mut() {
        param.velocity.clone_from(&param.value);
    }
    let whole = answer(&mut network);
    let before = values(&mut network);
    for (layer, keep) in [("fc", vec![true; 5]), ("first", vec![true; 5]), ("first", vec![false; 6])] {
        assert!(network.keep_channels(layer, &keep).is_err(), "{layer}");
    }
    assert_eq!(values(&mut network), before);
    network.keep_channels("first", &first).unwrap();
    network.keep_channels("second", &second).unwrap();
    assert_eq!(network.shapes()[..3], [[4, 12, 12], [4, 6, 6], [3, 6, 6]]);
    for (whole, narrow) in whole.iter().zip(answer(&mut network)) {
        assert!((whole - narrow).abs() < 1e-4, "{narrow} instead of {whole}");
    }
    // What the optimizer remembers went with the values.
    assert!(network.params_mut().all(|param| param.velocity == param.value));
    // The mask went with the channels: the first output of `second` is gone, and all else is read.
    assert_eq!(network.weight("second").unwrap().constraint(), &Constraint::Mask(vec![true; 3 * 4 * 9]));
    assert!(train(&mut network, 3, 6).is_finite());
    checkpoint::decode::<Network<f32>>(&checkpoint::encode(&network).unwrap()).unwrap();
}

/// A mini-batch is a few samples of all: its variance is divided by one less than their number.
#[test]
fn running_variance_is_estimated_without_bias() {
    let mut network = Network::<f32>::new([1, 1, 1]);
    network.push(Layer::Norm(NormPReluPool::new("norm", 1).with_norm(false))).unwrap();
    let batch = Batch::from_bytes(&[&[2], &[4], &[4], &[6]], [1, 1], &[0.0]);
    let near = |network: &mut Network<f32>, mean: f64, var: f64| {
        let norm = network.norms_mut().next().unwrap();
        let [got_mean, got_var] = [norm.running_mean[0], norm.running_var[0]];
        assert!((got_mean - mean).abs() < 1e-6 && (got_var - var).abs() < 1e-6, "{got_mean} {got_var}");
    };
    network.forward(batch.clone(), hccr_nn_train::layers::Mode::Train { seed: 0 });
    near(&mut network, 0.1 * 4.0, 0.9 + 0.1 * 8.0 / 3.0);
    // Measured, they are its own, whatever they were.
    network.measure_statistics(batch);
    near(&mut network, 4.0, 8.0 / 3.0);
}
