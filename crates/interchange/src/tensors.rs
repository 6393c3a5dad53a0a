//! The tensors of a model, and the names under which every format writes them.

use crate::ExportError;
use hccr_runtime::{Model, Op, WeightId};
use std::collections::BTreeSet;

/// Refuses a model with operations that this crate was not written for.
pub(crate) fn check(model: &Model) -> Result<(), ExportError> {
    let is_known = |op: &Op| {
        matches!(
            op,
            Op::SubtractMean { .. }
                | Op::Conv2d { .. }
                | Op::Linear { .. }
                | Op::BatchNorm { .. }
                | Op::PRelu { .. }
                | Op::MaxPool2d { .. }
                | Op::Flatten
                | Op::Dropout { .. }
                | Op::Identity
                | Op::FakeQuantize { .. }
                | Op::Softmax
                | Op::Lstm { .. }
                | Op::MeanOverTime
        )
    };
    match model.nodes().iter().find(|node| !is_known(&node.op)) {
        Some(node) => Err(ExportError::Unsupported { layer: node.name.clone(), op: node.op.name() }),
        None => Ok(()),
    }
}

/// A dense tensor of a node.
pub(crate) struct Tensor {
    /// What it is to the node, such as `weight`.
    pub(crate) role: &'static str,
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

/// The tensors of `op`, in the order in which ONNX's operators take them; a fused PRelu's slopes are the last.
pub(crate) fn tensors(model: &Model, op: &Op) -> Vec<Tensor> {
    let tensor = |role, id: WeightId| {
        let weight = model.weight(id);
        Tensor { role, shape: weight.shape.clone(), values: weight.to_dense() }
    };
    match *op {
        Op::SubtractMean { mean } => vec![tensor("mean", mean)],
        Op::Conv2d { weight, scale, bias, prelu, .. } | Op::Linear { weight, scale, bias, prelu, .. } => {
            let mut weight = tensor("weight", weight);
            if let Some(scale) = scale {
                let row = weight.values.len() / weight.shape[0];
                for (row, factor) in weight.values.chunks_mut(row).zip(model.weight(scale).to_dense()) {
                    row.iter_mut().for_each(|w| *w *= factor);
                }
            }
            let rest = [bias.map(|b| tensor("bias", b)), prelu.map(|p| tensor("slope", p))];
            std::iter::once(weight).chain(rest.into_iter().flatten()).collect()
        }
        Op::BatchNorm { mean, scale, shift } => {
            let mean = tensor("mean", mean);
            let shift = shift.map_or_else(
                || Tensor { role: "shift", shape: mean.shape.clone(), values: vec![0.0; mean.values.len()] },
                |s| tensor("shift", s),
            );
            vec![tensor("scale", scale), shift, mean]
        }
        Op::PRelu { slope } => vec![tensor("slope", slope)],
        Op::Lstm { project, recurrent, .. } => {
            project.map(|p| tensor("project", p)).into_iter().chain([tensor("recurrent", recurrent)]).collect()
        }
        _ => Vec::new(),
    }
}

/// What follows the name of a node, after a dot, in the names of its tensors and of the values inside it.
const PARTS: [&str; 21] = [
    "weight",
    "bias",
    "slope",
    "mean",
    "scale",
    "shift",
    "variance",
    "project",
    "recurrent",
    "axes",
    "state",
    "linear",
    "product",
    "centred",
    "scaled",
    "zero",
    "quantized",
    "integers",
    "directions",
    "h",
    "c",
];

/// A name for each value, inputs first: the node's own, with a number where that, or the name of one of its [`PARTS`],
/// would be taken already. None has a slash, which stands before the names of what an LSTM computes at each step.
pub(crate) fn value_names(model: &Model) -> Vec<String> {
    let inputs = model.inputs().iter().map(|_| "input");
    let mut taken = BTreeSet::new();
    let mut names = Vec::new();
    for (i, name) in inputs.chain(model.nodes().iter().map(|n| n.name.as_str())).enumerate() {
        let all = |name: &str| PARTS.map(|part| format!("{name}.{part}")).into_iter().chain([name.to_owned()]);
        let mut name = name.replace('/', "_");
        while name.is_empty() || all(&name).any(|name| taken.contains(&name)) {
            name.push_str(&format!("_{i}"));
        }
        taken.extend(all(&name));
        names.push(name);
    }
    names
}
