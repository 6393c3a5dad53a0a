//! Whole networks: fusion, branches, layouts that change between layers, errors, hostile models.

mod common;

use common::{Rng, assert_close, run};
use hccr_runtime::shape::{Conv2dParams, LinearParams, Pool2dParams};
use hccr_runtime::{IsaKind, Model, ModelBuilder, Op, Plan, PlanError, RunError, Session, ValueId, Weight};
use std::sync::Arc;

/// A small network of the thesis's kind, with every operation; `fused` folds BN and PRelu by hand.
fn network(fused: bool, density: f64) -> Model {
    let mut rng = Rng(5);
    let mut b = ModelBuilder::new(&[1, 20, 20]);
    let mean = b.dense("mean", &[1, 20, 20], rng.values(400));
    b.push("data", Op::SubtractMean { mean });
    let mut channels = 1;
    for (name, out, kernel, pool) in
        [("conv1", 6, [3, 3], true), ("conv2_v", 5, [3, 1], false), ("conv2_h", 9, [1, 3], true)]
    {
        let params = Conv2dParams::same(channels, out, kernel);
        let shape = params.weight_shape();
        let weight = rng.sparse_values(shape.iter().product(), density);
        let (bias, slope) = (rng.values(out), rng.values(out));
        let (bn_mean, bn_scale) = (rng.values(out), rng.values(out));
        if fused {
            let columns = weight.len() / out;
            let folded = weight.iter().enumerate().map(|(i, w)| w * bn_scale[i / columns]).collect();
            let bias = (0..out).map(|o| (bias[o] - bn_mean[o]) * bn_scale[o]).collect();
            let weight = b.dense("w", &shape, folded);
            let bias = Some(b.dense("b", &[out], bias));
            let prelu = Some(b.dense("s", &[out], slope));
            b.push(name, Op::Conv2d { params, weight, scale: None, bias, prelu });
        } else {
            let weight = b.dense("w", &shape, weight);
            let bias = Some(b.dense("b", &[out], bias));
            b.push(name, Op::Conv2d { params, weight, scale: None, bias, prelu: None });
            let (mean, scale) = (b.dense("m", &[out], bn_mean), b.dense("v", &[out], bn_scale));
            b.push("bn", Op::BatchNorm { mean, scale, shift: None });
            let slope = b.dense("s", &[out], slope);
            b.push("prelu", Op::PRelu { slope });
        }
        if pool {
            b.push("pool", Op::MaxPool2d { params: Pool2dParams::THESIS });
        }
        channels = out;
    }
    b.push("flatten", Op::Flatten);
    if !fused {
        b.push("dropout", Op::Dropout { probability: 0.5 });
        b.push("identity", Op::Identity);
    }
    let params = LinearParams { in_features: 9 * 25, out_features: 70 };
    let weight = b.dense("fc", &[70, 225], rng.sparse_values(70 * 225, density));
    b.push("fc", Op::Linear { params, weight, scale: None, bias: None, prelu: None });
    b.push("softmax", Op::Softmax);
    b.finish().unwrap()
}

#[test]
fn fused_equals_unfused_on_every_isa() {
    let input = Rng(8).values(400);
    for density in [1.0, 0.3] {
        let want = run(&network(false, density), IsaKind::Scalar, &input);
        for isa in IsaKind::available() {
            for fused in [false, true] {
                let found = run(&network(fused, density), isa, &input);
                assert_close(&found, &want, 1e-5, &format!("{isa} fused {fused} density {density}"));
            }
        }
    }
}

#[test]
fn sessions_repeat_themselves_and_share_a_plan() {
    let plan = Arc::new(Plan::new(&network(true, 0.3)).unwrap());
    let mut sessions = [Session::new(plan.clone()), Session::new(plan)];
    let inputs = [Rng(1).values(400), Rng(2).values(400)];
    let first = sessions[0].run(&inputs[0]).unwrap().to_vec();
    for session in &mut sessions {
        assert_ne!(session.run(&inputs[1]).unwrap(), first);
        assert_eq!(session.run(&inputs[0]).unwrap(), first);
    }
}

