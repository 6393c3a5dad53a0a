//! Networks over sequences: the LSTM against its definition, and training as a whole.

use crate::common;
use hccr_constraint::Constraint;
use hccr_nn_train::layers::{Dropout, Linear, Lstm, MeanOverTime};
use hccr_nn_train::{
    Adam, Batch, Clipped, Layer, Mode, Network, NetworkError, Optimizer, Sgd, checkpoint, evaluate_sequences,
};
use hccr_random::Rng;
use hccr_runtime::shape::LinearParams;
use hccr_runtime::{IsaKind, Model, Plan, Session, WeightData};
use std::sync::Arc;

const CLASSES: usize = 4;
const ADAM: Clipped<Adam> = Clipped { optimizer: Adam { beta1: 0.9, beta2: 0.99, weight_decay: 1e-3 }, max_norm: 1.0 };

fn network() -> Network<f32> {
    let mut rng = Rng::new(3, 0);
    let mut network = Network::of_sequences(3);
    let fc = LinearParams { in_features: 40, out_features: CLASSES };
    let [lstm1_x, lstm1] = Layer::lstm("lstm1", 3, 10, &mut rng);
    let [lstm2_x, lstm2] = Layer::lstm("lstm2", 10, 40, &mut rng);
    let head = [Layer::MeanOverTime(MeanOverTime::default()), Layer::Linear(Linear::new("fc", fc, &mut rng))];
    let dropout = Layer::Dropout(Dropout::new("dropout", 0.1));
    for layer in [lstm1_x, lstm1, dropout, lstm2_x, lstm2].into_iter().chain(head) {
        network.push(layer).unwrap();
    }
    network
}

/// Sequences of 5 to 40 steps around circles; the class is the direction and the speed.
fn samples(count: usize, seed: u64) -> (Vec<Vec<f32>>, Vec<u16>) {
    let mut rng = Rng::new(seed, 0);
    let sample = |_| {
        let class = rng.below(CLASSES);
        let speed = [-0.9, -0.3, 0.3, 0.9][class];
        let (start, steps) = (rng.range(0.0, 6.3), 5 + rng.below(36));
        let at = |t: usize| start + speed * t as f32;
        let rows = (0..steps).flat_map(|t| [at(t).cos(), at(t).sin(), 0.3 * rng.normal()]).collect();
        (rows, class as u16)
    };
    (0..count).map(sample).unzip()
}

fn views(sequences: &[Vec<f32>]) -> Vec<&[f32]> {
    sequences.iter().map(Vec::as_slice).collect()
}

/// Trains steps `from..to`; every step has its own data.
fn train(network: &mut Network<f32>, optimizer: &impl Optimizer, rate: f32, from: u64, to: u64) -> f64 {
    let mut loss = f64::NAN;
    for step in from..to {
        let (sequences, labels) = samples(70, 100 + step);
        let batch = Batch::from_sequences(&views(&sequences), 3);
        loss = network.train_step(batch, &labels, optimizer, rate, step).loss;
    }
    loss
}

fn values(network: &mut Network<f32>) -> Vec<Vec<f32>> {
    network.params_mut().map(|p| p.value.clone()).collect()
}

/// `weight x`.
fn product(weight: &[f64], x: &[f64]) -> Vec<f64> {
    weight.chunks(x.len()).map(|row| row.iter().zip(x).map(|(w, x)| w * x).sum()).collect()
}

#[test]
fn an_lstm_is_what_its_definition_says() {
    let (hidden, mut rng) = (5, Rng::new(8, 0));
    let mut network = Network::<f64>::of_sequences(3);
    for layer in Layer::lstm("lstm", 3, hidden, &mut rng) {
        network.push(layer).unwrap();
    }
    network.push(Layer::MeanOverTime(MeanOverTime::default())).unwrap();
    let (sequences, _) = samples(50, 1);
    let sigmoid = |v: f64| 1.0 / (1.0 + (-v).exp());
    let means = |network: &Network<f64>, recurrent: &dyn Fn(&[f64]) -> Vec<f64>| -> Vec<Vec<f64>> {
        let of = |sequence: &Vec<f32>| {
            let (mut h, mut c, mut sum) = (vec![0.0; hidden], vec![0.0; hidden], vec![0.0; hidden]);
            for row in sequence.chunks(3) {
                let x: Vec<f64> = row.iter().map(|&v| v.into()).collect();
                let mut z = product(&network.weight("lstm_x").unwrap().value, &x);
                z.iter_mut().zip(recurrent(&h)).for_each(|(z, r)| *z += r);
                z[hidden..2 * hidden].iter_mut().for_each(|z| *z += 1.0);
                for u in 0..hidden {
                    let [i, f, g, o] = [0, 1, 2, 3].map(|gate| z[gate * hidden + u]);
                    c[u] = sigmoid(f) * c[u] + sigmoid(i) * g.tanh();
                    h[u] = sigmoid(o) * c[u].tanh();
                    sum[u] += h[u];
                }
            }
            sum.into_iter().map(|s| s / (sequence.len() / 3) as f64).collect()
        };
        sequences.iter().map(of).collect()
    };
    let found = |network: &mut Network<f64>| {
        network.forward(Batch::from_sequences(&views(&sequences), 3), Mode::Eval).vectors()
    };
    let close = |a: &[Vec<f64>], b: &[Vec<f64>]| {
        assert_eq!(a.len(), b.len());
        assert!(a.iter().flatten().zip(b.iter().flatten()).all(|(a, b)| (a - b).abs() < 1e-12));
    };
    let weight = network.weight("lstm_h").unwrap().value.clone();
    close(&found(&mut network), &means(&network, &|h| product(&weight, h)));

    let [v, u] = [2 * hidden, 4 * hidden * 2].map(|len| (0..len).map(|_| rng.normal().into()).collect::<Vec<f64>>());
    network.factorize("lstm_h", 2, v.clone(), u.clone()).unwrap();
    close(&found(&mut network), &means(&network, &|h| product(&u, &product(&v, h))));
}

