//! What the passes share: removing nodes, and merging a node into the one that it reads.

use hccr_runtime::{Model, Node, Op, ValueId};

/// Removes the nodes for which `gone` is true; whoever reads one reads its input instead.
pub(crate) fn remove_nodes(model: &mut Model, gone: &[bool]) {
    let inputs = model.inputs.len() as u32;
    // Where each old value is found in the new graph.
    let mut place: Vec<ValueId> = (0..inputs).map(ValueId).collect();
    let mut kept = 0;
    for (node, &gone) in model.nodes.iter_mut().zip(gone) {
        node.input = place[node.input.0 as usize];
        if gone {
            place.push(node.input);
        } else {
            place.push(ValueId(inputs + kept));
            kept += 1;
        }
    }
    let mut gone = gone.iter();
    model.nodes.retain(|_| gone.next() != Some(&true));
    for output in &mut model.outputs {
        *output = place[output.0 as usize];
    }
}

/// Merges nodes into the producer of their input.
///
/// `take(model, producer, op)` changes the node `producer` so that it also does the work of `op` and returns true, or
/// leaves the model alone and returns false. It is asked only where nobody but `op` sees the producer's value.
pub(crate) fn merge_into_producers(model: &Model, take: impl Fn(&mut Model, usize, &Op) -> bool) -> Model {
    let mut model = model.clone();
    let mut readers = vec![0; model.inputs.len() + model.nodes.len()];
    for value in model.nodes.iter().map(|n| n.input).chain(model.outputs.iter().copied()) {
        readers[value.0 as usize] += 1;
    }
    let mut gone = vec![false; model.nodes.len()];
    for i in 0..model.nodes.len() {
        let Node { op, input, .. } = model.nodes[i].clone();
        if readers[input.0 as usize] != 1 {
            continue;
        }
        let mut producer = model.producer(input);
        while let Some(p) = producer.filter(|&p| gone[p]) {
            producer = model.producer(model.nodes[p].input);
        }
        gone[i] = producer.is_some_and(|p| take(&mut model, p, &op));
    }
    remove_nodes(&mut model, &gone);
    model
}
