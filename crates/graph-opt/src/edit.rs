//! What the passes share.

use hccr_runtime::{Model, ModelBuilder, Node, Op};

/// The model that a pass has made of a valid one.
pub(crate) fn finish(model: ModelBuilder) -> Model {
    model.finish().expect("a pass keeps a model valid")
}

/// Merges nodes into the producer of their input.
///
/// `take(model, producer, op)` changes the node `producer` so that it also does the work of `op` and returns true, or
/// leaves the model alone and returns false. It is asked only where nobody but `op` sees the producer's value.
pub(crate) fn merge_into_producers(model: &Model, take: impl Fn(&mut ModelBuilder, usize, &Op) -> bool) -> Model {
    let mut readers = vec![0; model.values().len()];
    for value in model.nodes().iter().map(|n| n.input).chain(model.outputs().iter().copied()) {
        readers[value.index()] += 1;
    }
    let mut merged = model.clone().edit();
    let mut gone = vec![false; model.nodes().len()];
    for (i, Node { op, input, .. }) in model.nodes().iter().enumerate() {
        if readers[input.index()] != 1 {
            continue;
        }
        let mut producer = model.producer(*input);
        while let Some(p) = producer.filter(|&p| gone[p]) {
            producer = model.producer(model.nodes()[p].input);
        }
        gone[i] = producer.is_some_and(|p| take(&mut merged, p, op));
    }
    merged.remove_nodes(&gone);
    finish(merged)
}
