//! Batches: the bits of single runs, on any number of threads.

mod common;

use common::Rng;
use hccr_runtime::shape::{Conv2dParams, LinearParams, Pool2dParams, STEPS};
use hccr_runtime::{
    Batch, IsaKind, Job, Model, ModelBuilder, Op, Pattern, Plan, RunError, Session, Weight, WeightData,
};
use std::sync::Arc;

/// One fully connected layer.
fn network() -> Model {
    let mut builder = ModelBuilder::new(&[20]);
    let weight = builder.dense("weight", &[7, 20], Rng(1).values(140));
    let params = LinearParams { in_features: 20, out_features: 7 };
    builder.push("fc", Op::Linear { params, weight, scale: None, bias: None, prelu: None });
    builder.push("softmax", Op::Softmax);
    builder.finish().unwrap()
}

/// A convolution, and behind its pooling a chain of fully connected layers of every form: dense, sparse, with few values. In
/// `bytes`, their weights are integers and their inputs rounded.
fn images(bytes: bool) -> Model {
    let mut rng = Rng(5);
    let mut builder = ModelBuilder::new(&[2, 6, 6]);
    let mut values = |n: usize, density: f64| -> Vec<f32> {
        let values = rng.sparse_values(n, density);
        if bytes { values.iter().map(|v| (63.0 * v).round()).collect() } else { values }
    };
    let round = |builder: &mut ModelBuilder, scale| {
        if bytes {
            builder.push("round", Op::FakeQuantize { scale, zero_point: 120 });
        }
    };
    round(&mut builder, 0.01);
    let params = Conv2dParams::same(2, 8, [3, 3]);
    let weight = builder.dense("conv.weight", &params.weight_shape(), values(144, 1.0));
    builder.push("conv", Op::Conv2d { params, weight, scale: None, bias: None, prelu: None });
    round(&mut builder, if bytes { 0.5 } else { 0.01 });
    builder.push("pool", Op::MaxPool2d { params: Pool2dParams::THESIS });
    builder.push("flatten", Op::Flatten);
    let mut inputs = 72;
    for (name, outputs, density, few) in
        [("fc1", 130, 1.0, false), ("fc2", 90, 0.1, false), ("fc3", 256, 1.0, true), ("fc4", 33, 0.3, false)]
    {
        let shape = [outputs, inputs];
        let mut weights = values(outputs * inputs, density);
        if few {
            weights.iter_mut().for_each(|w| *w = (4.0 * *w).round() / if bytes { 8.0 } else { 4.0 });
            if bytes {
                weights.iter_mut().for_each(|w| *w = w.round());
            }
        }
        let weight = match few {
            true => codebook(name, &shape, &weights),
            false if density < 1.0 => Weight::sparse(name, &shape, &weights),
            false => Weight::dense(name, &shape, weights),
        };
        let weight = builder.weight(weight);
        let slope = builder.dense(format!("{name}.slope"), &[outputs], vec![0.25; outputs]);
        let params = LinearParams { in_features: inputs, out_features: outputs };
        builder.push(name, Op::Linear { params, weight, scale: None, bias: None, prelu: Some(slope) });
        round(&mut builder, if bytes { 30.0 } else { 0.01 });
        inputs = outputs;
    }
    builder.finish().unwrap()
}

/// The same with a branch: the last layer reads what the first one reads, and `outputs` are the outputs.
fn branches(outputs: &[&str]) -> Model {
    let model = images(false);
    let value = |name: &str| model.value_of(model.nodes().iter().position(|node| node.name == name).unwrap());
    let (flat, outputs) = (value("flatten"), outputs.iter().map(|name| value(name)).collect());
    let mut model = model.edit();
    let mut nodes = model.take_nodes();
    let mut last = nodes.pop().unwrap();
    let Op::Linear { params, weight, .. } = &mut last.op else { unreachable!() };
    params.in_features = 72;
    *model.weight_mut(*weight) = Weight::dense("fc4", &[33, 72], Rng(7).values(33 * 72));
    nodes.into_iter().for_each(|node| _ = model.push_from(node.input, node.name, node.op));
    model.push_from(flat, last.name, last.op);
    model.set_outputs(outputs);
    model.finish().unwrap()
}

