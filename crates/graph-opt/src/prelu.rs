use crate::edit::merge_into_producers;
use hccr_runtime::{Model, Op};

/// Fuses a `PRelu` into the convolution or fully connected layer before it.
pub fn fuse_prelu(model: &Model) -> Model {
    merge_into_producers(model, |model, producer, op| match (op, model.op_mut(producer)) {
        (Op::PRelu { slope }, Op::Conv2d { prelu: prelu @ None, .. } | Op::Linear { prelu: prelu @ None, .. }) => {
            *prelu = Some(*slope);
            true
        }
        _ => false,
    })
}
