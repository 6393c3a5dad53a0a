//! Which nodes one kernel may run together.

use crate::model::{Model, Op};
use alloc::vec;
use alloc::vec::Vec;

/// For each value the one node that reads it, where it is read once and is no output.
pub(super) fn only_readers(model: &Model, values: usize) -> Vec<Option<usize>> {
    let mut reads = vec![0u32; values];
    let mut last = vec![None; values];
    for (i, node) in model.nodes.iter().enumerate() {
        reads[node.input.0 as usize] += 1;
        last[node.input.0 as usize] = Some(i);
    }
    for output in &model.outputs {
        reads[output.0 as usize] += 1;
    }
    last.into_iter().zip(reads).map(|(reader, reads)| reader.filter(|_| reads == 1)).collect()
}

/// The most nodes that one kernel runs: a layer, a rounding and a pooling.
const LONGEST: usize = 3;

/// Node `i` and the roundings and poolings behind it, each of which alone reads the one before: the longest chain first, and
/// last the node alone.
pub(super) fn chains(model: &Model, only_reader: &[Option<usize>], i: usize) -> Vec<Vec<usize>> {
    let mut chain = vec![i];
    let mut chains = vec![chain.clone()];
    while chain.len() < LONGEST
        && let Some(reader) = only_reader[model.inputs.len() + chain[chain.len() - 1]]
        && matches!(model.nodes[reader].op, Op::FakeQuantize { .. } | Op::MaxPool2d { .. })
    {
        chain.push(reader);
        chains.push(chain.clone());
    }
    chains.reverse();
    chains
}
