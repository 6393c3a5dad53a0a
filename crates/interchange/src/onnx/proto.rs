//! The messages of ONNX (`onnx.proto`), field by field.

use crate::protobuf::Message;
use crate::tensors::Tensor;
use hccr_runtime::shape::is_sequence;

/// `TensorProto.DataType`.
const FLOAT: i64 = 1;
const UINT8: i64 = 2;
const INT8: i64 = 3;
const INT64: i64 = 7;

/// Value of an attribute, and the number of its type.
pub(super) enum Attribute {
    Int(i64),
    Float(f32),
    Ints(Vec<i64>),
    Graph(Vec<u8>),
}

/// Writes a node, named after its first output and its kind: some engines take nodes and values of one name for each other.
pub(super) fn write_node(
    graph: &mut Message,
    kind: &str,
    outputs: &[&str],
    inputs: &[&str],
    attributes: &[(&str, Attribute)],
) {
    graph.message(1, |node| {
        for input in inputs {
            node.bytes(1, input);
        }
        for output in outputs {
            node.bytes(2, output);
        }
        node.bytes(3, format!("{}/{kind}", outputs[0])).bytes(4, kind);
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
                    Attribute::Graph(body) => attribute.bytes(6, body).int(20, 5),
                }
            });
        }
        node
    });
}

/// Writes a tensor of the node `node` and returns its name.
pub(super) fn write_tensor(graph: &mut Message, node: &str, tensor: &Tensor) -> String {
    let bytes: Vec<u8> = tensor.values.iter().flat_map(|v| v.to_le_bytes()).collect();
    write_raw(graph, format!("{node}.{}", tensor.role), FLOAT, &tensor.shape, bytes)
}

/// Elements of 8 bits.
pub(super) enum Bytes {
    Unsigned(Vec<u8>),
    Signed(Vec<i8>),
}

/// Writes a tensor of bytes, and returns its name.
pub(super) fn write_bytes(graph: &mut Message, name: String, bytes: &Bytes, shape: &[usize]) -> String {
    let (kind, bytes) = match bytes {
        Bytes::Unsigned(bytes) => (UINT8, bytes.clone()),
        Bytes::Signed(bytes) => (INT8, bytes.iter().map(|b| b.cast_unsigned()).collect()),
    };
    write_raw(graph, name, kind, shape, bytes)
}

/// Writes a tensor of one integer, an axis perhaps, and returns its name.
pub(super) fn write_integer(graph: &mut Message, name: String, value: i64) -> String {
    write_raw(graph, name, INT64, &[1], value.to_le_bytes().to_vec())
}

fn write_raw(graph: &mut Message, name: String, kind: i64, shape: &[usize], bytes: Vec<u8>) -> String {
    graph.message(5, |proto| {
        for &d in shape {
            proto.int(1, d as i64);
        }
        proto.int(2, kind).bytes(8, &name).bytes(9, bytes)
    });
    name
}

/// A dimension of a value: known, or named where each run may have another.
pub(super) enum Dim {
    Is(usize),
    Named(&'static str),
}

/// The dimensions of a value of `shape`: a batch of `N` in front, or in a model of sequences a batch of one, and the
/// steps `T` in front of that.
pub(super) fn dims(shape: &[usize], sequences: bool) -> Vec<Dim> {
    match shape {
        [_, features] if is_sequence(shape) => vec![Dim::Named("T"), Dim::Is(1), Dim::Is(*features)],
        _ => {
            let batch = if sequences { Dim::Is(1) } else { Dim::Named("N") };
            std::iter::once(batch).chain(shape.iter().map(|&d| Dim::Is(d))).collect()
        }
    }
}

/// Writes an input (field 11) or an output (field 12) of a graph.
pub(super) fn write_value(graph: &mut Message, field: u32, name: &str, dims: &[Dim]) {
    graph.message(field, |value| {
        value.bytes(1, name).message(2, |kind| {
            kind.message(1, |tensor| {
                tensor.int(1, FLOAT).message(2, |shape| {
                    for dim in dims {
                        shape.message(1, |proto| match dim {
                            Dim::Is(size) => proto.int(1, *size as i64),
                            Dim::Named(name) => proto.bytes(2, name),
                        });
                    }
                    shape
                })
            })
        })
    });
}
