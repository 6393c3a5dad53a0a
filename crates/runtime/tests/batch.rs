//! Batches: the bits of single runs, on any number of threads.
#![cfg(not(target_family = "wasm"))] // it has no threads

mod common;

use common::Rng;
use hccr_runtime::shape::{LinearParams, STEPS};
use hccr_runtime::{Batch, Job, Model, ModelBuilder, Op, Plan, RunError, Session};
use std::sync::Arc;

fn network() -> Model {
    let mut builder = ModelBuilder::new(&[20]);
    let weight = builder.dense("weight", &[7, 20], Rng(1).values(140));
    let params = LinearParams { in_features: 20, out_features: 7 };
    builder.push("fc", Op::Linear { params, weight, scale: None, bias: None, prelu: None });
    builder.push("softmax", Op::Softmax);
    builder.finish(Vec::new())
}

#[test]
fn every_sample_has_the_bits_of_a_run_alone() {
    let plan = Arc::new(Plan::new(&network()).unwrap());
    let mut session = Session::new(Arc::clone(&plan));
    for (threads, samples) in [(0, 3), (1, 5), (2, 5), (3, 2), (4, 32), (5, 0)] {
        let inputs = Rng(samples as u64).values(20 * samples);
        let mut outputs = vec![f32::NAN; 7 * samples];
        let mut batch = Batch::new(Arc::clone(&plan), threads);
        let jobs: Vec<Job> = batch.jobs(&inputs, &mut outputs).unwrap().collect();
        assert_eq!(jobs.len(), threads.max(1).min(samples));
        std::thread::scope(|scope| {
            jobs.into_iter().for_each(|job| {
                scope.spawn(move || job.run());
            });
        });
        for (input, output) in inputs.chunks(20).zip(outputs.chunks(7)) {
            assert_eq!(session.run(input).unwrap(), output, "{samples} samples on {threads} threads");
        }
    }
}

#[test]
fn bad_batches_are_refused_as_a_whole() {
    let mut batch = Batch::new(Arc::new(Plan::new(&network()).unwrap()), 2);
    let mut error = |inputs: &[f32], outputs: usize| {
        let mut outputs = vec![0.5; outputs];
        let error = batch.jobs(inputs, &mut outputs).map(|jobs| jobs.for_each(Job::run)).unwrap_err();
        assert!(outputs.iter().all(|&y| y == 0.5));
        error
    };
    assert_eq!(error(&[0.0; 59], 21), RunError::InputShape { expected: 60, found: 59 });
    assert_eq!(error(&[0.0; 60], 20), RunError::OutputShape { expected: 21, found: 20 });
    let mut inputs = [0.0; 60];
    inputs[41] = f32::INFINITY;
    assert_eq!(error(&inputs, 21), RunError::NonFiniteInput { index: 41 });

    let mut builder = ModelBuilder::new(&[STEPS, 2]);
    builder.push("mean", Op::MeanOverTime);
    let mut batch = Batch::new(Arc::new(Plan::new(&builder.finish(Vec::new())).unwrap()), 2);
    assert!(matches!(batch.jobs(&[0.0; 4], &mut [0.0; 2]).map(|_| ()), Err(RunError::IsASequence)));
}