#[test]
fn single_precision_is_near_double_precision() {
    let mut rng = Rng::new(8, 0);
    let mut single = Network::<f32>::of_sequences(3);
    let mut double = Network::<f64>::of_sequences(3);
    for layer in Layer::lstm("lstm", 3, 20, &mut rng.clone()) {
        single.push(layer).unwrap();
    }
    for layer in Layer::lstm("lstm", 3, 20, &mut rng) {
        double.push(layer).unwrap();
    }
    let (sequences, _) = samples(40, 2);
    let single = single.forward(Batch::from_sequences(&views(&sequences), 3), Mode::Eval);
    let double = double.forward(Batch::from_sequences(&views(&sequences), 3), Mode::Eval);
    let pairs = single.chunks.iter().zip(&double.chunks).flat_map(|(s, d)| s.data.iter().zip(&d.data));
    assert!(pairs.into_iter().all(|(&s, d)| (f64::from(s) - d).abs() < 5e-6));
}

#[test]
fn learns_with_either_optimizer() {
    let (sequences, labels) = samples(200, 7);
    let sgd = Clipped { optimizer: Sgd { momentum: 0.9, weight_decay: 0.0 }, max_norm: 1.0 };
    let mut by_adam = network();
    train(&mut by_adam, &ADAM, 0.01, 0, 60);
    let mut by_sgd = network();
    train(&mut by_sgd, &sgd, 0.2, 0, 100);
    for mut network in [by_adam, by_sgd] {
        let evaluation = evaluate_sequences(&mut network, &views(&sequences), &labels);
        assert_eq!((evaluation.samples, evaluation.top5), (200, 200));
        assert!(evaluation.top1 >= 190, "{evaluation:?}");
    }
}

#[test]
fn constraints_hold_with_adam() {
    let mut n = network();
    train(&mut n, &ADAM, 0.01, 0, 5);
    let len = n.weight("lstm2_h").unwrap().value.len();
    let keep: Vec<bool> = (0..len).map(|i| i % 3 == 0).collect();
    n.weight_mut("lstm2_h").unwrap().set_constraint(Constraint::Mask(keep.clone()));
    let labels: Vec<u8> = (0..1600).map(|i| (i % 4) as u8).collect();
    n.weight_mut("lstm2_x").unwrap().set_constraint(Constraint::Shared(labels.clone()));
    let before = values(&mut n);
    train(&mut n, &ADAM, 0.01, 5, 15);
    assert_ne!(before, values(&mut n), "what is left keeps training");
    assert!(n.weight("lstm2_h").unwrap().value.iter().zip(&keep).all(|(&w, &k)| k == (w != 0.0)));
    let shared = &n.weight("lstm2_x").unwrap().value;
    assert!(shared.iter().zip(&labels).all(|(&w, &l)| w == if l == 0 { 0.0 } else { shared[l as usize] }));
    assert!(shared[1] != shared[2] && shared[1] != 0.0);
}

#[test]
fn clipping_bounds_the_step() {
    // Without momentum and decay the step is the clipped gradient itself.
    let sgd = Sgd { momentum: 0.0, weight_decay: 0.0 };
    let step = |max_norm| {
        let mut n = network();
        let before = values(&mut n);
        train(&mut n, &Clipped { optimizer: sgd, max_norm }, 1.0, 0, 1);
        let moved = before.concat().into_iter().zip(values(&mut n).concat()).map(|(a, b)| b - a);
        moved.collect::<Vec<f32>>()
    };
    let norm = |v: &[f32]| v.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
    let (free, clipped) = (step(1e9), step(0.01));
    assert!(norm(&free) > 0.05 && (norm(&clipped) - 0.01).abs() < 1e-5, "{} {}", norm(&free), norm(&clipped));
    let scale = (norm(&clipped) / norm(&free)) as f32;
    assert!(free.iter().zip(&clipped).all(|(f, c)| (f * scale - c).abs() < 1e-6), "the direction stays");
}

