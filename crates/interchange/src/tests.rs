use super::{onnx, safetensors::to_bytes};
use hccr_runtime::shape::{Conv2dParams, LinearParams, LstmParams, Pool2dParams, STEPS};
use hccr_runtime::{Model, ModelBuilder, Op, Pattern, Weight, WeightData};
use safetensors::SafeTensors;
use std::collections::{BTreeMap, BTreeSet};

/// Each operation once, a codebook with a factor a row, and two layers of one name.
fn model() -> Model {
    let mut b = ModelBuilder::new(&[1, 4, 4]);
    let mean = b.dense("m", &[1, 4, 4], vec![0.5; 16]);
    b.push("data", Op::SubtractMean { mean });
    let params = Conv2dParams::same(1, 2, [3, 1]);
    let pattern = Pattern { indptr: vec![0, 1, 3], indices: vec![1, 0, 2] };
    let data = WeightData::Codebook { pattern, centres: vec![0.5, -1.0], labels: vec![0, 1, 0] };
    let weight = b.weight(Weight::new("w", &[2, 1, 3, 1], data));
    let scale = Some(b.dense("s", &[2], vec![2.0, 4.0]));
    let prelu = Some(b.dense("p", &[2], vec![0.25, 0.5]));
    b.push("layer", Op::Conv2d { params, weight, scale, bias: None, prelu });
    let (mean, scale) = (b.dense("bm", &[2], vec![1.0, 2.0]), b.dense("bs", &[2], vec![3.0, 4.0]));
    b.push("bn", Op::BatchNorm { mean, scale, shift: None });
    let slope = b.dense("sl", &[2], vec![0.1, 0.2]);
    b.push("act", Op::PRelu { slope });
    b.push("pool", Op::MaxPool2d { params: Pool2dParams::THESIS });
    b.push("flat", Op::Flatten);
    b.push("drop", Op::Dropout { probability: 0.5 });
    b.push("same", Op::Identity);
    let weight =
        b.weight(Weight::sparse("f", &[2, 8], &[0., 1., 0., 0., 0., 0., 0., 2., 3., 0., 0., 0., 0., 0., 0., 0.]));
    let bias = Some(b.dense("fb", &[2], vec![7.0, 8.0]));
    let params = LinearParams { in_features: 8, out_features: 2 };
    b.push("layer", Op::Linear { params, weight, scale: None, bias, prelu: None });
    b.push("prob", Op::Softmax);
    b.set_labels(vec!['一', '二']);
    b.finish().expect("a valid model")
}

#[test]
fn safetensors_reads_back() {
    let bytes = to_bytes(&model()).expect("a valid model");
    let file = SafeTensors::deserialize(&bytes).expect("a valid file");
    let read = |name: &str| {
        let view = file.tensor(name).expect(name);
        let values: Vec<f32> = view.data().chunks(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        (view.shape().to_vec(), values)
    };
    assert_eq!(read("layer.weight"), (vec![2, 1, 3, 1], vec![0.0, 1.0, 0.0, -4.0, 0.0, 2.0]));
    assert_eq!(read("layer.slope"), (vec![2], vec![0.25, 0.5]));
    assert_eq!(read("layer_9.bias"), (vec![2], vec![7.0, 8.0]));
    assert_eq!(read("layer_9.weight").1[7..9], [2.0, 3.0]);
    assert_eq!(read("bn.mean").1, [1.0, 2.0]);
    assert_eq!(file.len(), 9);
    let (_, head) = SafeTensors::read_metadata(&bytes).expect("a valid file");
    assert_eq!(head.metadata().as_ref().expect("metadata")["labels"], "一二");
}

/// Fields of a message: numbers, and bytes of strings and messages.
fn fields(mut bytes: &[u8]) -> Vec<(u64, u64, &[u8])> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let byte = bytes[0];
            *bytes = &bytes[1..];
            value |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                break;
            }
        }
        value
    }
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let (number, rest) = match key & 7 {
            0 => (varint(&mut bytes), 0),
            2 => (0, varint(&mut bytes) as usize),
            5 => (0, 4),
            wire => panic!("wire type {wire}"),
        };
        fields.push((key >> 3, number, &bytes[..rest]));
        bytes = &bytes[rest..];
    }
    fields
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// Dimensions and bytes of tensors.
type Tensors = BTreeMap<String, (Vec<u64>, Vec<u8>)>;

