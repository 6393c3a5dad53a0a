//! The runtime on the thesis's full-size network with random weights: structure only, untrained.
//!
//! Prints minimum and median times a character, and the minimum a step, for each instruction set. Pin it to one core:
//! `taskset -c 1 cargo bench -p hccr-benches --bench runtime`. A word behind `--` selects networks by name.

use hccr_benches::{Rng, compare};
use hccr_models::offline::{ThesisStage, thesis_network};
use hccr_runtime::model::Pattern;
use hccr_runtime::{Model, WeightData};

/// Consecutive outputs that share their zeros in the block form.
const BLOCK: usize = 4;

/// The compressed network with its zeros in blocks: of each [`BLOCK`] outputs, all have the first one's pattern.
fn blocks() -> Model {
    let mut model = thesis_network(ThesisStage::Compressed, 1);
    for weight in &mut model.weights {
        let WeightData::Codebook { pattern, labels, .. } = &mut weight.data else { continue };
        let mut shared = Pattern { indptr: vec![0], indices: Vec::new() };
        for row in 0..pattern.rows() {
            shared.indices.extend_from_slice(&pattern.indices[pattern.row(row / BLOCK * BLOCK)]);
            shared.indptr.push(shared.indices.len() as u32);
        }
        *labels = labels.iter().copied().cycle().take(shared.indices.len()).collect();
        *pattern = shared;
    }
    model
}

fn main() {
    let mut rng = Rng(2);
    let input: Vec<f32> = (0..96 * 96).map(|_| rng.value()).collect();
    let stages = [
        ("baseline", Some(ThesisStage::Baseline)),
        ("low-rank", Some(ThesisStage::LowRank)),
        ("compressed", Some(ThesisStage::Compressed)),
        ("blocks", None),
    ];
    let network = |stage: Option<ThesisStage>| stage.map_or_else(blocks, |stage| thesis_network(stage, 1));
    compare(stages.map(|(name, stage)| (name, Box::new(move || network(stage)) as _)), &input);
}
