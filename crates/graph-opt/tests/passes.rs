//! Each pass and the whole pipeline keep the outputs; what they remove and what they leave alone.

mod common;

use common::{Fill, assert_same_outputs, models};
use hccr_graph_opt::{PASSES, Pass, fold_batch_norm, fuse_prelu, optimize, remove_dead_nodes, remove_unused_weights};
use hccr_runtime::shape::{Conv2dParams, LinearParams, Pool2dParams};
use hccr_runtime::{Model, ModelBuilder, Op, Pattern, ValueId, Weight, WeightData, WeightId};
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};

proptest! {
    #[test]
    fn passes_keep_the_outputs(model in models(), seed: u64) {
        let input: Vec<f64> = Fill(seed).vector(60).iter().map(|&v| f64::from(v) * 3.0).collect();
        let mut piped = model.clone();
        for Pass { run, .. } in PASSES {
            piped = run(&piped);
            for after in [&piped, &run(&model)] {
                assert_same_outputs(&model, after, &input)?;
            }
        }
        prop_assert_eq!(&piped, &optimize(&model));
    }

    #[test]
    fn a_second_run_changes_nothing(model in models()) {
        for Pass { run, .. } in PASSES {
            let once = run(&model);
            prop_assert_eq!(&run(&once), &once);
        }
        let once = optimize(&model);
        prop_assert_eq!(&optimize(&once), &once);
    }

    #[test]
    fn weights_keep_their_form(model in models()) {
        let optimized = optimize(&model);
        let before: HashMap<_, _> = matrices(&model).collect();
        for (node, after) in matrices(&optimized) {
            match (before[node], after) {
                (WeightData::Dense(_), WeightData::Dense(_)) => {}
                (WeightData::Sparse { pattern: a, .. }, WeightData::Sparse { pattern: b, .. }) => prop_assert_eq!(a, b),
                (WeightData::Codebook { .. }, WeightData::Codebook { .. }) => prop_assert_eq!(before[node], after),
                (a, b) => prop_assert!(false, "{a:?} became {b:?}"),
            }
        }
        let names: HashSet<_> = optimized.weights().iter().map(|w| &w.name).collect();
        prop_assert_eq!(names.len(), optimized.weights().len());
    }
}

fn matrices(model: &Model) -> impl Iterator<Item = (&str, &WeightData)> {
    model.nodes().iter().filter_map(|n| match n.op {
        Op::Conv2d { weight, .. } | Op::Linear { weight, .. } => Some((n.name.as_str(), &model.weight(weight).data)),
        _ => None,
    })
}

fn names(model: &Model) -> Vec<&str> {
    model.nodes().iter().map(|n| n.op.name()).collect()
}

/// A `Conv2d` (2 outputs, kernel 1x1, no bias) over a 1x2x2 input, then `ops` in a chain; weight 0 is the
/// convolution's, weight 1 the vector (3, 2).
fn after_conv(weight: WeightData, ops: &[Op]) -> Model {
    let params = Conv2dParams::same(1, 2, [1, 1]);
    let mut b = ModelBuilder::new(&[1, 2, 2]);
    let weight = b.weight(Weight::new("conv.weight", &[2, 1, 1, 1], weight));
    b.dense("vector", &[2], vec![3.0, 2.0]);
    b.push("conv", Op::Conv2d { params, weight, scale: None, bias: None, prelu: None });
    for op in ops {
        b.push(op.name(), op.clone());
    }
    b.finish().unwrap()
}

const VECTOR: WeightId = WeightId(1);
const NORM: Op = Op::BatchNorm { mean: VECTOR, scale: VECTOR, shift: None };

#[test]
fn the_thesis_network_shrinks_to_its_layers() {
    let mut fill = Fill(7);
    let mut b = ModelBuilder::new(&[1, 8, 8]);
    let mean = b.dense("mean", &[1, 8, 8], fill.vector(64));
    b.push("mean", Op::SubtractMean { mean });
    let norm_and_prelu = |b: &mut ModelBuilder, fill: &mut Fill, name: &str, channels: usize| {
        let mean = b.dense(format!("{name}.mean"), &[channels], fill.vector(channels));
        let scale = b.dense(format!("{name}.scale"), &[channels], fill.vector(channels));
        let slope = b.dense(format!("{name}.slope"), &[channels], fill.vector(channels));
        b.push(format!("{name}.bn"), Op::BatchNorm { mean, scale, shift: None });
        b.push(format!("{name}.prelu"), Op::PRelu { slope });
    };
    for (name, kernel_size, in_channels) in [("conv2_v", [3, 1], 1), ("conv2_h", [1, 3], 4)] {
        let params = Conv2dParams::same(in_channels, 4, kernel_size);
        let weight = b.dense(format!("{name}.weight"), &params.weight_shape(), fill.vector(12 * in_channels));
        let bias = Some(b.dense(format!("{name}.bias"), &[4], fill.vector(4)));
        b.push(name, Op::Conv2d { params, weight, scale: None, bias, prelu: None });
    }
    norm_and_prelu(&mut b, &mut fill, "conv2", 4);
    b.push("pool2", Op::MaxPool2d { params: Pool2dParams::THESIS });
    b.push("flatten", Op::Flatten);
    b.push("dropout", Op::Dropout { probability: 0.5 });
    for (name, in_features, out_features) in [("fc1", 64, 5), ("fc2", 5, 3)] {
        let weight = b.weight(fill.weight(&format!("{name}.weight"), &[out_features, in_features]));
        let params = LinearParams { in_features, out_features };
        b.push(name, Op::Linear { params, weight, scale: None, bias: None, prelu: None });
        if name == "fc1" {
            norm_and_prelu(&mut b, &mut fill, name, 5);
        }
    }
    b.push("softmax", Op::Softmax);
    b.set_labels(vec!['一', '丁', '七']);
    let model = b.finish().unwrap();

    let optimized = optimize(&model);
    let layers: Vec<_> = optimized.nodes().iter().map(|n| n.name.as_str()).collect();
    assert_eq!(layers, ["mean", "conv2_v", "conv2_h", "pool2", "flatten", "fc1", "fc2", "softmax"]);
    assert_eq!(optimized.labels(), model.labels());
    assert!(matches!(optimized.nodes()[1].op, Op::Conv2d { prelu: None, .. }));
    assert!(matches!(optimized.nodes()[2].op, Op::Conv2d { prelu: Some(_), bias: Some(_), .. }));
    let input: Vec<f64> = fill.vector(64).iter().map(|&v| v.into()).collect();
    assert_same_outputs(&model, &optimized, &input).unwrap();
}

