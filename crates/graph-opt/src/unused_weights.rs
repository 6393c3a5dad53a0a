use hccr_runtime::{Model, WeightId};

/// Removes the weights that no node reads; the others keep their order.
pub fn remove_unused_weights(model: &Model) -> Model {
    let mut model = model.clone();
    let mut used = vec![false; model.weights.len()];
    for id in model.nodes.iter().flat_map(|n| n.op.weights()) {
        used[id.0 as usize] = true;
    }
    let (mut numbers, mut next) = (Vec::new(), 0);
    for &used in &used {
        numbers.push(next);
        next += u32::from(used);
    }
    for id in model.nodes.iter_mut().flat_map(|n| n.op.weights_mut()) {
        *id = WeightId(numbers[id.0 as usize]);
    }
    let mut used = used.iter();
    model.weights.retain(|_| used.next() == Some(&true));
    model
}
