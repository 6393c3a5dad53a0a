use crate::edit::finish;
use hccr_runtime::Model;

/// Removes the nodes that no output depends on.
pub fn remove_dead_nodes(model: &Model) -> Model {
    let mut dead = vec![true; model.nodes().len()];
    for &output in model.outputs() {
        let mut node = model.producer(output);
        while let Some(live) = node.filter(|&n| dead[n]) {
            dead[live] = false;
            node = model.producer(model.nodes()[live].input);
        }
    }
    let mut model = model.clone().edit();
    model.remove_nodes(&dead);
    finish(model)
}
