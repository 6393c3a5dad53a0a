//! A toy to train in seconds: six simulated characters and the narrowest network.

use hccr_data::SplitSize;
use hccr_data::{ImageSet, SimulatorConfig, Split, simulate};
use hccr_models::TrainerState;
use hccr_models::offline::{cnn9, mean_image};
use hccr_nn_train::Sgd;
use hccr_random::Rng;
use hccr_tensor::blas;

/// Channel multiplier: 8 to 32 channels.
const WIDTH: f32 = 0.084;
const CLASSES: usize = 6;
/// Of the writing: neat, so that seconds of training read it.
const VARIATION: f32 = 0.3;

/// Training, development and test set, by different writers.
pub(crate) fn sets([train, dev, test]: [u32; 3]) -> [ImageSet; 3] {
    let split = |samples_per_class| SplitSize { writers: 20, samples_per_class };
    let [train, dev, test] = [train, dev, test].map(split);
    let config = SimulatorConfig { train, dev, test, variation: VARIATION, ..SimulatorConfig::new(CLASSES, 7) };
    [Split::Train, Split::Dev, Split::Test].map(|split| simulate(&config, split, &|_, _| ()).expect("valid numbers"))
}

/// The untrained network.
pub(crate) fn untrained(train: &ImageSet) -> TrainerState<Sgd> {
    blas::use_one_thread().expect("the pthread build of OpenBLAS");
    let mut network = cnn9(CLASSES, WIDTH, 0.2, &mut Rng::new(7, 1)).expect("a width that leaves channels");
    network.mean = mean_image(train).unwrap();
    TrainerState { network, steps: 0, seed: 7, batch_size: 32, optimizer: Sgd { momentum: 0.9, weight_decay: 5e-4 } }
}
