//! From the same weights and the same order of samples, burn gives the losses of this project's own training.

use hccr_burn_engine::{Burn, Device};
use hccr_compress::{LowRankPair, Trainer};
use hccr_constraint::Constraint;
use hccr_data::{Simulator, SimulatorConfig};
use hccr_models::offline::{EndlessImages, cnn9};
use hccr_models::online::{Augmentation, EndlessInks, lstm2};
use hccr_models::{NetworkTrainer, SampleSet, TrainerState};
use hccr_nn_train::{Adam, Clipped, Layer, Optimizer, Param, Sgd};
use hccr_random::Rng;

const CLASSES: usize = 5;
const STEPS: usize = 4;
/// Of images: low, since where two values of a pooling window are nearly equal, either may win, and the difference would grow.
const RATE: f32 = 1e-4;
/// By how much two losses of one step may differ.
const TOLERANCE: f32 = 1e-4;

fn simulator() -> Simulator {
    Simulator::new(&SimulatorConfig::new(CLASSES, 1)).expect("known characters")
}

fn images() -> (TrainerState<Sgd>, EndlessImages) {
    let mut network = cnn9(CLASSES, 0.1, 0.0, &mut Rng::new(3, 0)).expect("a valid network");
    let mut rng = Rng::new(2, 0);
    network.mean.fill_with(|| rng.range(0.0, 50.0));
    let optimizer = Sgd { momentum: 0.9, weight_decay: 5e-3 };
    let state = TrainerState { network, steps: 0, seed: 1, batch_size: 20, optimizer };
    (state, EndlessImages::new(simulator()))
}

fn inks() -> (TrainerState<Clipped<Adam>>, EndlessInks) {
    let network = lstm2(CLASSES, [16, 24], 0.0, &mut Rng::new(3, 0)).expect("a valid network");
    let optimizer = Clipped { optimizer: Adam { weight_decay: 0.1, ..Adam::default() }, max_norm: 0.5 };
    let state = TrainerState { network, steps: 0, seed: 1, batch_size: 20, optimizer };
    (state, EndlessInks::new(simulator(), Augmentation { dropped_points: 0.3, lean: 0.1, elastic: 0.0 }))
}

/// Drops about half of the weights of each layer, or lets them share seven values.
fn constrain<O: Optimizer>(trainer: &mut NetworkTrainer<'_, O>, share: bool) {
    let mut rng = Rng::new(4, 0);
    for layer in trainer.layers() {
        let len = trainer.weight(&layer.name).expect("a weight").len();
        let constraint = if share {
            Constraint::Shared((0..len).map(|_| rng.below(8) as u8).collect())
        } else {
            Constraint::Mask((0..len).map(|_| rng.chance(0.5)).collect())
        };
        trainer.set_constraint(&layer.name, constraint).expect("a constraint that fits");
    }
}

/// Expands `layer` to `rank`, at random.
fn expand<O: Optimizer>(trainer: &mut NetworkTrainer<'_, O>, layer: &str, rank: usize, [first, second]: [usize; 2]) {
    let mut rng = Rng::new(6, 0);
    let mut values = |len: usize| (0..len).map(|_| 0.3 * rng.normal()).collect();
    let pair = LowRankPair { rank, first: values(rank * first), second: values(rank * second) };
    trainer.expand(layer, pair).expect("factors that fit");
}

/// What the first step leaves besides values: gradients, as the optimizer remembers them, and running statistics.
fn numbers<O: Optimizer>(trainer: &NetworkTrainer<'_, O>) -> Vec<(String, Vec<f64>)> {
    let mut network = trainer.state().network.clone();
    let velocity = |param: &mut Param<f32>| (param.name.clone(), param.velocity.iter().map(|&v| v.into()).collect());
    let mut numbers: Vec<_> = network.params_mut().map(velocity).collect();
    for norm in network.norms_mut() {
        numbers.push(("running mean".to_owned(), norm.running_mean.clone()));
        numbers.push(("running variance".to_owned(), norm.running_var.clone()));
    }
    numbers
}

/// Prepares two trainers alike, and trains one in this process and one in burn.
fn compare<O: Optimizer + Clone + 'static>(
    (state, set): (TrainerState<O>, impl SampleSet),
    rate: f32,
    prepare: impl Fn(&mut NetworkTrainer<'_, O>),
) {
    let mut here = NetworkTrainer::new(state, &set, &set);
    prepare(&mut here);
    let burn = Box::new(Burn::new(Device::flex()));
    let mut there = NetworkTrainer::new(here.state().clone(), &set, &set).with_engine(burn);
    for step in 0..STEPS {
        let [own, other] = [&mut here, &mut there].map(|trainer| trainer.train(1, rate).expect("training"));
        let difference = (own.loss - other.loss).abs();
        println!("step {step}: loss {}, in burn {difference:e} off", own.loss);
        assert!(difference < TOLERANCE, "step {step}: loss {}, in burn {}", own.loss, other.loss);
        assert_eq!(own.accuracy, other.accuracy, "step {step}");
        for ((name, own), (_, other)) in numbers(&here).iter().zip(&numbers(&there)).filter(|_| step == 0) {
            let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
            let wrong = norm(&mut own.iter().zip(other).map(|(a, b)| a - b));
            let size = norm(&mut own.iter().copied());
            assert!(wrong <= 0.02 * size + 1e-6, "{name}: {wrong} wrong of {size}");
        }
    }
    for weight in there.state().network.layers().iter().flat_map(Layer::weights) {
        let mut projected = weight.value.clone();
        weight.constraint().project(&mut projected);
        assert_eq!(projected, weight.value, "{} does not keep its constraint", weight.name);
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
        constrain(trainer, false);
    });
}

#[test]
fn a_network_of_images_with_shared_weights() {
    compare(images(), RATE, |trainer| constrain(trainer, true));
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
        constrain(trainer, false);
    });
}

#[test]
fn a_network_of_inks_with_shared_weights() {
    compare(inks(), 0.003, |trainer| constrain(trainer, true));
}