/// The nodes of a graph, each as `output = Kind(inputs)`, and its tensors.
fn parse(graph: &[u8]) -> (Vec<String>, Tensors) {
    let mut nodes = Vec::new();
    let mut tensors = BTreeMap::new();
    for (field, _, bytes) in fields(graph).into_iter().filter(|f| [1, 5].contains(&f.0)) {
        let parts = fields(bytes);
        let all = |n| parts.iter().filter(move |f| f.0 == n).map(|f| text(f.2)).collect::<Vec<_>>().join(" ");
        if field == 1 {
            nodes.push(format!("{} = {}({})", all(2), all(4), all(1)));
        } else {
            let dims: Vec<u64> = parts.iter().filter(|f| f.0 == 1).map(|f| f.1).collect();
            let raw = parts.iter().find(|f| f.0 == 9).expect("values").2;
            tensors.insert(all(8), (dims, raw.to_vec()));
        }
    }
    (nodes, tensors)
}

/// The graph of an ONNX file.
fn graph(file: &[u8]) -> &[u8] {
    fields(file).iter().find(|f| f.0 == 7).expect("a graph").2
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

#[test]
fn onnx_has_the_graph() {
    let file = onnx::to_bytes(&model()).expect("a valid model");
    let (nodes, tensors) = parse(graph(&file));
    let want = [
        "data = Sub(input data.mean)",
        "layer.linear = Conv(data layer.weight)",
        "layer = PRelu(layer.linear layer.slope)",
        "bn = BatchNormalization(layer bn.scale bn.shift bn.mean bn.variance)",
        "act = PRelu(bn act.slope)",
        "pool = MaxPool(act)",
        "flat = Flatten(pool)",
        "drop = Identity(flat)",
        "same = Identity(drop)",
        "layer_9 = Gemm(same layer_9.weight layer_9.bias)",
        "prob = Softmax(layer_9)",
    ];
    assert_eq!(nodes, want);
    assert_eq!(tensors["layer.slope"].0, [2, 1, 1]);
    assert_eq!(tensors["layer.weight"], (vec![2, 1, 3, 1], bytes(&[0.0, 1.0, 0.0, -4.0, 0.0, 2.0])));
}

#[test]
fn onnx_has_bytes() {
    let mut b = ModelBuilder::new(&[2]);
    b.push("bytes", Op::FakeQuantize { scale: 0.5, zero_point: 200 });
    let weight = b.dense("w", &[2, 2], vec![63.0, -63.0, 0.0, 1.0]);
    let scale = Some(b.dense("s", &[2], vec![0.5, 0.25]));
    let params = LinearParams { in_features: 2, out_features: 2 };
    b.push("fc", Op::Linear { params, weight, scale, bias: None, prelu: None });
    let file = onnx::to_bytes(&b.finish().expect("a valid model")).expect("a valid model");
    let (nodes, tensors) = parse(graph(&file));
    let want = [
        "bytes.quantized = QuantizeLinear(input bytes.scale bytes.zero)",
        "bytes = DequantizeLinear(bytes.quantized bytes.scale bytes.zero)",
        "fc.weight = DequantizeLinear(fc.integers fc.scale fc.zero)",
        "fc = Gemm(bytes fc.weight)",
    ];
    assert_eq!(nodes, want);
    assert_eq!(tensors["bytes.zero"], (vec![], vec![200]));
    assert_eq!(tensors["fc.integers"], (vec![2, 2], vec![63, 193, 0, 1]));
    assert_eq!(tensors["fc.scale"], (vec![2], bytes(&[0.5, 0.25])));
    assert_eq!(tensors["fc.zero"], (vec![2], vec![0, 0]));
}

#[test]
fn no_two_names_are_alike() {
    let sequence = renamed(sequence(), &["a", "a.bias", "a/h", "a", "a/h.next", "a_h", "a.h"]);
    let file = onnx::to_bytes(&sequence).expect("a valid model");
    let mut seen = BTreeSet::new();
    for output in parse(graph(&file)).0.iter().flat_map(|node| node.split(" = ").next()).flat_map(|all| all.split(' '))
    {
        assert!(!output.contains('/') && seen.insert(output.to_owned()), "{output}");
    }

    // As other nodes, inputs, tensors and values inside a node are named, before and after these.
    let names =
        ["layer.slope", "layer", "input", "layer.linear", "act_5", "act", "", "act", "layer.weight", "layer.bias"];
    let model = renamed(model(), &names);
    let file = onnx::to_bytes(&model).expect("a valid model");
    let mut seen = BTreeSet::from(["input".to_owned()]);
    for (field, _, bytes) in fields(graph(&file)).into_iter().filter(|f| [1, 5].contains(&f.0)) {
        let name = fields(bytes).into_iter().find(|f| f.0 == if field == 1 { 2 } else { 8 }).expect("a name").2;
        assert!(seen.insert(text(name)), "two values are named {}", text(name));
    }
    // Some readers keep nodes and values in one table.
    for (_, _, bytes) in fields(graph(&file)).into_iter().filter(|f| f.0 == 1) {
        let name = fields(bytes).into_iter().find(|f| f.0 == 3).expect("a name").2;
        assert!(seen.insert(text(name)), "a node is named {}, as another or a value", text(name));
    }
    assert!(seen.contains("layer.slope") && seen.contains("layer_2.linear"));
    assert_eq!(SafeTensors::deserialize(&to_bytes(&model).expect("a valid model")).expect("a valid file").len(), 9);
}

/// The model with other names of its first nodes.
fn renamed(model: Model, names: &[&str]) -> Model {
    let mut model = model.edit();
    for (i, node) in model.take_nodes().into_iter().enumerate() {
        model.push_from(node.input, names.get(i).map_or(node.name, |&name| name.into()), node.op);
    }
    model.finish().expect("a valid model")
}

/// A fully connected layer over two features whose weight counts from zero.
fn linear(b: &mut ModelBuilder, name: &str, out_features: usize, bias: bool, prelu: bool) {
    let weight = (0..2 * out_features).map(|i| i as f32).collect();
    let weight = b.dense("w", &[out_features, 2], weight);
    let bias = bias.then(|| b.dense("b", &[out_features], (0..out_features).map(|i| 0.5 + i as f32).collect()));
    let prelu = prelu.then(|| b.dense("p", &[out_features], vec![0.25; out_features]));
    let params = LinearParams { in_features: 2, out_features };
    b.push(name, Op::Linear { params, weight, scale: None, bias, prelu });
}

fn lstm(b: &mut ModelBuilder, name: &str, rank: Option<usize>) {
    let project = rank.map(|rank| b.dense("v", &[rank, 2], vec![2.0; 2 * rank]));
    let columns = rank.unwrap_or(2);
    let recurrent = b.dense("u", &[8, columns], (0..8 * columns).map(|i| i as f32).collect());
    b.push(name, Op::Lstm { params: LstmParams { hidden_size: 2, rank }, project, recurrent });
}

/// Every operation of sequences, and each form that an LSTM is written in.
fn sequence() -> Model {
    let mut b = ModelBuilder::new(&[STEPS, 2]);
    linear(&mut b, "x1", 8, true, false);
    lstm(&mut b, "whole", None);
    linear(&mut b, "x2", 8, false, false);
    lstm(&mut b, "factored", Some(1));
    linear(&mut b, "x3", 8, true, true);
    lstm(&mut b, "activated", None);
    let (mean, scale) = (b.dense("bm", &[2], vec![1.0, 2.0]), b.dense("bs", &[2], vec![3.0, 4.0]));
    let shift = Some(b.dense("bt", &[2], vec![5.0, 6.0]));
    b.push("bn", Op::BatchNorm { mean, scale, shift });
    b.push("mean", Op::MeanOverTime);
    linear(&mut b, "fc", 3, true, true);
    b.finish().expect("a valid model")
}

#[test]
fn onnx_has_sequences() {
    let file = onnx::to_bytes(&sequence()).expect("a valid model");
    let (nodes, tensors) = parse(graph(&file));
    let want = [
        "whole.directions = LSTM(input whole.weight whole.recurrent whole.bias)",
        "whole = Squeeze(whole.directions whole.axes)",
        "x2 = MatMul(whole x2.weight)",
        "factored.h factored.c factored = Scan(factored.state factored.state x2)",
        "x3.product = MatMul(factored x3.weight)",
        "x3.linear = Add(x3.product x3.bias)",
        "x3 = PRelu(x3.linear x3.slope)",
        "activated.h activated.c activated = Scan(activated.state activated.state x3)",
        "bn.centred = Sub(activated bn.mean)",
        "bn.scaled = Mul(bn.centred bn.scale)",
        "bn = Add(bn.scaled bn.shift)",
        "mean = ReduceMean(bn)",
        "fc.linear = Gemm(mean fc.weight fc.bias)",
        "fc = PRelu(fc.linear fc.slope)",
    ];
    assert_eq!(nodes, want);
    // Rows of i, f, g, o become i, o, f, g.
    let rows = |columns: usize| [0, 1, 6, 7, 2, 3, 4, 5].into_iter().flat_map(move |r| r * columns..(r + 1) * columns);
    let whole: Vec<f32> = rows(2).map(|v| v as f32).collect();
    assert_eq!(tensors["whole.weight"], (vec![1, 8, 2], bytes(&whole)));
    assert_eq!(tensors["whole.recurrent"], (vec![1, 8, 2], bytes(&whole)));
    let bias: Vec<f32> = rows(1).map(|v| 0.5 + v as f32).chain([0.0; 8]).collect();
    assert_eq!(tensors["whole.bias"], (vec![1, 16], bytes(&bias)));
    let x2: Vec<f32> = (0..16).map(|i| (i % 8 * 2 + i / 8) as f32).collect();
    assert_eq!(tensors["x2.weight"], (vec![2, 8], bytes(&x2)));
    assert_eq!((&tensors["x3.slope"].0, &tensors["fc.slope"].0), (&vec![8], &vec![3]));
    assert_eq!(tensors["factored.state"], (vec![1, 2], bytes(&[0.0; 2])));
}

#[test]
fn onnx_has_the_steps_of_a_factored_lstm() {
    let file = onnx::to_bytes(&sequence()).expect("a valid model");
    let nodes = fields(graph(&file)).into_iter().filter(|f| f.0 == 1).map(|f| fields(f.2));
    let scan = nodes.into_iter().find(|parts| parts.iter().any(|f| f.0 == 4 && f.2 == b"Scan")).expect("a scan");
    let body = scan.iter().filter(|f| f.0 == 5).find_map(|f| fields(f.2).into_iter().find(|f| f.0 == 6));
    let body = body.expect("the graph of a step").2;
    let (nodes, tensors) = parse(body);
    assert_eq!(
        nodes[..2],
        [
            "factored/project = Gemm(factored/h factored.project)",
            "factored/gates = Gemm(factored/project factored.recurrent factored/x)",
        ]
    );
    assert!(tensors.is_empty(), "the factors belong to the graph around it");
    let named = |field| fields(body).into_iter().filter(move |f| f.0 == field).map(|f| text(fields(f.2)[0].2));
    let ends = [11, 12].map(|field| named(field).collect::<Vec<_>>().join(" "));
    assert_eq!(ends[0], "factored/h factored/c factored/x");
    assert_eq!(ends[1], "factored/h.next factored/c.next factored/row");
}

#[test]
fn values_that_others_read_are_not_folded_away() {
    // The mean is that of the first layer, which must not be written into the LSTM after it.
    let mut b = ModelBuilder::new(&[STEPS, 2]);
    linear(&mut b, "x1", 8, true, false);
    let first = b.last();
    lstm(&mut b, "whole", None);
    b.push_from(first, "mean", Op::MeanOverTime);
    let model = b.finish().expect("a valid model");
    let (nodes, _) = parse(graph(&onnx::to_bytes(&model).expect("a valid model")));
    assert!(nodes[2].starts_with("whole.h whole.c whole = Scan("), "{nodes:?}");
    assert_eq!(nodes[3], "mean = ReduceMean(x1)");
}

#[test]
fn sequences_go_to_safetensors() {
    let file = to_bytes(&sequence()).expect("a valid model");
    let tensors = SafeTensors::deserialize(&file).expect("a valid file");
    assert_eq!(tensors.tensor("factored.recurrent").expect("the matrix").shape(), [8, 1]);
    assert_eq!(tensors.tensor("factored.project").expect("its factor").shape(), [1, 2]);
}
