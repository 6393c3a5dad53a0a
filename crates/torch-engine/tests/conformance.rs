//! From the same state, PyTorch trains to the same network as this project's own training.

use hccr_compress::{LowRankPair, TrainStats, Trainer};
use hccr_constraint::Constraint;
use hccr_data::{Simulator, SimulatorConfig};
use hccr_models::offline::{EndlessImages, cnn9};
use hccr_models::online::{Augmentation, EndlessInks, lstm2};
use hccr_models::{NetworkTrainer, SampleSet, TrainError, TrainerState};
use hccr_nn_train::{Adam, Clipped, Layer, Network, Optimizer, Sgd};
use hccr_random::Rng;
use hccr_torch::{Precision, Torch, TorchError};
use serde::Serialize;
use std::ffi::OsString;
use std::process::{Command, Stdio};

const CLASSES: usize = 5;
/// Of images: low, since where two values of a pooling window are nearly equal, either may win, and the difference would grow.
const RATE: f32 = 1e-4;

/// The interpreter to test with; `None`, and a word about it, where it has no PyTorch.
fn python() -> Option<OsString> {
    let python = std::env::var_os("HCCR_PYTHON").unwrap_or_else(|| "python3".into());
    let found = Command::new(&python).args(["-c", "import torch"]).stderr(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return Some(python);
    }
    println!("skipped: {} finds no PyTorch; HCCR_PYTHON names another interpreter", python.to_string_lossy());
    None
}

fn simulator() -> Simulator {
    Simulator::new(&SimulatorConfig::new(CLASSES, 1)).expect("known characters")
}

fn images() -> Option<(OsString, TrainerState<Sgd>, EndlessImages)> {
    let mut network = cnn9(CLASSES, 0.1, 0.0, &mut Rng::new(3, 0)).expect("a valid network");
    let mut rng = Rng::new(2, 0);
    network.mean.fill_with(|| rng.range(0.0, 50.0));
    let optimizer = Sgd { momentum: 0.9, weight_decay: 5e-3 };
    let state = TrainerState { network, steps: 0, seed: 1, batch_size: 20, optimizer };
    Some((python()?, state, EndlessImages::new(simulator())))
}

fn inks() -> Option<(OsString, TrainerState<Clipped<Adam>>, EndlessInks)> {
    let network = lstm2(CLASSES, [16, 24], 0.0, &mut Rng::new(3, 0)).expect("a valid network");
    let optimizer = Clipped { optimizer: Adam { weight_decay: 0.1, ..Adam::default() }, max_norm: 0.5 };
    let state = TrainerState { network, steps: 0, seed: 1, batch_size: 20, optimizer };
    Some((
        python()?,
        state,
        EndlessInks::new(simulator(), Augmentation { dropped_points: 0.3, lean: 0.1, elastic: 0.0 }),
    ))
}

/// A mask of about half of the weights of each layer.
fn mask<O: Optimizer>(trainer: &mut NetworkTrainer<'_, O>) {
    let mut rng = Rng::new(4, 0);
    for layer in trainer.layers() {
        let keep = trainer.weight(&layer.name).expect("a weight").iter().map(|_| rng.chance(0.5)).collect();
        trainer.set_constraint(&layer.name, Constraint::Mask(keep)).expect("a mask that fits");
    }
}

/// Labels 0 to 7 for the weights of each layer.
fn share<O: Optimizer>(trainer: &mut NetworkTrainer<'_, O>) {
    let mut rng = Rng::new(5, 0);
    for layer in trainer.layers() {
        let labels = trainer.weight(&layer.name).expect("a weight").iter().map(|_| rng.below(8) as u8).collect();
        trainer.set_constraint(&layer.name, Constraint::Shared(labels)).expect("labels that fit");
    }
}

/// Expands `layer` to `rank`, at random.
fn expand<O: Optimizer>(trainer: &mut NetworkTrainer<'_, O>, layer: &str, rank: usize, [first, second]: [usize; 2]) {
    let mut rng = Rng::new(6, 0);
    let mut values = |len: usize| (0..len).map(|_| 0.3 * rng.normal()).collect();
    let pair = LowRankPair { rank, first: values(rank * first), second: values(rank * second) };
    trainer.expand(layer, pair).expect("factors that fit");
}

/// All numbers of a network: values, what the optimizer remembers, running statistics.
fn numbers(network: &mut Network<f32>) -> Vec<(String, Vec<f32>)> {
    let mut numbers: Vec<(String, Vec<f32>)> = Vec::new();
    for param in network.params_mut() {
        let name = |part: &str| format!("{} {part}", param.name);
        numbers.push((name("values"), param.value.clone()));
        numbers.push((name("velocity"), param.velocity.clone()));
        // Whose differences count as those of their roots do.
        numbers.push((name("squares"), param.squares.iter().map(|s| s.sqrt()).collect()));
        numbers.push((name("updates"), vec![param.updates as f32]));
    }
    for norm in network.norms_mut() {
        let [mean, var] = [&norm.running_mean, &norm.running_var].map(|v| v.iter().map(|&v| v as f32).collect());
        numbers.extend([("running mean".to_owned(), mean), ("running variance".to_owned(), var)]);
    }
    numbers
}

