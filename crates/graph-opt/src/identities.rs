use crate::edit::finish;
use hccr_runtime::{Model, Op};

/// Removes what does nothing at inference: `Identity` and `Dropout`.
pub fn remove_identities(model: &Model) -> Model {
    let gone: Vec<_> = model.nodes().iter().map(|n| matches!(n.op, Op::Identity | Op::Dropout { .. })).collect();
    let mut model = model.clone().edit();
    model.remove_nodes(&gone);
    finish(model)
}
