//! Export to ONNX, opset 13.
//!
//! The messages are few and small, so that they are written here by hand, field by field (`onnx.proto`).

mod lstm;
mod proto;
mod quantize;

use crate::ExportError;
use crate::protobuf::Message;
use crate::tensors::{Tensor, check, tensors, value_names};
use hccr_runtime::shape::is_sequence;
use hccr_runtime::{Model, Op};
use proto::{Attribute, dims, write_node, write_tensor, write_value};

/// The operator set; the first with all operators in their present form.
const OPSET: i64 = 13;
/// The version of the file format that came with it.
const IR_VERSION: i64 = 7;

/// The model as an ONNX file. Inputs and outputs have a batch dimension `N` in front, sequences the steps `T` and a batch
/// of one; the metadata entry `labels` holds the characters of the classes.
///
/// An LSTM with a whole recurrent matrix becomes ONNX's `LSTM`, together with the fully connected layer before it; one of
/// low rank becomes a `Scan` over its two factors, since ONNX's has none.
///
/// Lost are sparsity and codebooks, and the model's temperature and fusion.
///
/// # Errors
/// [`ExportError::Unsupported`] for an operation of a later runtime.
pub fn to_bytes(model: &Model) -> Result<Vec<u8>, ExportError> {
    check(model)?;
    let shapes: Vec<&[usize]> = model.values().map(|value| model.shape(value)).collect();
    let names = value_names(model);
    let into_lstm = lstm::into_lstm(model);
    let mut file = Message::default();
    file.int(1, IR_VERSION).bytes(2, env!("CARGO_PKG_NAME")).bytes(3, env!("CARGO_PKG_VERSION"));
    file.message(7, |graph| {
        graph.bytes(2, "network");
        for (i, node) in model.nodes().iter().enumerate() {
            let input = node.input.0 as usize;
            if let Some(lstm) = into_lstm[i] {
                let output = &names[model.inputs().len() + lstm];
                lstm::write_operator(graph, model, &node.op, &model.nodes()[lstm].op, &names[input], output);
            } else if !into_lstm.contains(&Some(i)) {
                let output = model.inputs().len() + i;
                let values = Values { input: (&names[input], shapes[input]), output: (&names[output], shapes[output]) };
                write_op(graph, model, &node.op, &values);
            }
        }
        let inputs = (0..model.inputs().len()).map(|input| (11, input));
        let outputs = model.outputs().iter().map(|output| (12, output.0 as usize));
        for (field, value) in inputs.chain(outputs) {
            write_value(graph, field, &names[value], &dims(shapes[value], model.is_sequence()));
        }
        graph
    });
    file.message(8, |opset| opset.bytes(1, "").int(2, OPSET));
    if !model.labels().is_empty() {
        let labels: String = model.labels().iter().collect();
        file.message(14, |entry| entry.bytes(1, "labels").bytes(2, labels));
    }
    Ok(file.finish())
}

/// Names and shapes (without the batch) at both ends of a node.
struct Values<'a> {
    input: (&'a str, &'a [usize]),
    output: (&'a str, &'a [usize]),
}

/// A node of ONNX that reads the value of the one before it, and tensors.
struct Link {
    kind: &'static str,
    tensors: Vec<Tensor>,
    attributes: Vec<(&'static str, Attribute)>,
    /// What its value is called behind the name of the model's node, unless it is the last.
    part: &'static str,
}

impl Link {
    fn new(kind: &'static str, tensors: Vec<Tensor>) -> Self {
        Self { kind, tensors, attributes: Vec::new(), part: "linear" }
    }

