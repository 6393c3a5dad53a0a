//! The runtime on the thesis's full-size network with random weights: structure only, untrained.
//!
//! Prints minimum and median times per character, and the minimum per layer, for each instruction set. Pin it to one core:
//! `taskset -c 1 cargo bench -p hccr-benches --bench runtime`. A word behind `--` selects networks by name.

use hccr_benches::{Rng, SEED, compare};
use hccr_models::ThesisForm;
use hccr_models::offline::{quantized_for_noise, thesis_network};
use hccr_runtime::{Model, Plan};

fn main() {
    let mut rng = Rng(2);
    let input: Vec<f32> = (0..96 * 96).map(|_| rng.value()).collect();
    let stages = [
        ("baseline", ThesisForm::Baseline),
        ("low-rank", ThesisForm::LowRank),
        ("compressed", ThesisForm::Compressed),
        ("blocks", ThesisForm::BlockCompressed { block: Plan::BLOCK.into() }),
    ];
    let networks = stages.into_iter().flat_map(|(name, stage)| {
        let network = move || thesis_network(stage, SEED);
        let bytes = move || quantized_for_noise(&network(), SEED).expect("a network of images");
        [(name.to_owned(), Box::new(network) as Box<dyn Fn() -> Model>), (format!("{name}-int8"), Box::new(bytes))]
    });
    compare(networks, &input);
}