#[test]
fn dense_weights_take_the_factor_and_a_missing_bias_appears() {
    let model = fold_batch_norm(&after_conv(WeightData::Dense(vec![5.0, 7.0]), &[NORM]));
    let Op::Conv2d { weight, scale: None, bias: Some(bias), .. } = model.nodes()[0].op else { panic!() };
    assert_eq!(model.weight(weight).to_dense(), [15.0, 14.0]);
    assert_eq!(model.weight(bias).to_dense(), [-9.0, -4.0]);
    assert_eq!((model.nodes().len(), model.outputs()), (1, &[ValueId(1)][..]));
}

#[test]
fn a_codebook_stays_and_the_layer_takes_the_factor() {
    let full = Pattern { indptr: vec![0, 1, 2], indices: vec![0, 0] };
    let codebook = WeightData::Codebook { pattern: full, centres: vec![0.5], labels: vec![0, 0] };
    let model = fold_batch_norm(&after_conv(codebook.clone(), &[NORM, NORM]));
    let Op::Conv2d { weight, scale: Some(scale), bias: Some(bias), .. } = model.nodes()[0].op else { panic!() };
    assert_eq!(model.weight(weight).data, codebook);
    assert_eq!(model.weight(scale).to_dense(), [9.0, 4.0]);
    assert_eq!(model.weight(bias).to_dense(), [-36.0, -12.0]);
    assert_eq!(model.nodes().len(), 1);
}

#[test]
fn values_that_others_see_stay() {
    let prelu = Op::PRelu { slope: VECTOR };
    for op in [NORM, prelu] {
        let chain = after_conv(WeightData::Dense(vec![5.0, 7.0]), std::slice::from_ref(&op));
        assert_eq!(optimize(&chain).nodes().len(), 1);

        let mut output = chain.clone().edit();
        output.set_outputs(vec![ValueId(2), ValueId(1)]);
        let output = output.finish().unwrap();
        assert_eq!(optimize(&output), output);

        let mut builder = chain.edit();
        let other = builder.push_from(ValueId(1), "other", Op::Flatten);
        // A reader that no output needs does not stand in the way.
        let unneeded = builder.clone().finish().unwrap();
        builder.set_outputs(vec![ValueId(2), other]);
        let second_reader = builder.finish().unwrap();
        assert_eq!(optimize(&second_reader), second_reader);
        assert_eq!(optimize(&unneeded).nodes().len(), 1);
    }
}

#[test]
fn shared_weights_are_not_changed_for_the_other_layer() {
    let mut model = after_conv(WeightData::Dense(vec![5.0, 7.0]), &[NORM]).edit();
    let conv = model.nodes()[0].op.clone();
    let other = model.push_from(ValueId(0), "other", conv);
    model.set_outputs(vec![ValueId(2), other]);
    let model = model.finish().unwrap();
    let optimized = optimize(&model);
    assert_eq!(optimized.nodes().len(), 2);
    assert_same_outputs(&model, &optimized, &[1.0, -2.0, 3.0, -4.0]).unwrap();
}

#[test]
fn order_matters_between_prelu_and_norm() {
    let prelu = Op::PRelu { slope: VECTOR };
    let model = after_conv(WeightData::Dense(vec![5.0, 7.0]), &[prelu.clone(), NORM, prelu]);
    assert_eq!(names(&optimize(&model)), ["Conv2d", "BatchNorm", "PRelu"]);
    assert_eq!(fuse_prelu(&model).nodes().len(), 3);
}

#[test]
fn a_fold_beyond_f32_is_left_out() {
    let model = after_conv(WeightData::Dense(vec![f32::MAX, 0.0]), &[NORM]);
    assert_eq!(optimize(&model), model);
}

#[test]
fn outputs_may_be_inputs_or_repeated() {
    let model = after_conv(WeightData::Dense(vec![5.0, 7.0]), &[Op::Identity, Op::Identity]);
    let with_outputs = |outputs| {
        let mut model = model.clone().edit();
        model.set_outputs(outputs);
        model.finish().unwrap()
    };
    let model = with_outputs(vec![ValueId(3), ValueId(0), ValueId(2)]);
    assert_eq!(optimize(&model).outputs(), [ValueId(1), ValueId(0), ValueId(1)]);
    let model = with_outputs(vec![ValueId(0)]);
    assert_eq!(remove_dead_nodes(&model).nodes(), []);
    assert_eq!(remove_unused_weights(&remove_dead_nodes(&model)).weights(), []);
}