    fn with(self, attributes: Vec<(&'static str, Attribute)>) -> Self {
        Self { attributes, ..self }
    }
}

/// Writes a node of the model: one node of ONNX, or a chain of them.
fn write_op(graph: &mut Message, model: &Model, op: &Op, values: &Values) {
    let Values { input: (input, _), output: (output, _) } = *values;
    if let Op::Lstm { .. } = op {
        return lstm::write_scan(graph, model, op, input, output);
    }
    if let Op::FakeQuantize { scale, zero_point } = *op {
        return quantize::write_fake_quantize(graph, scale, zero_point, input, output);
    }
    let chain = chain(op, tensors(model, op), values);
    let mut integers = quantize::integers(model, op).filter(|_| !is_sequence(values.input.1));
    let mut before = input.to_owned();
    for (i, link) in chain.iter().enumerate() {
        let mut write = |tensor: &Tensor| match integers.take_if(|_| tensor.role == "weight") {
            Some(integers) => quantize::write_weight(graph, output, &tensor.shape, integers),
            None => write_tensor(graph, output, tensor),
        };
        let names: Vec<String> = link.tensors.iter().map(&mut write).collect();
        let inputs: Vec<&str> = std::iter::once(&before).chain(&names).map(String::as_str).collect();
        let to = if i + 1 == chain.len() { output.to_owned() } else { format!("{output}.{}", link.part) };
        write_node(graph, link.kind, &[&to], &inputs, &link.attributes);
        before = to;
    }
}

/// The nodes of ONNX that compute `op`, which has these tensors.
fn chain(op: &Op, mut tensors: Vec<Tensor>, values: &Values) -> Vec<Link> {
    use Attribute::{Float, Int, Ints};
    let ints = |values: &[usize]| Ints(values.iter().map(|&v| v as i64).collect());
    let Values { input: (_, from), output: (_, to) } = *values;
    let fused_slope = tensors.pop_if(|t| t.role == "slope" && !matches!(op, Op::PRelu { .. }));
    // A sequence has its features in the last dimension, any other value its channels in the first.
    let prelu = |mut slope: Tensor| {
        slope.shape.resize(if is_sequence(to) { 1 } else { to.len() }, 1);
        Link::new("PRelu", vec![slope])
    };

    let mut chain = match op {
        Op::Linear { .. } if is_sequence(from) => {
            let weight = transposed(tensors.remove(0));
            let bias = tensors.pop().map(|bias| Link::new("Add", vec![bias]));
            let product = Link { part: "product", ..Link::new("MatMul", vec![weight]) };
            std::iter::once(product).chain(bias).collect()
        }
        Op::BatchNorm { .. } if is_sequence(from) => {
            let Ok([scale, shift, mean]) = <[Tensor; 3]>::try_from(tensors) else { unreachable!("as `tensors` says") };
            vec![
                Link { part: "centred", ..Link::new("Sub", vec![mean]) },
                Link { part: "scaled", ..Link::new("Mul", vec![scale]) },
                Link::new("Add", vec![shift]),
            ]
        }
        Op::BatchNorm { .. } => {
            // The stored scale is complete: gamma with a variance of one.
            let shape = tensors[0].shape.clone();
            tensors.push(Tensor { role: "variance", values: vec![1.0; shape[0]], shape });
            vec![Link::new("BatchNormalization", tensors).with(vec![("epsilon", Float(0.0))])]
        }
        Op::SubtractMean { .. } => vec![Link::new("Sub", tensors)],
        Op::Conv2d { params, .. } => {
            let attributes = vec![
                ("kernel_shape", ints(&params.kernel_size)),
                ("strides", ints(&params.stride)),
                ("pads", ints(&[params.padding, params.padding].concat())),
            ];
            vec![Link::new("Conv", tensors).with(attributes)]
        }
        Op::Linear { .. } => vec![Link::new("Gemm", tensors).with(vec![("transB", Int(1))])],
        Op::PRelu { .. } => tensors.pop().map(prelu).into_iter().collect(),
        Op::MaxPool2d { params } => {
            // Padding at the end says which windows hang over the edge; readers differ in their ceil mode.
            let over =
                |d: usize| ((to[d + 1] - 1) * params.stride[d] + params.kernel_size[d]).saturating_sub(from[d + 1]);
            let attributes = vec![
                ("kernel_shape", ints(&params.kernel_size)),
                ("strides", ints(&params.stride)),
                ("pads", ints(&[0, 0, over(0), over(1)])),
            ];
            vec![Link::new("MaxPool", tensors).with(attributes)]
        }
        Op::Flatten => vec![Link::new("Flatten", tensors).with(vec![("axis", Int(1))])],
        Op::Dropout { .. } | Op::Identity => vec![Link::new("Identity", tensors)],
        Op::Softmax => vec![Link::new("Softmax", tensors).with(vec![("axis", Int(1))])],
        Op::MeanOverTime => {
            vec![Link::new("ReduceMean", tensors).with(vec![("axes", ints(&[0])), ("keepdims", Int(0))])]
        }
        _ => unreachable!("written elsewhere, or refused"),
    };
    chain.extend(fused_slope.map(prelu));
    chain
}

fn transposed(matrix: Tensor) -> Tensor {
    let [rows, columns] = matrix.shape[..] else { unreachable!("the weight of a fully connected layer") };
    let values = (0..rows * columns).map(|i| matrix.values[i % rows * columns + i / rows]).collect();
    Tensor { shape: vec![columns, rows], values, ..matrix }
}