/// The weight with its different values as centres.
fn codebook(name: &str, shape: &[usize], values: &[f32]) -> Weight {
    let mut centres: Vec<f32> = values.iter().copied().filter(|&v| v != 0.0).collect();
    centres.sort_by(f32::total_cmp);
    centres.dedup();
    let label = |v: &f32| centres.iter().position(|c| c == v).unwrap() as u8;
    let labels = values.iter().filter(|&&v| v != 0.0).map(label).collect();
    let pattern = Pattern::from_mask(values.iter().map(|&v| v != 0.0), shape[1]);
    Weight::new(name, shape, WeightData::Codebook { pattern, centres, labels })
}

#[test]
fn every_sample_has_the_bits_of_a_run_alone() {
    for isa in IsaKind::available() {
        // Of sparse matrices the kernel is another one where vectors are long.
        let sparse = if isa.name() == "avx512" { "f32_sell" } else { "f32_spmv" };
        let forms = [
            (network(), &[][..]),
            (images(false), &["f32_gemv_64", "f32_gemv_u8", sparse][..]),
            (images(true), &["u8_gemv"][..]),
            (branches(&["fc4", "fc2"]), &[][..]),
            (branches(&["flatten", "fc1", "fc4"]), &[][..]),
        ];
        for (model, kinds) in forms {
            let plan = Arc::new(Plan::with_isa(&model, isa).unwrap());
            assert!(kinds.iter().all(|kind| plan.to_string().contains(kind)), "{plan}");
            let mut session = Session::new(Arc::clone(&plan));
            let [input_len, output_len] = [plan.input_len(), plan.output_len()];
            for (threads, samples) in [(0, 3), (1, 1), (1, 16), (1, 17), (2, 5), (2, 35), (3, 2), (4, 32), (5, 0)] {
                let inputs = Rng(samples as u64).values(input_len * samples);
                let mut outputs = vec![f32::NAN; output_len * samples];
                let mut batch = Batch::new(Arc::clone(&plan), threads).unwrap();
                let jobs: Vec<Job> = batch.jobs(&inputs, &mut outputs).unwrap().collect();
                assert_eq!(jobs.len(), threads.max(1).min(samples));
                if cfg!(target_family = "wasm") {
                    jobs.into_iter().for_each(Job::run); // it has no threads
                } else {
                    std::thread::scope(|scope| {
                        jobs.into_iter().for_each(|job| {
                            scope.spawn(move || job.run());
                        });
                    });
                }
                for (input, output) in inputs.chunks(input_len).zip(outputs.chunks(output_len)) {
                    assert_eq!(session.run(input).unwrap(), output, "{samples} samples on {threads} threads, {isa}");
                }
            }
        }
    }
}

#[test]
fn a_group_does_not_see_the_one_before() {
    let plan = Arc::new(Plan::new(&images(false)).unwrap());
    let [input_len, output_len] = [plan.input_len(), plan.output_len()];
    let mut batch = Batch::new(Arc::clone(&plan), 1).unwrap();
    let mut run = |inputs: &[f32]| {
        let mut outputs = vec![0.0; inputs.len() / input_len * output_len];
        batch.jobs(inputs, &mut outputs).unwrap().for_each(Job::run);
        outputs
    };
    let few = Rng(2).values(3 * input_len);
    let alone = run(&few);
    run(&Rng(3).values(16 * input_len));
    assert_eq!(run(&few), alone);
}

#[test]
fn bad_batches_are_refused_as_a_whole() {
    let mut batch = Batch::new(Arc::new(Plan::new(&network()).unwrap()), 2).unwrap();
    let mut error = |inputs: &[f32], outputs: usize| {
        let mut outputs = vec![0.5; outputs];
        let error = batch.jobs(inputs, &mut outputs).map(|jobs| jobs.for_each(Job::run)).unwrap_err();
        assert!(outputs.iter().all(|&y| y == 0.5));
        error
    };
    assert_eq!(error(&[0.0; 59], 21), RunError::InputLength { expected: 60, found: 59 });
    assert_eq!(error(&[0.0; 60], 20), RunError::OutputLength { expected: 21, found: 20 });
    let mut inputs = [0.0; 60];
    inputs[41] = f32::INFINITY;
    assert_eq!(error(&inputs, 21), RunError::NonFiniteInput { index: 41 });

    let mut builder = ModelBuilder::new(&[STEPS, 2]);
    builder.push("mean", Op::MeanOverTime);
    let sequences = Arc::new(Plan::new(&builder.finish().unwrap()).unwrap());
    assert_eq!(Batch::new(sequences, 2).unwrap_err(), RunError::IsASequence);
}