#[test]
fn branches_and_several_outputs() {
    // Two convolutions with different borders read one value; the value itself, an image, is an output too.
    let mut rng = Rng(4);
    let mut b = ModelBuilder::new(&[2, 7, 9]);
    let slope = b.dense("slope", &[2], vec![0.5, 0.25]);
    b.push("prelu", Op::PRelu { slope });
    for kernel_size in [[3, 5], [1, 1]] {
        let params = Conv2dParams::same(2, 3, kernel_size);
        let weight = b.dense("w", &params.weight_shape(), rng.values(6 * kernel_size[0] * kernel_size[1]));
        b.push_from(ValueId(1), "conv", Op::Conv2d { params, weight, scale: None, bias: None, prelu: None });
    }
    b.set_outputs(vec![ValueId(2), ValueId(3), ValueId(1), ValueId(0)]);
    let model = b.finish().unwrap();
    let input = rng.values(2 * 63);
    let prelu: Vec<f32> =
        input.iter().enumerate().map(|(i, &x)| if x > 0.0 { x } else { x * [0.5, 0.25][i / 63] }).collect();
    for isa in IsaKind::available() {
        let mut session = Session::new(Arc::new(Plan::with_isa(&model, isa).unwrap()));
        session.run(&input).unwrap();
        assert_eq!((session.output(2), session.output(3)), (Some(&prelu[..]), Some(&input[..])));
        for (output, node) in [(0, 1), (1, 2)] {
            let want = run(&alone(&model, node), IsaKind::Scalar, &prelu);
            assert_close(session.output(output).unwrap(), &want, 1e-5, "branch");
        }
        assert_eq!(session.output(4), None);
    }
}

/// The model of one node of `model`.
fn alone(model: &Model, node: usize) -> Model {
    let node = &model.nodes()[node];
    let mut b = ModelBuilder::new(model.shape(node.input));
    model.weights().iter().for_each(|weight| _ = b.weight(weight.clone()));
    b.push(&node.name, node.op.clone());
    b.finish().unwrap()
}

/// A chain of random operations on small values; draws that do not fit are left out.
fn chain(rng: &mut Rng) -> Model {
    let below = |rng: &mut Rng, n: u64| (rng.next() % n) as usize;
    let shape = [1 + below(rng, 4), 1 + below(rng, 14), 1 + below(rng, 30)];
    let mut model = ModelBuilder::new(&shape);
    for _ in 0..1 + below(rng, 7) {
        let shape = model.clone().finish().unwrap().shape(model.last()).to_vec();
        let mut weight = |rng: &mut Rng, shape: &[usize]| {
            let density = [0.3, 1.0][below(rng, 2)];
            model.dense("w", shape, rng.sparse_values(shape.iter().product(), density))
        };
        let vector = weight(rng, &shape[..1]);
        let op = match below(rng, 10) {
            0 => Op::SubtractMean { mean: weight(rng, &shape) },
            1 => Op::BatchNorm { mean: vector, scale: vector, shift: Some(vector) },
            2 => Op::PRelu { slope: vector },
            3 => Op::Dropout { probability: 0.1 },
            4 => Op::Identity,
            5 => Op::Flatten,
            6 if shape.len() == 3 => Op::MaxPool2d { params: Pool2dParams::THESIS },
            7 if shape.len() == 1 => {
                let params = LinearParams { in_features: shape[0], out_features: 1 + below(rng, 90) };
                let weight = weight(rng, &[params.out_features, params.in_features]);
                Op::Linear { params, weight, scale: None, bias: None, prelu: None }
            }
            _ if shape.len() == 3 => {
                let kernel_size = [1 + below(rng, 3), 1 + below(rng, 3)];
                let params = Conv2dParams {
                    in_channels: shape[0],
                    out_channels: 1 + below(rng, 9),
                    kernel_size,
                    stride: [[1, 1], [1, 1], [1, 2], [2, 1]][below(rng, 4)],
                    padding: [below(rng, kernel_size[0] as u64), below(rng, kernel_size[1] as u64)],
                };
                if params.output_size([shape[1], shape[2]]).is_none() {
                    continue;
                }
                let weight = weight(rng, &params.weight_shape());
                Op::Conv2d { params, weight, scale: None, bias: None, prelu: None }
            }
            _ => continue,
        };
        model.push(op.name(), op);
    }
    model.finish().unwrap()
}

#[test]
fn random_chains_equal_their_layers_run_one_by_one() {
    let mut rng = Rng(77);
    for _ in 0..400 {
        let model = chain(&mut rng);
        let shape = &model.inputs()[0];
        let input = rng.values(shape.iter().product());
        let mut want = input.clone();
        for node in 0..model.nodes().len() {
            want = run(&alone(&model, node), IsaKind::Scalar, &want);
        }
        let ops: Vec<_> = model.nodes().iter().map(|node| &node.op).collect();
        for isa in IsaKind::available() {
            assert_close(&run(&model, isa, &input), &want, 1e-4, &format!("{isa} {shape:?} {ops:?}"));
        }
    }
}

