use crate::edit::finish;
use hccr_runtime::Model;

/// Removes the weights that no node reads; the others keep their order.
pub fn remove_unused_weights(model: &Model) -> Model {
    let mut model = model.clone().edit();
    model.remove_unused_weights();
    finish(model)
}
