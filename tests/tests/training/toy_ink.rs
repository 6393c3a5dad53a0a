//! A toy to train in seconds: ten simulated characters and a small LSTM.

use hccr_compress::{Phase, Schedule};
use hccr_data::{SimulatorConfig, Split, SplitSize, simulate_ink};
use hccr_models::TrainerState;
use hccr_models::online::{Augmentation, OnlineTrainer, SequenceSet, lstm2};
use hccr_nn_train::{Adam, Clipped};
use hccr_random::Rng;
use hccr_tensor::blas;

pub(crate) const SEED: u64 = 7;
const CLASSES: usize = 10;
/// Of the writing: neat, so that seconds of training read it.
pub(crate) const VARIATION: f32 = 0.3;
/// Share of the development writers' ink that the trained network must read; chance gives a tenth.
const ACCURACY: f32 = 0.9;

/// Training, development and test set, by different writers.
pub(crate) fn sets() -> [SequenceSet; 3] {
    let split = |samples_per_class| SplitSize { writers: 60, samples_per_class };
    let [train, dev, test] = [120, 10, 20].map(split);
    let config = SimulatorConfig { train, dev, test, variation: VARIATION, ..SimulatorConfig::new(CLASSES, SEED) };
    [Split::Train, Split::Dev, Split::Test].map(|split| {
        let inks = simulate_ink(&config, split, &|_, _| ()).expect("valid numbers");
        SequenceSet::new(inks, Augmentation { dropped_points: 0.3, lean: 0.0, elastic: 0.0 }, 1)
            .expect("inks with points")
    })
}

/// A trained network.
pub(crate) fn trained<'a>(train: &'a SequenceSet, dev: &'a SequenceSet) -> OnlineTrainer<'a> {
    blas::use_one_thread().expect("the pthread build of OpenBLAS");
    let network = lstm2(CLASSES, [24, 48], 0.0, &mut Rng::new(SEED, 1)).expect("sizes above zero");
    let optimizer = Clipped { optimizer: Adam::default(), max_norm: 1.0 };
    let state = TrainerState { network, steps: 0, seed: SEED, batch_size: 32, optimizer };
    let mut trainer = OnlineTrainer::new(state, train, dev);
    let mut stage = Phase::new(Schedule { peak: 0.01, warm_up: 20, steps: 500, floor: 0.0 }, 10, 0);
    while !stage.is_done() {
        stage.advance(&mut trainer).expect("training that does not diverge");
    }
    let accuracy = stage.history().last().and_then(|record| record.dev_accuracy).expect("evaluated at the end");
    assert!(accuracy > ACCURACY, "the baseline reads {accuracy}");
    trainer
}