#[test]
fn several_inputs_follow_each_other() {
    let mut b = ModelBuilder::with_inputs(vec![vec![2], vec![3]]);
    let outputs = vec![b.push("identity", Op::Identity), ValueId(0)];
    b.set_outputs(outputs);
    let mut session = Session::new(Arc::new(Plan::new(&b.finish().unwrap()).unwrap()));
    assert_eq!(session.run(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap(), [3.0, 4.0, 5.0]);
    assert_eq!(session.output(1).unwrap(), [1.0, 2.0]);
}

#[test]
fn wrong_inputs_are_refused() {
    let mut session = Session::new(Arc::new(Plan::new(&network(true, 1.0)).unwrap()));
    assert_eq!(session.run(&[0.0; 3]), Err(RunError::InputLength { expected: 400, found: 3 }));
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut input = vec![0.0; 400];
        input[17] = bad;
        assert_eq!(session.run(&input), Err(RunError::NonFiniteInput { index: 17 }));
    }
}

#[test]
fn sums_that_overflow_are_an_error() {
    let mut b = ModelBuilder::new(&[2]);
    let weight = b.dense("w", &[2, 2], vec![1.0, 0.0, 3e38, -3e38]);
    let params = LinearParams { in_features: 2, out_features: 2 };
    b.push("fc", Op::Linear { params, weight, scale: None, bias: None, prelu: None });
    let model = b.finish().unwrap();
    for isa in IsaKind::available() {
        let mut session = Session::new(Arc::new(Plan::with_isa(&model, isa).unwrap()));
        assert_eq!(session.run(&[9.0, 9.0]), Err(RunError::NonFiniteOutput { index: 1 }), "{isa}");
        assert_eq!(session.run(&[9.0, 8.5]), Err(RunError::NonFiniteOutput { index: 1 }), "{isa}");
        assert_eq!(session.run(&[1.0, 1.0]), Ok(&[1.0, 0.0][..]), "{isa}");
    }
}

#[test]
fn models_made_to_exhaust_memory_are_refused() {
    let huge = |shape: &[usize], op: Op| {
        let mut b = ModelBuilder::new(shape);
        b.push("layer", op);
        Plan::new(&b.finish().unwrap()).unwrap_err()
    };
    assert!(matches!(huge(&[1, 1 << 15, 1 << 15], Op::Identity), PlanError::TooLarge { .. }));
    assert!(matches!(huge(&[1 << 30], Op::Softmax), PlanError::TooLarge { .. }));

    // A kernel of 2^29 zeros costs no bytes, its padding would.
    let params = Conv2dParams {
        in_channels: 1,
        out_channels: 1,
        kernel_size: [1, 1 << 29],
        stride: [1, 1],
        padding: [0, (1 << 29) - 1],
    };
    let mut b = ModelBuilder::new(&[1, 1, 1]);
    let mut weight = Weight::sparse("w", &[1, 1], &[0.0]);
    weight.shape = params.weight_shape().to_vec();
    let weight = b.weight(weight);
    b.push("conv", Op::Conv2d { params, weight, scale: None, bias: None, prelu: None });
    assert!(matches!(Plan::new(&b.finish().unwrap()), Err(PlanError::TooLarge { .. })));
}

#[test]
fn an_image_named_as_output_very_often_is_refused() {
    let params = Conv2dParams::same(1, 1, [3, 3]);
    let mut b = ModelBuilder::new(&[1, 1000, 1000]);
    let weight = b.dense("w", &params.weight_shape(), vec![1.0; 9]);
    b.push("conv", Op::Conv2d { params, weight, scale: None, bias: None, prelu: None });
    b.set_outputs(vec![ValueId(0); 1000]);
    assert!(matches!(Plan::new(&b.finish().unwrap()), Err(PlanError::TooLarge { .. })));
}

#[test]
fn plans_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Plan>();
}

#[test]
fn the_description_names_kernels_and_counts() {
    let model = network(true, 0.3);
    let costs = model.costs();
    let table = Plan::with_isa(&model, IsaKind::Scalar).unwrap().to_string();
    for name in ["f32_spmm_32x1_scalar", "f32_maxpool_3x3s2_scalar", "f32_spmv_scalar", "f32_softmax", "conv2_v"] {
        assert!(table.contains(name), "{name} is not in\n{table}");
    }
    let dense: u64 = costs.iter().map(|c| c.dense_macs).sum();
    let nonzero: u64 = costs.iter().map(|c| c.nonzero_macs).sum();
    let total = table.lines().find(|line| line.starts_with("total")).unwrap();
    let macs: Vec<&str> = total.split_whitespace().rev().take(2).collect();
    assert_eq!(macs, [nonzero.to_string(), dense.to_string()]);
}
