//! What every [`Engine`] is held to: from the same state and the same mini-batches it trains to what this crate's own training does.
//!
//! For the tests of an engine. Each function trains small networks of simulated characters, plain, with a teacher where the engine
//! [has them](Engine::has_teachers), pruned in low rank, and with shared weights, by [`InProcess`](crate::InProcess) and by the engine, and
//! compares losses, accuracies, weights, what the optimizer remembers, running statistics and constraints. It takes seconds.

use crate::offline::{EndlessImages, cnn9};
use crate::online::{Augmentation, EndlessInks, lstm2, reading_at_once};
use crate::{Engine, NetworkTrainer, SampleSet, Teacher, TrainerState};
use hccr_compress::{LowRankPair, Trainer};
use hccr_constraint::Constraint;
use hccr_data::{Simulator, SimulatorConfig};
use hccr_nn_train::{Adam, Clipped, Distillation, Layer, Network, Optimizer, Sgd};
use hccr_random::Rng;

const CLASSES: usize = 5;
const BATCH_SIZE: usize = 20;
/// Mini-batches before the comparison: the optimizer shall remember something.
const BEFORE: usize = 4;
/// Low for images: where two values of a pooling window are nearly equal either may win, and the difference grows.
const IMAGE_RATE: f32 = 1e-4;
const INK_RATE: f32 = 0.003;

/// By how much two losses of the first compared step may differ, and two of the later ones, as a share.
const FIRST_LOSS: f32 = 1e-4;
const LATER_LOSSES: f32 = 2e-3;
/// By how much all else may differ, as a share of its norm; weights, of how far they moved. More for images, for the same reason: burn's
/// velocities were 0.032 off.
const IMAGE_SHARE: f64 = 0.05;
const INK_SHARE: f64 = 0.03;

/// Holds an engine to it on the convolutional network, trained by SGD with momentum.
///
/// # Panics
/// Where the engine fails, or trains to something else.
pub fn images(engine: impl Fn() -> Box<dyn Engine<Sgd>>) {
    let set = EndlessImages::new(simulator());
    let [student, teacher] = [0.0, 0.5].map(|dropout| {
        let mut network = cnn9(CLASSES, 0.1, dropout, &mut Rng::new(3, 0)).expect("a valid network");
        let mut rng = Rng::new(2, 0);
        network.mean.fill_with(|| rng.range(0.0, 50.0));
        state(network, Sgd { momentum: 0.9, weight_decay: 5e-3 })
    });
    all_forms([&student, &teacher], &set, (IMAGE_RATE, IMAGE_SHARE), &[("conv2", 4, [8 * 3, 16 * 3])], &engine);
}

/// Holds an engine to it on the recurrent network, trained by Adam with clipped gradients.
///
/// # Panics
/// As [`images`].
pub fn inks(engine: impl Fn() -> Box<dyn Engine<Clipped<Adam>>>) {
    let set = EndlessInks::new(simulator(), Augmentation { dropped_points: 0.3, lean: 0.1, elastic: 0.0 }, 2);
    let [student, teacher] = [0.0, 0.5].map(|dropout| {
        let network = lstm2(CLASSES, [16, 24], dropout, &mut Rng::new(3, 0)).expect("a valid network");
        let network = reading_at_once(network, 2).expect("a network over steps");
        state(network, Clipped { optimizer: Adam { weight_decay: 0.1, ..Adam::default() }, max_norm: 0.5 })
    });
    let pairs = [("lstm1_h", 5, [16, 64]), ("lstm2_x", 6, [16, 96]), ("lstm2_h", 7, [24, 96])];
    all_forms([&student, &teacher], &set, (INK_RATE, INK_SHARE), &pairs, &engine);
}

fn simulator() -> Simulator {
    Simulator::new(&SimulatorConfig::new(CLASSES, 1)).expect("known characters")
}

fn state<O>(network: Network<f32>, optimizer: O) -> TrainerState<O> {
    TrainerState { network, steps: 0, seed: 1, batch_size: BATCH_SIZE, optimizer }
}

/// A layer, the rank to which it is expanded, and how many weights each factor has per rank.
type Pair = (&'static str, usize, [usize; 2]);

/// Compares all forms of the first network; the second one teaches it in one of them, and has dropout, which teachers do without.
fn all_forms<O: Optimizer + Clone + 'static>(
    [state, teacher]: [&TrainerState<O>; 2],
    set: &dyn SampleSet,
    (rate, share): (f32, f64),
    pairs: &[Pair],
    engine: &dyn Fn() -> Box<dyn Engine<O>>,
) {
    compare("plain", state, set, (rate, share), engine(), |_| ());
    if engine().has_teachers() {
        compare("with a teacher", state, set, (rate, share), engine(), |trainer| {
            let mut teacher = NetworkTrainer::new(teacher.clone(), set, set);
            teacher.train(2 * BEFORE, rate).expect("training that does not diverge");
            let how = Distillation { weight: 0.7, temperature: 2.0 };
            trainer.set_teacher(Some(Teacher::new(&teacher.state().network, how)));
        });
    }
    compare("pruned, in low rank", state, set, (rate, share), engine(), |trainer| {
        let mut rng = Rng::new(6, 0);
        for &(layer, rank, lens) in pairs {
            let [first, second] = lens.map(|len| (0..rank * len).map(|_| 0.3 * rng.normal()).collect());
            trainer.expand(layer, LowRankPair { rank, first, second }).expect("factors that fit");
        }
        constrain(trainer, |rng, len| Constraint::Mask((0..len).map(|_| rng.chance(0.5)).collect()));
    });
    compare("shared weights", state, set, (rate, share), engine(), |trainer| {
        constrain(trainer, |rng, len| Constraint::Shared((0..len).map(|_| rng.below(8) as u8).collect()));
    });
}

