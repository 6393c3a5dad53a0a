//! Accuracy, cost, size and speed of a model, all measured in the runtime.

use crate::report::types::{Layer, Stage};
use anyhow::{Context, Result};
use hccr_evaluate::macs;
use hccr_models::{SampleSet, answers};
use hccr_nn_train::Evaluation;
use hccr_runtime::{Model, Op, Pattern, Plan, Session, WeightData};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Characters recognized before the clock starts.
const WARM_UP: usize = 10;
/// A timing ends after this number of characters or after this time, whichever comes first.
const TIMED_RUNS: usize = 300;
const TIMED_SECONDS: Duration = Duration::from_secs(4);

/// Everything about the model file `bytes`.
pub(crate) fn stage_of_file(name: &str, bytes: &[u8], test: &dyn SampleSet) -> Result<Stage> {
    let model = Model::from_bytes(bytes).with_context(|| format!("the model of stage {name}"))?;
    let plan = Arc::new(Plan::new(&model)?);
    let macs = macs(&model, test.mean_steps());
    stage(name, &model, bytes.len(), macs, accuracy(&plan, test)?, time(&plan, test, |_| ())?)
}

/// Recognizes the whole set.
pub(crate) fn accuracy(plan: &Arc<Plan>, set: &dyn SampleSet) -> Result<Evaluation> {
    Ok(answers(plan, set, || ())?.iter().map(|answer| answer.count).sum())
}

/// The row of `model`, whose file has so many bytes.
pub(crate) fn stage(
    name: &str,
    model: &Model,
    bytes: usize,
    [dense_macs, nonzero_macs]: [u64; 2],
    accuracy: Evaluation,
    [min_ms, median_ms]: [f64; 2],
) -> Result<Stage> {
    Ok(Stage {
        name: name.into(),
        top1: accuracy.top1 as f64 / accuracy.samples as f64,
        top5: accuracy.top5 as f64 / accuracy.samples as f64,
        test_samples: accuracy.samples as u64,
        weights: model.weight_elements() as u64,
        nonzeros: model.weight_nonzeros() as u64,
        dense_macs,
        nonzero_macs,
        bytes: bytes as u64,
        min_ms,
        median_ms,
        steps: None,
    })
}

/// Minimum and median time of one character on this thread, in milliseconds; `each` gets every run's layer times. Of
/// sequences, those of the mean length are timed.
pub(crate) fn time(plan: &Arc<Plan>, set: &dyn SampleSet, mut each: impl FnMut(&[(String, f64)])) -> Result<[f64; 2]> {
    let mut session = Session::new(plan.clone());
    let inputs = typical_inputs(set)?;
    let (mut times, mut layers) = (Vec::new(), Vec::new());
    let begin = Instant::now();
    for (run, input) in (0..WARM_UP + TIMED_RUNS).zip(inputs.iter().cycle()) {
        let start = Instant::now();
        session.run(input)?;
        let whole = start.elapsed();
        if run < WARM_UP {
            continue;
        }
        times.push(1e3 * whole.as_secs_f64());
        layers.clear();
        let mut last = Instant::now();
        session.run_observed(input, |layer| {
            let now = Instant::now();
            layers.push((layer.name.clone(), 1e3 * (now - last).as_secs_f64()));
            last = Instant::now();
        })?;
        each(&layers);
        if begin.elapsed() > TIMED_SECONDS {
            break;
        }
    }
    times.sort_by(f64::total_cmp);
    Ok([times[0], times[times.len() / 2]])
}

/// Some inputs of the length nearest to the mean: samples spread over the set.
fn typical_inputs(set: &dyn SampleSet) -> Result<Vec<Vec<f32>>> {
    let samples = set.labels().len();
    let spread = samples.min(TIMED_RUNS);
    let mut inputs: Vec<Vec<f32>> = vec![Vec::new(); spread];
    for (i, input) in inputs.iter_mut().enumerate() {
        set.fill_input(i * samples / spread, input)?;
    }
    let mean = inputs.iter().map(Vec::len).sum::<usize>() / spread;
    let off = |input: &Vec<f32>| input.len().abs_diff(mean);
    let least = inputs.iter().map(off).min().unwrap_or(0);
    inputs.retain(|input| off(input) == least);
    Ok(inputs)
}

/// One row for each convolution, fully connected layer and LSTM of the model file `bytes`.
pub(crate) fn layers(bytes: &[u8], test: &dyn SampleSet) -> Result<Vec<Layer>> {
    let model = Model::from_bytes(bytes)?;
    let plan = Arc::new(Plan::new(&model)?);
    // The fastest run of each layer.
    let mut fastest: BTreeMap<String, f64> = BTreeMap::new();
    time(&plan, test, |run| {
        let mut sums: BTreeMap<&str, f64> = BTreeMap::new();
        for (layer, ms) in run {
            *sums.entry(layer).or_default() += ms;
        }
        for (layer, ms) in sums {
            let best = fastest.entry(layer.to_owned()).or_insert(f64::INFINITY);
            *best = best.min(ms);
        }
    })?;
    let (costs, steps) = (model.costs(), test.mean_steps());
    let nodes = model.nodes().iter().filter(|n| n.op.matrices().next().is_some());
    nodes
        .zip(costs)
        .map(|(node, cost)| {
            // A low-rank pair is a column of weights and then a row.
            let (weight, rank) = match node.op {
                Op::Conv2d { weight, params, .. } => match params.kernel_size {
                    [h, 1] if h > 1 => (weight, Some(params.out_channels)),
                    [1, w] if w > 1 => (weight, Some(params.in_channels)),
                    _ => (weight, None),
                },
                Op::Linear { weight, .. } => (weight, None),
                Op::Lstm { params, recurrent, .. } => (recurrent, params.rank),
                _ => unreachable!("filtered above"),
            };
            // Its part of the file: what the file would lose with all of its weights zero.
            let mut without = model.clone().edit();
            for id in node.op.matrices() {
                let pattern = Pattern { indptr: vec![0; model.weight(id).rows() + 1], indices: Vec::new() };
                without.weight_mut(id).data = WeightData::Sparse { pattern, values: Vec::new() };
            }
            let without = without.finish()?.to_bytes();
            Ok(Layer {
                name: node.name.clone(),
                shape: model.weight(weight).shape.clone(),
                rank,
                weights: cost.weights as u64,
                nonzeros: cost.nonzeros as u64,
                density: cost.nonzeros as f64 / cost.weights as f64,
                dense_macs: (cost.dense_macs as f64 * cost.runs(steps)).round() as u64,
                nonzero_macs: (cost.nonzero_macs as f64 * cost.runs(steps)).round() as u64,
                bytes: bytes.len().saturating_sub(without.len()) as u64,
                ms: fastest.get(&node.name).copied(),
            })
        })
        .collect()
}
