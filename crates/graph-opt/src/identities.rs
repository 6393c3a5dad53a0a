use crate::edit::remove_nodes;
use hccr_runtime::{Model, Op};

/// Removes what does nothing at inference: `Identity` and `Dropout`.
pub fn remove_identities(model: &Model) -> Model {
    let mut model = model.clone();
    let gone: Vec<_> = model.nodes.iter().map(|n| matches!(n.op, Op::Identity | Op::Dropout { .. })).collect();
    remove_nodes(&mut model, &gone);
    model
}
