//! LSTMs. ONNX's operator has the products with its input inside, and knows no recurrent matrix of low rank; so it is
//! used where a fully connected layer stands right before an LSTM with a whole matrix. Any other LSTM is a `Scan`.

use super::proto::{Attribute, Dim, write_integer, write_node, write_tensor, write_value};
use crate::protobuf::Message;
use crate::tensors::{Tensor, tensors};
use hccr_runtime::{Model, Op};

/// Our gates i, f, g, o in the order of ONNX's LSTM, which calls them i, o, f, c.
const GATES: [usize; 4] = [0, 3, 1, 2];

/// For each node, the LSTM that it is written into: where it is the layer before one that [`write_operator`] takes.
pub(super) fn into_lstm(model: &Model) -> Vec<Option<usize>> {
    let mut into = vec![None; model.nodes().len()];
    for (lstm, node) in model.nodes().iter().enumerate() {
        let Op::Lstm { project: None, .. } = node.op else { continue };
        let Some(linear) = model.producer(node.input) else { continue };
        let readers = model.nodes().iter().filter(|other| other.input == node.input).count();
        if matches!(model.nodes()[linear].op, Op::Linear { prelu: None, .. }) && readers == 1 {
            into[linear] = Some(lstm);
        }
    }
    into
}

/// Writes the fully connected layer `linear`, which reads `input`, and the LSTM after it as ONNX's `LSTM`.
pub(super) fn write_operator(graph: &mut Message, model: &Model, linear: &Op, lstm: &Op, input: &str, output: &str) {
    let recurrent = tensors(model, lstm).pop().expect("an LSTM has a recurrent matrix");
    let [gates, hidden] = recurrent.shape[..] else { unreachable!("a matrix") };
    let mut inputs = tensors(model, linear);
    inputs.insert(1, recurrent);
    if let Some(bias) = inputs.get_mut(2) {
        bias.values = reordered(&bias.values);
        // The second half would be added to the recurrent products.
        bias.values.resize(2 * gates, 0.0);
        bias.shape = vec![1, 2 * gates];
    }
    for matrix in &mut inputs[..2] {
        matrix.values = reordered(&matrix.values);
        matrix.shape.insert(0, 1);
    }
    let names: Vec<String> = inputs.iter().map(|tensor| write_tensor(graph, output, tensor)).collect();
    let inputs: Vec<&str> = std::iter::once(input).chain(names.iter().map(String::as_str)).collect();
    // Its output has a dimension of directions behind that of the steps.
    let (directions, axes) = (format!("{output}.directions"), format!("{output}.axes"));
    write_node(graph, "LSTM", &[&directions], &inputs, &[("hidden_size", Attribute::Int(hidden as i64))]);
    let axes = write_integer(graph, axes, 1);
    write_node(graph, "Squeeze", &[output], &[&directions, &axes], &[]);
}

/// The rows of four gates in the order of [`GATES`].
fn reordered(values: &[f32]) -> Vec<f32> {
    let gate = values.len() / GATES.len();
    GATES.iter().flat_map(|&g| &values[g * gate..][..gate]).copied().collect()
}

/// Writes an LSTM over `input`, the products with its input, as a `Scan` of the operation's own formula: a recurrent
/// matrix of low rank stays two factors.
pub(super) fn write_scan(graph: &mut Message, model: &Model, lstm: &Op, input: &str, output: &str) {
    let factors = tensors(model, lstm);
    let gates = factors[factors.len() - 1].shape[0];
    let hidden = gates / 4;
    let name = |part: &str| format!("{output}.{part}");
    let zeros = Tensor { role: "state", shape: vec![1, hidden], values: vec![0.0; hidden] };
    let zeros = write_tensor(graph, output, &zeros);

    let mut body = Message::default();
    let part = |part: &str| format!("{output}/{part}");
    let [h, c, x, gate_sums] = ["h", "c", "x", "gates"].map(part);
    let mut product = h.clone();
    for (i, factor) in factors.iter().enumerate() {
        let weight = write_tensor(graph, output, factor);
        let last = i + 1 == factors.len();
        let to = if last { gate_sums.clone() } else { part("project") };
        let inputs: &[&str] = if last { &[&product, &weight, &x] } else { &[&product, &weight] };
        write_node(&mut body, "Gemm", &[&to], inputs, &[("transB", Attribute::Int(1))]);
        product = to;
    }
    let [i, f, g, o] = ["i", "f", "g", "o"].map(part);
    write_node(&mut body, "Split", &[&i, &f, &g, &o], &[&gate_sums], &[("axis", Attribute::Int(1))]);
    let mut node = |kind: &str, to: &str, from: &[&str]| {
        let to = part(to);
        write_node(&mut body, kind, &[&to], from, &[]);
        to
    };
    let i = node("Sigmoid", "i.open", &[&i]);
    let f = node("Sigmoid", "f.open", &[&f]);
    let g = node("Tanh", "g.value", &[&g]);
    let o = node("Sigmoid", "o.open", &[&o]);
    let kept = node("Mul", "kept", &[&f, &c]);
    let new = node("Mul", "new", &[&i, &g]);
    let next_c = node("Add", "c.next", &[&kept, &new]);
    let squashed = node("Tanh", "squashed", &[&next_c]);
    let next_h = node("Mul", "h.next", &[&o, &squashed]);
    let row = node("Identity", "row", &[&next_h]);
    body.bytes(2, part("step"));
    let sizes = [(&h, hidden), (&c, hidden), (&x, gates)];
    sizes.iter().for_each(|(name, size)| write_value(&mut body, 11, name, &[Dim::Is(1), Dim::Is(*size)]));
    for name in [&next_h, &next_c, &row] {
        write_value(&mut body, 12, name, &[Dim::Is(1), Dim::Is(hidden)]);
    }

    let outputs = [&*name("h"), &*name("c"), output];
    let attributes = [("num_scan_inputs", Attribute::Int(1)), ("body", Attribute::Graph(body.finish()))];
    write_node(graph, "Scan", &outputs, &[&zeros, &zeros, input], &attributes);
}
