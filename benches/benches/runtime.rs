//! The runtime on the thesis's full-size network with random weights: structure only, untrained.
//!
//! Prints minimum and median times a character, and the minimum a step, for each instruction set. Pin it to one core:
//! `taskset -c 1 cargo bench -p hccr-benches --bench runtime`. A word behind `--` selects networks by name.

use hccr_benches::{Rng, SEED, compare};
use hccr_models::offline::{ThesisStage, thesis_network};
use hccr_runtime::Plan;

fn main() {
    let mut rng = Rng(2);
    let input: Vec<f32> = (0..96 * 96).map(|_| rng.value()).collect();
    let stages = [
        ("baseline", ThesisStage::Baseline),
        ("low-rank", ThesisStage::LowRank),
        ("compressed", ThesisStage::Compressed),
        ("blocks", ThesisStage::BlockCompressed { block: Plan::BLOCK.into() }),
    ];
    compare(stages.map(|(name, stage)| (name, Box::new(move || thesis_network(stage, SEED)) as _)), &input);
}