/// Prepares two trainers alike, trains `steps` mini-batches in this process and the last of them in PyTorch too, and compares.
fn compare<O: Optimizer + Clone + Serialize + 'static>(
    found: Option<(OsString, TrainerState<O>, impl SampleSet)>,
    rate: f32,
    prepare: impl Fn(&mut NetworkTrainer<'_, O>),
) {
    let Some((python, state, set)) = found else { return };
    let mut here = NetworkTrainer::new(state, &set, &set);
    // A state that is no start: the optimizer remembers something.
    here.train(4, rate).expect("training that does not diverge");
    prepare(&mut here);
    let torch = Torch::start(&python, Precision::Full).expect("PyTorch was found");
    let mut there = NetworkTrainer::new(here.state().clone(), &set, &set).with_engine(Box::new(torch));
    let before = numbers(&mut here.state().network.clone());
    // Twice, since the second request starts from what the first one left.
    for steps in [2, 1] {
        let [own, other] = [&mut here, &mut there].map(|trainer| trainer.train(steps, rate).expect("training"));
        let TrainStats { loss, accuracy } = own;
        assert!((loss - other.loss).abs() < 2e-3 * loss.abs().max(0.1), "loss {loss}, {} in PyTorch", other.loss);
        assert!((accuracy - other.accuracy).abs() < 0.04, "accuracy {accuracy}, {} in PyTorch", other.accuracy);
    }
    assert_eq!(here.state().steps, there.state().steps);
    let [own, other] = [&here, &there].map(|trainer| numbers(&mut trainer.state().network.clone()));
    for (((name, before), (_, own)), (_, other)) in before.iter().zip(&own).zip(&other) {
        assert_eq!(own.len(), other.len(), "{name}");
        let norm = |values: &mut dyn Iterator<Item = f32>| values.map(|v| f64::from(v).powi(2)).sum::<f64>().sqrt();
        let wrong = norm(&mut own.iter().zip(other).map(|(a, b)| a - b));
        // Values are compared by how far they moved, all else by its size.
        let moved = name.ends_with("values") && before.len() == own.len();
        let size =
            if moved { norm(&mut own.iter().zip(before).map(|(a, b)| a - b)) } else { norm(&mut own.iter().copied()) };
        assert!(wrong <= 0.03 * size + 1e-6, "{name}: {wrong} wrong of {size}");
    }
    for layer in there.state().network.layers().iter().flat_map(Layer::weights) {
        let mut projected = layer.value.clone();
        layer.constraint().project(&mut projected);
        assert_eq!(projected, layer.value, "{} does not keep its constraint", layer.name);
    }
}

#[test]
fn a_network_of_images() {
    compare(images(), RATE, |_| ());
}

#[test]
fn a_pruned_low_rank_network_of_images() {
    compare(images(), RATE, |trainer| {
        expand(trainer, "conv2", 4, [8 * 3, 16 * 3]);
        mask(trainer);
    });
}

#[test]
fn a_network_of_images_with_shared_weights() {
    compare(images(), RATE, share);
}

#[test]
fn a_network_of_inks() {
    compare(inks(), 0.003, |_| ());
}

#[test]
fn a_pruned_low_rank_network_of_inks() {
    compare(inks(), 0.003, |trainer| {
        expand(trainer, "lstm1_h", 5, [16, 64]);
        expand(trainer, "lstm2_x", 6, [16, 96]);
        expand(trainer, "lstm2_h", 7, [24, 96]);
        mask(trainer);
    });
}

#[test]
fn a_network_of_inks_with_shared_weights() {
    compare(inks(), 0.003, share);
}

#[test]
fn what_goes_wrong_in_python_is_an_error_with_its_traceback() {
    let start = |python: &str| Torch::start(python.as_ref(), Precision::Full).map(|_| ());
    assert!(matches!(start("no-such-python"), Err(TorchError::Start { .. })));
    assert!(matches!(start("true"), Err(TorchError::Ended(_))));
    let Some((python, mut state, set)) = images() else { return };
    // An LSTM of which PyTorch's is no match.
    state.network = Network::of_sequences(64);
    state
        .network
        .push(Layer::Lstm(hccr_nn_train::layers::Lstm::new("alone", 16, &mut Rng::new(1, 0))))
        .expect("a layer");
    let torch = Torch::start(&python, Precision::Full).expect("PyTorch was found");
    let mut trainer = NetworkTrainer::new(state, &set, &set).with_engine(Box::new(torch));
    let Err(TrainError::Engine(error)) = trainer.train(2, 0.1) else { panic!("this cannot be trained") };
    assert!(error.to_string().contains("an LSTM without a linear layer before it"), "{error}");
}
