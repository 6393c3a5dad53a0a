//! Export to safetensors.

use crate::ExportError;
use crate::tensors::{check, tensors, value_names};
use hccr_runtime::Model;
use safetensors::Dtype;
use safetensors::tensor::{TensorView, serialize};
use std::collections::HashMap;

/// The weights of `model` as a safetensors file: `f32`, dense, named `node.weight`, `node.bias`, `node.slope`,
/// `node.mean`, `node.scale`, `node.shift`, `node.project`, `node.recurrent`. The metadata entry `labels` holds the characters of the classes.
/// It holds weights alone: where values are rounded ([`Op::FakeQuantize`](hccr_runtime::Op::FakeQuantize)) is not in it,
/// nor are the model's temperature and fusion.
///
/// # Errors
/// [`ExportError::Unsupported`] for an operation of a later runtime.
pub fn to_bytes(model: &Model) -> Result<Vec<u8>, ExportError> {
    check(model)?;
    let names = value_names(model);
    let mut stored = Vec::new();
    for (node, name) in model.nodes().iter().zip(&names[model.inputs().len()..]) {
        for tensor in tensors(model, &node.op) {
            let bytes: Vec<u8> = tensor.values.iter().flat_map(|v| v.to_le_bytes()).collect();
            stored.push((format!("{name}.{}", tensor.role), tensor.shape, bytes));
        }
    }
    let views = stored.iter().map(|(name, shape, bytes)| {
        TensorView::new(Dtype::F32, shape.clone(), bytes).map(|view| (name.as_str(), view))
    });
    let views = views.collect::<Result<Vec<_>, _>>()?;
    let labels = HashMap::from([("labels".to_owned(), model.labels().iter().collect())]);
    Ok(serialize(views, Some(labels))?)
}
