//! Quantization of small networks.

use hccr_compress::{Codebook, QuantizeError, quantize};
use hccr_constraint::Constraint;
use hccr_random::Rng;
use hccr_runtime::shape::{Conv2dParams, LinearParams, Pool2dParams, STEPS};
use hccr_runtime::{Model, ModelBuilder, Op, Plan, Session, ValueId, Weight, WeightData};
use std::sync::Arc;

const SIDE: usize = 8;

fn normals(rng: &mut Rng, n: usize, deviation: f32) -> Vec<f32> {
    (0..n).map(|_| deviation * rng.normal()).collect()
}

/// As `normals`, with 30 % of the values kept.
fn pruned(rng: &mut Rng, n: usize, deviation: f32) -> Vec<f32> {
    (0..n).map(|_| if rng.chance(0.3) { deviation * rng.normal() } else { 0.0 }).collect()
}

fn conv(b: &mut ModelBuilder, name: &str, params: Conv2dParams, weight: Weight, scale: bool, rng: &mut Rng) {
    let channels = params.out_channels;
    let mut vector = |what: &str, low, high| {
        let values = (0..channels).map(|_| rng.range(low, high)).collect();
        b.dense(format!("{name}.{what}"), &[channels], values)
    };
    let (bias, prelu) = (Some(vector("bias", -0.2, 0.2)), Some(vector("prelu", 0.0, 0.3)));
    let scale = scale.then(|| vector("scale", 0.5, 2.0));
    let weight = b.weight(weight);
    b.push(name, Op::Conv2d { params, weight, scale, bias, prelu });
}

/// Mean, dense convolution, pooling, convolution with a codebook and a scale, sparse fully connected layer.
fn network(rng: &mut Rng) -> Model {
    let mut b = ModelBuilder::new(&[1, SIDE, SIDE]);
    let mean = b.dense("mean", &[1, SIDE, SIDE], vec![40.0; SIDE * SIDE]);
    b.push("mean", Op::SubtractMean { mean });
    let params = Conv2dParams::same(1, 12, [3, 3]);
    let weight = Weight::dense("conv1.weight", &params.weight_shape(), normals(rng, 12 * 9, 0.004));
    conv(&mut b, "conv1", params, weight, false, rng);
    b.push("pool", Op::MaxPool2d { params: Pool2dParams::THESIS });
    let params = Conv2dParams::same(12, 16, [1, 3]);
    let steps = |v: f32| (20.0 * v).round() / 20.0;
    let shared: Vec<f32> = pruned(rng, 16 * 36, 0.3).into_iter().map(steps).collect();
    let labels = Codebook::new(&shared, 8).unwrap().labels;
    let weight = Constraint::Shared(labels).weight("conv2.weight", &params.weight_shape(), &shared);
    conv(&mut b, "conv2", params, weight, true, rng);
    b.push("flatten", Op::Flatten);
    let params = LinearParams { in_features: 16 * 16, out_features: 10 };
    let weight = Weight::sparse("fc.weight", &[10, 256], &pruned(rng, 2560, 0.1));
    let weight = b.weight(weight);
    b.push("fc", Op::Linear { params, weight, scale: None, bias: None, prelu: None });
    b.set_labels(('a'..='j').collect());
    b.finish().unwrap()
}

fn images(rng: &mut Rng, count: usize) -> Vec<Vec<f32>> {
    let mut image = || (0..SIDE * SIDE).map(|_| rng.range(-255.0, 255.0).max(0.0).round()).collect();
    (0..count).map(|_| image()).collect()
}

fn logits(model: &Model, input: &[f32]) -> Vec<f32> {
    Session::new(Arc::new(Plan::new(model).unwrap())).run(input).unwrap().to_vec()
}

fn names(model: &Model) -> Vec<&str> {
    model.nodes().iter().map(|node| node.name.as_str()).collect()
}

/// The weight and the scale of the layer `name`.
fn layer<'a>(model: &'a Model, name: &str) -> (&'a Weight, Option<&'a Weight>) {
    let node = model.nodes().iter().find(|node| node.name == name).unwrap();
    let (Op::Conv2d { weight, scale, .. } | Op::Linear { weight, scale, .. }) = node.op else { panic!("no layer") };
    (model.weight(weight), scale.map(|id| model.weight(id)))
}

