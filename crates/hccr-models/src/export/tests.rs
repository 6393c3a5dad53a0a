use super::{onnx, safetensors::to_bytes};
use hccr_runtime::model::Pattern;
use hccr_runtime::shape::{Conv2dParams, LinearParams, LstmParams, Pool2dParams, STEPS};
use hccr_runtime::{Model, ModelBuilder, Op, Weight, WeightData};
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
    let weight = b.weight(Weight { name: "w".into(), shape: vec![2, 1, 3, 1], data });
    let scale = Some(b.dense("s", &[2], vec![2.0, 4.0]));
    let prelu = Some(b.dense("p", &[2], vec![0.25, 0.5]));
    b.push("layer", Op::Conv2d { params, weight, scale, bias: None, prelu });
    let (mean, scale) = (b.dense("bm", &[2], vec![1.0, 2.0]), b.dense("bs", &[2], vec![3.0, 4.0]));
    b.push("bn", Op::BatchNorm { mean, scale, shift: None });
    let slope = b.dense("sl", &[2], vec![0.1, 0.2]);
    b.push("act", Op::PRelu { slope }).push("pool", Op::MaxPool2d { params: Pool2dParams::THESIS });
    b.push("flat", Op::Flatten).push("drop", Op::Dropout { probability: 0.5 }).push("same", Op::Identity);
    let weight =
        b.weight(Weight::sparse("f", &[2, 8], &[0., 1., 0., 0., 0., 0., 0., 2., 3., 0., 0., 0., 0., 0., 0., 0.]));
    let bias = Some(b.dense("fb", &[2], vec![7.0, 8.0]));
    let params = LinearParams { in_features: 8, out_features: 2 };
    b.push("layer", Op::Linear { params, weight, scale: None, bias, prelu: None });
    b.push("prob", Op::Softmax);
    b.finish(vec!['一', '二'])
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

#[test]
fn onnx_has_the_graph() {
    let bytes = onnx::to_bytes(&model()).expect("a valid model");
    let graph = fields(&bytes).iter().find(|f| f.0 == 7).expect("a graph").2;
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
    let weight: Vec<u8> = [0.0f32, 1.0, 0.0, -4.0, 0.0, 2.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    assert_eq!(tensors["layer.weight"], (vec![2, 1, 3, 1], weight));
}

#[test]
fn no_two_names_are_alike() {
    let mut model = model();
    // As other nodes, inputs, tensors and values inside a node are named, before and after these.
    let names =
        ["layer.slope", "layer", "input", "layer.linear", "act_5", "act", "", "act", "layer.weight", "layer.bias"];
    for (node, name) in model.nodes.iter_mut().zip(names) {
        node.name = name.into();
    }
    let bytes = onnx::to_bytes(&model).expect("a valid model");
    let graph = fields(&bytes).iter().find(|f| f.0 == 7).expect("a graph").2;
    let mut seen = BTreeSet::from(["input".to_owned()]);
    for (field, _, bytes) in fields(graph).into_iter().filter(|f| [1, 5].contains(&f.0)) {
        let name = fields(bytes).into_iter().find(|f| f.0 == if field == 1 { 2 } else { 8 }).expect("a name").2;
        assert!(seen.insert(text(name)), "two values are named {}", text(name));
    }
    assert!(seen.contains("layer.slope") && seen.contains("layer_2.linear"));
    assert_eq!(SafeTensors::deserialize(&to_bytes(&model).expect("a valid model")).expect("a valid file").len(), 9);
}

#[test]
fn invalid_models_are_refused() {
    let mut model = model();
    model.nodes.swap(0, 5);
    assert!(onnx::to_bytes(&model).is_err() && to_bytes(&model).is_err());
}

#[test]
fn sequences_go_to_safetensors_and_not_to_onnx() {
    let mut b = ModelBuilder::new(&[STEPS, 4]);
    let project = Some(b.dense("v", &[1, 1], vec![2.0]));
    let recurrent = b.dense("u", &[4, 1], vec![1.0; 4]);
    let params = LstmParams { hidden_size: 1, rank: Some(1) };
    b.push("lstm", Op::Lstm { params, project, recurrent }).push("mean", Op::MeanOverTime);
    let model = b.finish(Vec::new());
    let error = onnx::to_bytes(&model).expect_err("an operation that ONNX lacks");
    assert_eq!(error.to_string(), "layer 'lstm': Lstm cannot be exported to this format");
    let file = to_bytes(&model).expect("a valid model");
    let tensors = SafeTensors::deserialize(&file).expect("a valid file");
    assert_eq!(tensors.tensor("lstm.recurrent").expect("the matrix").shape(), [4, 1]);
    assert_eq!(tensors.tensor("lstm.project").expect("its factor").shape(), [1, 1]);
}
