//! Quantised networks: ranges are measured on samples of a training set, never on those that the network is tested on.

use anyhow::Result;
use hccr_compress::quantize;
use hccr_data::SplitSize;
use hccr_data::{ImageSet, SimulatorConfig, Split, simulate};
use hccr_models::SampleSet;
use hccr_random::Rng;
use hccr_runtime::Model;

/// Samples that ranges are measured on.
const SAMPLES: usize = 300;

/// `model` quantised on samples of `set` that `seed` chooses.
pub(crate) fn quantized(model: &Model, set: &impl SampleSet, seed: u64) -> Result<Model> {
    let mut chosen: Vec<usize> = (0..set.labels().len()).collect();
    Rng::new(seed, 0x1478).shuffle(&mut chosen);
    let mut inputs = vec![Vec::new(); chosen.len().min(SAMPLES)];
    for (input, &sample) in inputs.iter_mut().zip(&chosen) {
        set.fill_input(sample, input);
    }
    Ok(quantize(model, &inputs)?)
}

/// Simulated characters of a network that comes without its training set: one each of classes spread over `classes`.
pub(crate) fn simulated(classes: &[char]) -> Result<ImageSet> {
    let size = SplitSize { writers: 40, samples_per_class: 1 };
    let classes = classes.iter().copied().step_by(classes.len().div_ceil(SAMPLES).max(1)).collect();
    let config = SimulatorConfig { classes, train: size, dev: size, test: size, seed: 0 };
    Ok(simulate(&config, Split::Train, &|_, _| ())?)
}
