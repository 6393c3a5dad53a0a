//! The runtime on a full-size online network with random weights: structure only, untrained.
//!
//! Prints minimum and median times per character of 50 time steps, and the minimum per layer, for each instruction set. Pin it to
//! one core: `taskset -c 1 cargo bench -p hccr-benches --bench sequence`. A word behind `--` selects networks by name.

use hccr_benches::{Rng, SEED, SEQUENCE_LENGTH, compare};
use hccr_models::ThesisForm;
use hccr_models::online::thesis_network;
use hccr_runtime::ink::FEATURES;

fn main() {
    let mut rng = Rng(2);
    let rows: Vec<f32> = (0..SEQUENCE_LENGTH * FEATURES).map(|_| rng.value()).collect();
    let networks =
        [("baseline", ThesisForm::Baseline), ("svd", ThesisForm::LowRank), ("compressed", ThesisForm::Compressed)];
    compare(networks.map(|(name, stage)| (name, Box::new(move || thesis_network(stage, SEED)) as _)), &rows);
}
