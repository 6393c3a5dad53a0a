use crate::edit::finish;
use hccr_runtime::Model;

/// Removes the nodes that no output depends on.
pub fn remove_dead_nodes(model: &Model) -> Model {
    let mut model = model.clone().edit();
    model.remove_dead_nodes();
    finish(model)
}
