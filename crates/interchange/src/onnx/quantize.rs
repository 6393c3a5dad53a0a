//! Quantized networks, in the form that ONNX's readers know: pairs of `QuantizeLinear` and `DequantizeLinear` where
//! values have 8 bits, and weights of 8 bits behind a `DequantizeLinear`.

use super::proto::{Attribute, Bytes, write_bytes, write_node, write_tensor};
use crate::protobuf::Message;
use crate::tensors::Tensor;
use hccr_runtime::{Model, Op};

/// Writes the pair of nodes for a value.
pub(super) fn write_fake_quantize(graph: &mut Message, scale: f32, zero_point: u8, input: &str, output: &str) {
    let scale = write_tensor(graph, output, &Tensor { role: "scale", shape: Vec::new(), values: vec![scale] });
    let zero = write_bytes(graph, format!("{output}.zero"), &Bytes::Unsigned(vec![zero_point]), &[]);
    let quantized = format!("{output}.quantized");
    write_node(graph, "QuantizeLinear", &[&quantized], &[input, &scale, &zero], &[]);
    write_node(graph, "DequantizeLinear", &[output], &[&quantized, &scale, &zero], &[]);
}

/// The weight of a layer as integers and the factor of each row, where it was made of these.
pub(super) fn integers(model: &Model, op: &Op) -> Option<(Vec<i8>, Vec<f32>)> {
    let (Op::Conv2d { weight, scale: Some(scale), .. } | Op::Linear { weight, scale: Some(scale), .. }) = *op else {
        return None;
    };
    let values = model.weight(weight).to_dense();
    let integers = values.iter().all(|v| v.abs() <= 127.0 && v.fract() == 0.0);
    integers.then(|| (values.iter().map(|&v| v as i8).collect(), model.weight(scale).to_dense()))
}

/// Writes such a weight of the node `node`, and returns the name of its value.
pub(super) fn write_weight(
    graph: &mut Message,
    node: &str,
    shape: &[usize],
    (values, scale): (Vec<i8>, Vec<f32>),
) -> String {
    let rows = scale.len();
    let quantized = write_bytes(graph, format!("{node}.integers"), &Bytes::Signed(values), shape);
    let scale = write_tensor(graph, node, &Tensor { role: "scale", shape: vec![rows], values: scale });
    let zero = write_bytes(graph, format!("{node}.zero"), &Bytes::Signed(vec![0; rows]), &[rows]);
    let weight = format!("{node}.weight");
    let axis = [("axis", Attribute::Int(0))];
    write_node(graph, "DequantizeLinear", &[&weight], &[&quantized, &scale, &zero], &axis);
    weight
}
