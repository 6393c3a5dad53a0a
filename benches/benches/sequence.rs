//! The runtime on a full-size online network with random weights: structure only, untrained.
//!
//! Prints minimum and median times a character of 50 steps, and the minimum a layer, for each instruction set. Pin it to
//! one core: `taskset -c 1 cargo bench -p hccr-benches --bench sequence`. A word behind `--` selects networks by name.

use hccr_benches::online::{FEATURES, LENGTH, Stage, network};
use hccr_benches::{Rng, compare};

fn main() {
    let mut rng = Rng(2);
    let rows: Vec<f32> = (0..LENGTH * FEATURES).map(|_| rng.value()).collect();
    let networks = [("baseline", Stage::Baseline), ("low-rank", Stage::LowRank), ("pruned", Stage::Pruned)];
    compare(networks.map(|(name, stage)| (name, Box::new(move || network(stage)) as _)), &rows);
}