/// Sets a constraint on each layer, of as many weights as it has.
fn constrain<O: Optimizer>(trainer: &mut NetworkTrainer<'_, O>, constraint: impl Fn(&mut Rng, usize) -> Constraint) {
    let mut rng = Rng::new(4, 0);
    for layer in trainer.layers() {
        let len = trainer.weight(&layer.name).expect("a weight").len();
        trainer.set_constraint(&layer.name, constraint(&mut rng, len)).expect("a constraint that fits");
    }
}

/// Prepares a trainer that is no start, and trains on from there by both engines.
fn compare<O: Optimizer + Clone + 'static>(
    form: &str,
    state: &TrainerState<O>,
    set: &dyn SampleSet,
    (rate, share): (f32, f64),
    engine: Box<dyn Engine<O>>,
    prepare: impl Fn(&mut NetworkTrainer<'_, O>),
) {
    let mut here = NetworkTrainer::new(state.clone(), set, set);
    here.train(BEFORE, rate).expect("training that does not diverge");
    prepare(&mut here);
    let before = numbers(&here);
    let mut there = NetworkTrainer::new(here.state().clone(), set, set).with_engine(engine);
    there.set_teacher(here.teacher().cloned());
    // Several requests, since each starts from what the one before left.
    for (steps, tolerance) in [(1, FIRST_LOSS), (2, LATER_LOSSES)] {
        let [own, other] = [&mut here, &mut there].map(|trainer| trainer.train(steps, rate).expect("training"));
        let difference = (own.loss - other.loss).abs();
        println!("{form}: loss {}, {difference:e} off", own.loss);
        assert!(difference <= tolerance * own.loss.max(1.0), "{form}: loss {}, not {}", other.loss, own.loss);
        let difference = (own.accuracy - other.accuracy).abs();
        assert!(difference < 0.04, "{form}: accuracy {}, not {}", other.accuracy, own.accuracy);
    }
    assert_eq!(there.state().steps, here.state().steps, "{form}: steps");
    for ((before, own), other) in before.iter().zip(numbers(&here)).zip(numbers(&there)) {
        assert_eq!(own.values.len(), other.values.len(), "{form}: {}", own.name);
        let wrong = distance(&own.values, &other.values);
        let from = if own.moves { before.values.clone() } else { vec![0.0; own.values.len()] };
        let size = distance(&own.values, &from);
        assert!(wrong <= share * size + 1e-6, "{form}: {}: {wrong} wrong of {size}", own.name);
    }
    for weight in there.state().network.layers().iter().flat_map(Layer::weights) {
        let mut projected = weight.value.clone();
        weight.constraint().project(&mut projected);
        assert_eq!(projected, weight.value, "{form}: {} does not keep its constraint", weight.name);
    }
}

/// Some numbers of a network.
struct Numbers {
    name: String,
    values: Vec<f64>,
    /// Whether they change a little per step, so that the change is what counts.
    moves: bool,
}

/// All numbers: values, what the optimizer remembers, running statistics.
fn numbers<O: Optimizer>(trainer: &NetworkTrainer<'_, O>) -> Vec<Numbers> {
    let mut network = trainer.state().network.clone();
    let mut numbers = Vec::new();
    for param in network.params_mut() {
        let mut add = |part: &str, values: Vec<f64>, moves| {
            numbers.push(Numbers { name: format!("{} {part}", param.name), values, moves });
        };
        let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
        add("values", wide(&param.value), true);
        add("velocity", wide(&param.velocity), false);
        // Whose differences count as those of their roots do.
        add("squares", wide(&param.squares).into_iter().map(f64::sqrt).collect(), false);
        add("updates", vec![param.updates.into()], false);
    }
    for norm in network.norms_mut() {
        for (name, values) in [("running mean", &norm.running_mean), ("running variance", &norm.running_var)] {
            numbers.push(Numbers { name: name.into(), values: values.clone(), moves: false });
        }
    }
    numbers
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{InProcess, TrainError, Work};
    use hccr_compress::TrainStats;

    /// Takes steps that are this many times as long as asked for.
    #[derive(Debug)]
    struct Long(f32);

    impl<O: Optimizer> Engine<O> for Long {
        fn has_teachers(&self) -> bool {
            true
        }

        fn train(
            &mut self,
            network: &mut Network<f32>,
            optimizer: &O,
            work: &Work<'_>,
        ) -> Result<TrainStats, TrainError> {
            let learning_rate = self.0 * work.learning_rate;
            InProcess::default().train(network, optimizer, &Work { learning_rate, ..*work })
        }
    }

    #[test]
    fn an_engine_that_trains_alike_conforms() {
        images(|| Box::new(Long(1.0)));
        inks(|| Box::new(Long(1.0)));
    }

    #[test]
    #[should_panic = "wrong of"]
    fn steps_too_long_by_a_share_are_seen_in_the_weights() {
        // Too little to be seen in the losses.
        inks(|| Box::new(Long(1.035)));
    }
}