#[test]
fn a_resumed_run_is_the_uninterrupted_one_bit_for_bit() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run.ckpt");
    let mut whole = network();
    train(&mut whole, &ADAM, 0.01, 0, 12);
    let mut half = network();
    train(&mut half, &ADAM, 0.01, 0, 5);
    checkpoint::save(&path, &half).unwrap();
    let mut resumed: Network<f32> = checkpoint::load(&path).unwrap();
    train(&mut resumed, &ADAM, 0.01, 5, 12);
    assert_eq!(values(&mut whole), values(&mut resumed));
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    common::assert_threads_change_nothing(|| {
        let mut n = network();
        train(&mut n, &ADAM, 0.01, 0, 5);
        values(&mut n)
    });
}

const MATRICES: [&str; 5] = ["lstm1_x", "lstm1_h", "lstm2_x", "lstm2_h", "fc"];

/// Holds the runtime to the trainer's evaluation, for a network whose matrices are of `kind`, from the bytes of its file.
fn check_export(mut network: Network<f32>, kind: fn(&WeightData) -> bool) {
    train(&mut network, &ADAM, 0.01, 30, 35);
    let (sequences, _) = samples(40, 5);
    let want = network.forward(Batch::from_sequences(&views(&sequences), 3), Mode::Eval).vectors();
    let exported = network.to_model(&['a', 'b', 'c', 'd']).unwrap();
    let model = Model::from_bytes(&exported.to_bytes()).unwrap();
    assert_eq!(model, exported);
    let matrices: Vec<_> = model.weights().iter().filter(|w| w.name.ends_with(".weight")).collect();
    assert!(matrices.len() >= MATRICES.len() && matrices.iter().all(|w| kind(&w.data)), "exported in another form");
    for isa in IsaKind::available() {
        let mut session = Session::new(Arc::new(Plan::with_isa(&model, isa).unwrap()));
        for (sequence, want) in sequences.iter().zip(&want) {
            let found = session.run(sequence).unwrap();
            let scale = want.iter().fold(0.0f32, |m, v| m.max(v.abs()));
            assert_eq!(found.len(), want.len());
            assert!(found.iter().zip(want).all(|(f, w)| (f - w).abs() <= 1e-4 * scale), "{isa}: {found:?} {want:?}");
        }
    }
}

fn trained() -> Network<f32> {
    let mut n = network();
    train(&mut n, &ADAM, 0.01, 0, 30);
    n
}

#[test]
fn the_runtime_computes_what_was_trained() {
    let dense = |w: &WeightData| matches!(w, WeightData::Dense(_));
    check_export(trained(), dense);

    let mut factored = trained();
    let mut rng = Rng::new(6, 0);
    for layer in MATRICES {
        let [out, of] = factored.weight(layer).unwrap().shape[..] else { panic!("{layer} is no matrix") };
        let mut random = |len: usize| (0..len).map(|_| 0.4 * rng.normal()).collect::<Vec<f32>>();
        factored.factorize(layer, 2, random(2 * of), random(out * 2)).unwrap();
    }
    check_export(factored.clone(), dense);

    for (mut network, factors) in [(trained(), false), (factored, true)] {
        let names = MATRICES
            .map(|layer| if factors { vec![format!("{layer}_v"), format!("{layer}_u")] } else { vec![layer.into()] });
        for name in names.iter().flatten() {
            let weight = network.weight_mut(name).unwrap();
            let keep = (0..weight.value.len()).map(|i| i % 3 != 0).collect();
            weight.set_constraint(Constraint::Mask(keep));
        }
        check_export(network.clone(), |w| matches!(w, WeightData::Sparse { .. }));
        for name in names.iter().flatten() {
            let weight = network.weight_mut(name).unwrap();
            // Labels by size, so that sharing changes little.
            let label = |&w: &f32| if w == 0.0 { 0 } else { (w * 8.0 + 100.0).clamp(1.0, 200.0) as u8 };
            let labels = weight.value.iter().map(label).collect();
            weight.set_constraint(Constraint::Shared(labels));
        }
        check_export(network, |w| matches!(w, WeightData::Codebook { .. }));
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut rng = Rng::new(1, 0);
    let shape = |layer: Layer<f32>| Network::of_sequences(8).push(layer).unwrap_err();
    assert_eq!(
        shape(Layer::Lstm(Lstm::new("lstm", 3, &mut rng))),
        NetworkError::Shape { layer: "lstm".into(), input: [8, 1, 1] }
    );
    shape(Layer::Flatten(Default::default()));
    let mut images = Network::<f32>::new([8, 1, 1]);
    assert!(images.push(Layer::Lstm(Lstm::new("lstm", 2, &mut rng))).is_err());
    assert!(images.push(Layer::MeanOverTime(MeanOverTime::default())).is_err());

    let mut n = network();
    for (layer, rank, v, u) in [("lstm9_h", 1, 10, 40), ("lstm1_h", 0, 0, 0), ("lstm1_h", 2, 20, 40)] {
        let refused = n.factorize(layer, rank, vec![0.0; v], vec![0.0; u]);
        assert_eq!(refused, Err(NetworkError::NoSuchLayer { layer: layer.into() }));
    }
}
