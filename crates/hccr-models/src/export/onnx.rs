//! Export to ONNX, opset 13.
//!
//! The messages are few and small, so that they are written here by hand, field by field (`onnx.proto`).

use super::protobuf::Message;
use super::{ExportError, Tensor, tensors, value_names};
use hccr_runtime::{Model, Op};

/// The operator set; the first with all operators in their present form.
const OPSET: i64 = 13;
/// The version of the file format that came with it.
const IR_VERSION: i64 = 7;
/// `TensorProto.DataType.FLOAT`.
const FLOAT: i64 = 1;

/// The model as an ONNX file. Inputs and outputs have a batch dimension `N` in front; the metadata entry
/// `labels` holds the characters of the classes.
///
/// # Errors
/// [`ExportError::Model`] where the model is not valid, [`ExportError::Unsupported`] for a model of sequences: ONNX's
/// LSTM has its input's products inside, where here they are a layer of their own.
pub fn to_bytes(model: &Model) -> Result<Vec<u8>, ExportError> {
    let shapes = model.validate()?;
    if let Some(node) = model.nodes.iter().find(|node| matches!(node.op, Op::Lstm { .. } | Op::MeanOverTime)) {
        return Err(ExportError::Unsupported { layer: node.name.clone(), op: node.op.name() });
    }
    let names = value_names(model);
    let mut file = Message::default();
    file.int(1, IR_VERSION).bytes(2, env!("CARGO_PKG_NAME")).bytes(3, env!("CARGO_PKG_VERSION"));
    file.message(7, |graph| {
        graph.bytes(2, "network");
        for (i, node) in model.nodes.iter().enumerate() {
            let input = node.input.0 as usize;
            let output = model.inputs.len() + i;
            let values = Values { input: (&names[input], &shapes[input]), output: (&names[output], &shapes[output]) };
            write_op(graph, model, &node.op, &values);
        }
        for i in 0..model.inputs.len() {
            write_value(graph, 11, &names[i], &shapes[i]);
        }
        for output in model.outputs.iter().map(|o| o.0 as usize) {
            write_value(graph, 12, &names[output], &shapes[output]);
        }
        graph
    });
    file.message(8, |opset| opset.bytes(1, "").int(2, OPSET));
    if !model.labels.is_empty() {
        let labels: String = model.labels.iter().collect();
        file.message(14, |entry| entry.bytes(1, "labels").bytes(2, labels));
    }
    Ok(file.finish())
}

/// Names and shapes (without the batch) at both ends of a node.
struct Values<'a> {
    input: (&'a str, &'a [usize]),
    output: (&'a str, &'a [usize]),
}

enum Attribute {
    Int(i64),
    Float(f32),
    Ints(Vec<i64>),
}

/// Writes a node of the model: one node of ONNX, or two where a PRelu is fused.
fn write_op(graph: &mut Message, model: &Model, op: &Op, values: &Values) {
    use Attribute::{Float, Int, Ints};
    let ints = |values: &[usize]| Ints(values.iter().map(|&v| v as i64).collect());
    let Values { input: (input, from), output: (output, to) } = *values;

    let mut inputs = vec![input.to_owned()];
    let mut tensors = tensors(model, op);
    let fused_slope = tensors.pop_if(|t| t.role == "slope" && !matches!(op, Op::PRelu { .. }));
    if let Op::BatchNorm { .. } = op {
        // The stored scale is complete: gamma with a variance of one.
        let shape = tensors[0].shape.clone();
        tensors.push(Tensor { role: "variance", values: vec![1.0; shape[0]], shape });
    }
    for tensor in tensors {
        inputs.push(write_tensor(graph, output, tensor, from.len()));
    }

    let (kind, attributes) = match op {
        Op::SubtractMean { .. } => ("Sub", vec![]),
        Op::Conv2d { params, .. } => {
            let attributes = vec![
                ("kernel_shape", ints(&params.kernel_size)),
                ("strides", ints(&params.stride)),
                ("pads", ints(&[params.padding, params.padding].concat())),
            ];
            ("Conv", attributes)
        }
        Op::Linear { .. } => ("Gemm", vec![("transB", Int(1))]),
        Op::BatchNorm { .. } => ("BatchNormalization", vec![("epsilon", Float(0.0))]),
        Op::PRelu { .. } => ("PRelu", vec![]),
        Op::MaxPool2d { params } => {
            // Padding at the end says which windows hang over the edge; readers differ in their ceil mode.
            let over =
                |d: usize| ((to[d + 1] - 1) * params.stride[d] + params.kernel_size[d]).saturating_sub(from[d + 1]);
            let attributes = vec![
                ("kernel_shape", ints(&params.kernel_size)),
                ("strides", ints(&params.stride)),
                ("pads", ints(&[0, 0, over(0), over(1)])),
            ];
            ("MaxPool", attributes)
        }
        Op::Flatten => ("Flatten", vec![("axis", Int(1))]),
        Op::Dropout { .. } | Op::Identity => ("Identity", vec![]),
        Op::Softmax => ("Softmax", vec![("axis", Int(1))]),
        Op::Lstm { .. } | Op::MeanOverTime => unreachable!("refused before the file was begun"),
    };
    match fused_slope {
        None => write_node(graph, kind, output, &inputs, &attributes),
        Some(slope) => {
            let before = format!("{output}.linear");
            write_node(graph, kind, &before, &inputs, &attributes);
            let slope = write_tensor(graph, output, slope, to.len());
            write_node(graph, "PRelu", output, &[before, slope], &[]);
        }
    }
}

/// Writes a node that is named as its output.
fn write_node(graph: &mut Message, kind: &str, output: &str, inputs: &[String], attributes: &[(&str, Attribute)]) {
    graph.message(1, |node| {
        for input in inputs {
            node.bytes(1, input);
        }
        node.bytes(2, output).bytes(3, output).bytes(4, kind);
        for (name, value) in attributes {
            node.message(5, |attribute| {
                attribute.bytes(1, name);
                match value {
                    Attribute::Float(v) => attribute.float(2, *v).int(20, 1),
                    Attribute::Int(v) => attribute.int(3, *v).int(20, 2),
                    Attribute::Ints(values) => {
                        for &v in values {
                            attribute.int(8, v);
                        }
                        attribute.int(20, 7)
                    }
                }
            });
        }
        node
    });
}

/// Writes a tensor of the node `node` and returns its name. Slopes get the dimensions of one along `rank` axes.
fn write_tensor(graph: &mut Message, node: &str, mut tensor: Tensor, rank: usize) -> String {
    if tensor.role == "slope" {
        tensor.shape.resize(rank, 1);
    }
    let name = format!("{node}.{}", tensor.role);
    graph.message(5, |proto| {
        for &d in &tensor.shape {
            proto.int(1, d as i64);
        }
        let bytes: Vec<u8> = tensor.values.iter().flat_map(|v| v.to_le_bytes()).collect();
        proto.int(2, FLOAT).bytes(8, &name).bytes(9, bytes)
    });
    name
}

/// Writes an input or output of the graph.
fn write_value(graph: &mut Message, field: u32, name: &str, shape: &[usize]) {
    graph.message(field, |value| {
        value.bytes(1, name).message(2, |kind| {
            kind.message(1, |tensor| {
                tensor.int(1, FLOAT).message(2, |dims| {
                    dims.message(1, |dim| dim.bytes(2, "N"));
                    for &d in shape {
                        dims.message(1, |dim| dim.int(1, d as i64));
                    }
                    dims
                })
            })
        })
    });
}