#[test]
fn a_chain_is_rounded_before_each_layer_and_keeps_its_answers() {
    let mut rng = Rng::new(5, 0);
    let model = network(&mut rng);
    let quantized = quantize(&model, &images(&mut rng, 50)).unwrap();
    assert_eq!(
        names(&quantized),
        ["mean", "mean.quantize", "conv1", "conv1.quantize", "pool", "conv2", "conv2.quantize", "flatten", "fc"]
    );
    assert_eq!(quantized.labels(), model.labels());
    assert_eq!(Model::from_bytes(&quantized.to_bytes()).unwrap(), quantized);
    let (mut errors, mut energy) = (0.0, 0.0);
    for image in images(&mut rng, 50) {
        for (found, want) in logits(&quantized, &image).iter().zip(logits(&model, &image)) {
            errors += (found - want).powi(2);
            energy += want.powi(2);
        }
    }
    // Three layers, each with a rounding error of about 1 % of what it reads, and 1.5 % of its weight.
    let relative = (errors / energy).sqrt();
    assert!(relative > 1e-3 && relative < 0.035, "{relative}");
}

#[test]
fn weights_become_integers_in_their_old_places() {
    let mut rng = Rng::new(6, 0);
    let model = network(&mut rng);
    let quantized = quantize(&model, &images(&mut rng, 4)).unwrap();
    assert_eq!(quantized.weights().len(), model.weights().len() + 2, "conv1 and fc had no scale");
    for name in ["conv1", "conv2", "fc"] {
        let ((old, old_scale), (new, scale)) = (layer(&model, name), layer(&quantized, name));
        let WeightData::Codebook { pattern, centres, labels } = &new.data else { panic!("{name}: no codebook") };
        assert!(centres.iter().all(|c| c.fract() == 0.0 && c.abs() <= f32::from(Op::MAX_QUANTIZED)), "{centres:?}");
        assert!(centres.iter().any(|c| c.abs() > 40.0), "{name}: {centres:?}");
        match &old.data {
            WeightData::Dense(_) => assert_eq!(pattern.nnz(), old.elements()),
            WeightData::Sparse { pattern: kept, .. } => assert_eq!(pattern, kept),
            WeightData::Codebook { pattern: kept, labels: same, .. } => assert_eq!((pattern, labels), (kept, same)),
            other => panic!("{other:?}"),
        }
        let [scale, old_scale] = [scale, old_scale].map(|s| s.map_or(vec![1.0; old.rows()], Weight::to_dense));
        let product = |w: &Weight, scale: &[f32]| -> Vec<f32> {
            w.to_dense().iter().enumerate().map(|(i, v)| v * scale[i / w.columns()]).collect()
        };
        let (old, new) = (product(old, &old_scale), product(new, &scale));
        let largest = old.iter().fold(0.0, |most: f32, v| most.max(v.abs()));
        assert!(old.iter().zip(&new).all(|(a, b)| (a - b).abs() < 0.15 * largest), "{name}");
    }
}

#[test]
fn rounding_before_pooling_is_rounding_after_it() {
    let mut rng = Rng::new(7, 0);
    let model = quantize(&network(&mut rng), &images(&mut rng, 4)).unwrap();
    let mut pooled_first = model.clone().edit();
    let at = model.nodes().iter().position(|node| node.name == "conv1.quantize").unwrap();
    let [rounding, pooling] = [at, at + 1].map(|node| model.nodes()[node].op.clone());
    assert!(matches!(pooling, Op::MaxPool2d { .. }));
    (*pooled_first.op_mut(at), *pooled_first.op_mut(at + 1)) = (pooling, rounding);
    let pooled_first = pooled_first.finish().unwrap();
    for image in images(&mut rng, 4) {
        assert_eq!(logits(&model, &image), logits(&pooled_first, &image));
    }
}

