//! Simulated characters, for a network that comes without its training set.

use anyhow::Result;
use hccr_data::{ImageSet, SimulatorConfig, Split, SplitSize, simulate};

/// Characters that are simulated.
const SAMPLES: usize = 300;

/// One character of each of the classes, or of so many spread over them.
pub(super) fn simulated(classes: &[char]) -> Result<ImageSet> {
    let size = SplitSize { writers: 40, samples_per_class: 1 };
    let classes = classes.iter().copied().step_by(classes.len().div_ceil(SAMPLES).max(1)).collect();
    let config = SimulatorConfig { classes, train: size, dev: size, test: size, seed: 0, variation: 1.0, fonts: false };
    Ok(simulate(&config, Split::Train, &|_, _| ())?)
}