/// Two convolutions that share a weight read the input, one of them through pooling; the first one's values are an output
/// too, and a third layer reads them.
fn branches(rng: &mut Rng) -> Model {
    let mut b = ModelBuilder::new(&[1, SIDE, SIDE]);
    let params = Conv2dParams::same(1, 4, [3, 3]);
    let weight = b.dense("shared", &params.weight_shape(), normals(rng, 36, 0.3));
    let shared = Op::Conv2d { params, weight, scale: None, bias: None, prelu: None };
    let params = Conv2dParams::same(4, 2, [1, 1]);
    let weight = b.dense("last", &params.weight_shape(), normals(rng, 8, 0.3));
    let last = Op::Conv2d { params, weight, scale: None, bias: None, prelu: None };
    let input = b.last();
    let pooled = b.push("pool", Op::MaxPool2d { params: Pool2dParams::THESIS });
    let a = b.push_from(input, "a", shared.clone());
    let outputs = vec![a, b.push_from(pooled, "b", shared), b.push_from(a, "c", last)];
    b.set_outputs(outputs);
    b.finish().unwrap()
}

#[test]
fn a_value_with_several_readers_is_rounded_once() {
    let mut rng = Rng::new(8, 0);
    let model = branches(&mut rng);
    let quantized = quantize(&model, &images(&mut rng, 4)).unwrap();
    assert_eq!(names(&quantized), ["input.quantize", "pool", "a", "a.quantize", "b", "c"]);
    let inputs: Vec<u32> = quantized.nodes().iter().map(|node| node.input.0).collect();
    assert_eq!(inputs, [0, 1, 1, 3, 2, 4]);
    // The outputs are those of a, b and c, none of them rounded.
    assert_eq!(quantized.outputs(), [ValueId(3), ValueId(5), ValueId(6)]);
    // Grey values need no negative numbers.
    let Op::FakeQuantize { zero_point, scale } = quantized.nodes()[0].op else { panic!("no rounding of the input") };
    assert!(zero_point == 0 && scale <= 1.0, "{zero_point} {scale}");
    let [(a, a_scale), (b, b_scale)] = ["a", "b"].map(|name| layer(&quantized, name));
    assert_eq!((a.to_dense(), a_scale.unwrap().to_dense()), (b.to_dense(), b_scale.unwrap().to_dense()));
}

#[test]
fn what_cannot_be_quantized_is_refused() {
    let mut rng = Rng::new(9, 0);
    let (model, samples) = (network(&mut rng), images(&mut rng, 2));
    assert_eq!(quantize(&model, &[]), Err(QuantizeError::NoSamples));
    assert!(matches!(quantize(&model, &[vec![0.0; 3]]), Err(QuantizeError::Run(_))));
    let quantized = quantize(&model, &samples).unwrap();
    let again = quantize(&quantized, &samples);
    assert!(matches!(&again, Err(QuantizeError::Quantized { layer }) if layer == "conv2.quantize"), "{again:?}");

    let mut huge = model.edit();
    let Op::Conv2d { bias: Some(bias), .. } = huge.nodes()[1].op else { panic!("conv1 has a bias") };
    huge.weight_mut(bias).data = WeightData::Dense([[f32::MAX, -f32::MAX]; 6].concat());
    let Op::Conv2d { prelu: Some(slope), .. } = huge.nodes()[1].op else { panic!("conv1 has slopes") };
    huge.weight_mut(slope).data = WeightData::Dense(vec![1.0; 12]);
    let refused = quantize(&huge.finish().unwrap(), &samples);
    assert_eq!(refused, Err(QuantizeError::TooLarge { layer: "conv1".into() }));

    let mut b = ModelBuilder::new(&[STEPS, 3]);
    let weight = b.dense("fc.weight", &[2, 3], vec![1.0; 6]);
    let params = LinearParams { in_features: 3, out_features: 2 };
    b.push("fc", Op::Linear { params, weight, scale: None, bias: None, prelu: None });
    b.push("mean", Op::MeanOverTime);
    assert_eq!(quantize(&b.finish().unwrap(), &[vec![0.0; 6]]), Err(QuantizeError::Sequence));
}

#[test]
fn a_model_without_layers_is_left_alone() {
    let mut b = ModelBuilder::new(&[4]);
    b.push("softmax", Op::Softmax);
    let model = b.finish().unwrap();
    assert_eq!(quantize(&model, &[vec![1.0; 4]]).unwrap(), model);
}
