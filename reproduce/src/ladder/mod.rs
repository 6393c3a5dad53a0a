//! The ladder: how much time each idea saves, from naive loops to compressed networks in the runtime, on one thread.
//!
//! The networks have the thesis's size and random weights. Before a rung is timed, its logits are compared with those of the
//! naive loops on the same weights.

mod interpreter;
mod products;

use crate::report;
use crate::report::types::{Ladder, Ladders, Rung};
use anyhow::{Result, ensure};
use hccr_evaluate::macs;
use hccr_models::ThesisForm;
use hccr_models::offline::{quantized_for_noise, thesis_network};
use hccr_models::online;
use hccr_random::Rng;
use hccr_report::machine::{Machine, Versions, commit};
use hccr_runtime::ink::FEATURES;
use hccr_runtime::{IsaKind, Model, ModelBuilder, Op, Plan, Session, Weight, WeightData};
use interpreter::Interpreter;
use products::Products;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The seed of the networks' weights, unless a run has its own.
const SEED: u64 = 1;
/// Time steps of the online networks' input: about as many as a character has.
const STEPS: usize = 50;
/// How long a rung is timed, and the least number of runs.
const TIMED: Duration = Duration::from_millis(500);
const MIN_RUNS: usize = 3;
/// Largest difference between logits, as a share of the largest.
const TOLERANCE: f32 = 1e-4;
/// The same where values are rounded to bytes: sums in another order now and then round to another quantization step.
const ROUNDED_TOLERANCE: f32 = 3e-2;

/// What runs a rung's model: loops or BLAS around [`Products`], or the runtime.
#[derive(Clone, Copy)]
enum Engine {
    Plain(Products),
    Runtime,
}

/// One rung, before it is timed.
struct Step<'a> {
    name: &'static str,
    engine: Engine,
    model: &'a Model,
    /// The weights are not those of the rung before.
    new_weights: bool,
}

fn step<'a>(name: &'static str, engine: Engine, model: &'a Model, new_weights: bool) -> Step<'a> {
    Step { name, engine, model, new_weights }
}

/// Climbs both ladders, prints their tables, and writes `ladder.json` and `ladder.svg` into the directory `out`.
pub(crate) fn run(out: &Path) -> Result<()> {
    let _lock = hccr_files::lock(out)?;
    let ladders = Ladders {
        machine: Machine::detect(),
        // The fastest, which plans take.
        isa: IsaKind::available().last().map_or("none", |isa| isa.name()).into(),
        commit: commit().into(),
        versions: Versions::detect(),
        offline: offline(SEED)?,
        online: online(SEED)?,
    };
    println!("{}", report::ladder::markdown(&ladders));
    report::ladder::write(out, &ladders)?;
    println!("figures and plot: {}", out.display());
    Ok(())
}

/// The ladder of the offline network, for one image.
pub(crate) fn offline(seed: u64) -> Result<Ladder> {
    let unfolded = unfolded(&thesis_network(ThesisForm::Baseline, seed), seed);
    let folded = hccr_graph_opt::optimize(&unfolded);
    let in_blocks = ThesisForm::BlockCompressed { block: Plan::BLOCK.into() };
    let stages = [ThesisForm::LowRank, ThesisForm::Compressed, in_blocks];
    let [low_rank, compressed, blocks] = stages.map(|stage| thesis_network(stage, seed));
    let pruned = without_codebooks(&compressed);
    let [bytes, bytes_in_blocks] = [quantized_for_noise(&compressed, seed)?, quantized_for_noise(&blocks, seed)?];
    let mut rng = Rng::new(seed, 0x1add);
    // Ink on a background of zeros.
    let image: Vec<f32> = (0..96 * 96).map(|_| rng.range(-255.0, 255.0).max(0.0)).collect();
    let steps = [
        step("naive loops", Engine::Plain(Products::Naive), &unfolded, true),
        step("unrolled and vectorized", Engine::Plain(Products::Vectorized), &unfolded, false),
        step("BLAS: im2col and OpenBLAS", Engine::Plain(Products::Blas), &unfolded, false),
        step("batch norm, PReLU and pools fused", Engine::Plain(Products::Blas), &folded, false),
        step("the runtime's kernels", Engine::Runtime, &folded, false),
        step("low-rank", Engine::Runtime, &low_rank, true),
        step("pruned", Engine::Runtime, &pruned, true),
        step("codebooks", Engine::Runtime, &compressed, false),
        step("zeros in blocks", Engine::Runtime, &blocks, true),
        step("8-bit integers, zeros anywhere", Engine::Runtime, &bytes, true),
        step("8-bit integers, zeros in blocks", Engine::Runtime, &bytes_in_blocks, true),
    ];
    Ok(Ladder::new(None, climb(&steps, &image, 1)?))
}

/// The ladder of the online network, for one sequence.
pub(crate) fn online(seed: u64) -> Result<Ladder> {
    let stages = [ThesisForm::Baseline, ThesisForm::LowRank, ThesisForm::Compressed];
    let [baseline, low_rank, compressed] = stages.map(|stage| online::thesis_network(stage, seed));
    let pruned = without_codebooks(&compressed);
    let mut rng = Rng::new(seed, 0x1adf);
    let rows: Vec<f32> = (0..STEPS * FEATURES).map(|_| rng.range(-1.0, 1.0)).collect();
    let steps = [
        step("naive loops", Engine::Plain(Products::Naive), &baseline, true),
        step("unrolled and vectorized", Engine::Plain(Products::Vectorized), &baseline, false),
        step("BLAS: OpenBLAS", Engine::Plain(Products::Blas), &baseline, false),
        step("the runtime's kernels", Engine::Runtime, &baseline, false),
        step("low-rank", Engine::Runtime, &low_rank, true),
        step("pruned", Engine::Runtime, &pruned, true),
        step("codebooks", Engine::Runtime, &compressed, false),
    ];
    Ok(Ladder::new(Some(STEPS), climb(&steps, &rows, STEPS)?))
}

/// The model as it is trained: each PReLU an operation of its own, behind a batch normalization.
fn unfolded(model: &Model, seed: u64) -> Model {
    let mut rng = Rng::new(seed, 0x1ade);
    let mut b = ModelBuilder::new(&model.inputs()[0]);
    for weight in model.weights() {
        b.weight(weight.clone());
    }
    for node in model.nodes() {
        let mut op = node.op.clone();
        let slope = match &mut op {
            Op::Conv2d { prelu, .. } | Op::Linear { prelu, .. } => prelu.take(),
            _ => None,
        };
        b.push(&node.name, op);
        let Some(slope) = slope else { continue };
        let channels = model.weight(slope).elements();
        let mut around = |name: &str, middle: f32| {
            let values = (0..channels).map(|_| rng.range(middle - 0.2, middle + 0.2)).collect();
            b.dense(format!("{}.{name}", node.name), &[channels], values)
        };
        let (mean, scale) = (around("mean", 0.0), around("scale", 1.0));
        b.push(format!("{}.norm", node.name), Op::BatchNorm { mean, scale, shift: None });
        b.push(format!("{}.prelu", node.name), Op::PRelu { slope });
    }
    b.set_labels(model.labels().to_vec());
    b.finish().expect("a valid model in more operations")
}

/// The model with the values of its codebooks written out.
fn without_codebooks(model: &Model) -> Model {
    let mut written_out = model.clone().edit();
    for id in model.nodes().iter().flat_map(|node| node.op.weights()) {
        let weight = written_out.weight_mut(id);
        if let WeightData::Codebook { .. } = weight.data {
            *weight = Weight::sparse(weight.name.clone(), &weight.shape, &weight.to_dense());
        }
    }
    written_out.finish().expect("a valid model in another form")
}

/// Compares the logits of each rung with those of the naive loops on the same weights, and times it. `length` is the number of
/// time steps of `input`, where the networks read sequences.
fn climb(steps: &[Step], input: &[f32], length: usize) -> Result<Vec<Rung>> {
    let mut want = Vec::new();
    let mut rungs = Vec::new();
    for Step { name, engine, model, new_weights } in steps {
        if *new_weights {
            want = Interpreter::new(model, Products::Naive, length).run(input).to_vec();
        }
        let mut run = forward(*engine, model, length)?;
        let rounds = model.nodes().iter().any(|node| matches!(node.op, Op::FakeQuantize { .. }));
        let largest = want.iter().fold(0.0, |most: f32, v| most.max(v.abs()));
        let tolerance = if rounds { ROUNDED_TOLERANCE } else { TOLERANCE } * largest;
        for (found, want) in run(input)?.iter().zip(&want) {
            ensure!((found - want).abs() <= tolerance, "{name}: a logit is {found} instead of {want}");
        }
        let mut times = time(|| run(input).map(drop))?;
        times.sort_unstable();
        let [min_ms, median_ms] = [times[0], times[times.len() / 2]].map(|time| 1e3 * time.as_secs_f64());
        let [_, nonzero_macs] = macs(model, length as f64);
        rungs.push(Rung {
            name: (*name).into(),
            in_runtime: matches!(engine, Engine::Runtime),
            nonzeros: model.weight_nonzeros() as u64,
            nonzero_macs,
            bytes: model.to_bytes().len() as u64,
            min_ms,
            median_ms,
            runs: times.len() as u64,
        });
    }
    Ok(rungs)
}

/// From an input to the logits.
type Forward<'a> = Box<dyn FnMut(&[f32]) -> Result<Vec<f32>> + 'a>;

/// What answers an input with its logits.
fn forward(engine: Engine, model: &Model, length: usize) -> Result<Forward<'_>> {
    Ok(match engine {
        Engine::Plain(products) => {
            let mut interpreter = Interpreter::new(model, products, length);
            Box::new(move |input| Ok(interpreter.run(input).to_vec()))
        }
        Engine::Runtime => {
            let mut session = Session::new(Arc::new(Plan::new(model)?));
            Box::new(move |input| Ok(session.run(input)?.to_vec()))
        }
    })
}

/// The times of as many runs as [`TIMED`] and [`MIN_RUNS`] ask for.
fn time(mut run: impl FnMut() -> Result<()>) -> Result<Vec<Duration>> {
    let (begin, mut times) = (Instant::now(), Vec::new());
    while times.len() < MIN_RUNS || begin.elapsed() < TIMED {
        let start = Instant::now();
        run()?;
        times.push(start.elapsed());
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hccr_runtime::shape::{Conv2dParams, LinearParams, Pool2dParams};

    /// A convolution with its PReLU, a pooling and a fully connected layer.
    fn model(seed: u64) -> Model {
        let mut rng = Rng::new(seed, 0);
        let mut values = |n: usize| (0..n).map(|_| rng.range(-1.0, 1.0)).collect();
        let mut b = ModelBuilder::new(&[2, 6, 6]);
        let params = Conv2dParams::same(2, 4, [3, 3]);
        let weight = b.dense("conv.weight", &params.weight_shape(), values(72));
        let [bias, slope] = ["bias", "slope"].map(|name| b.dense(format!("conv.{name}"), &[4], values(4)));
        b.push("conv", Op::Conv2d { params, weight, scale: None, bias: Some(bias), prelu: Some(slope) });
        b.push("pool", Op::MaxPool2d { params: Pool2dParams::THESIS });
        b.push("flatten", Op::Flatten);
        let weight = b.dense("fc.weight", &[5, 36], values(180));
        b.push(
            "fc",
            Op::Linear {
                params: LinearParams { in_features: 36, out_features: 5 },
                weight,
                scale: None,
                bias: None,
                prelu: None,
            },
        );
        b.finish().unwrap()
    }

    #[test]
    fn every_engine_climbs_and_another_network_does_not() {
        let (model, other) = (model(1), model(2));
        let (trained, mut rng) = (unfolded(&model, 1), Rng::new(3, 0));
        let input: Vec<f32> = (0..72).map(|_| rng.range(-1.0, 1.0)).collect();
        let plain = |products, new_weights| step("rung", Engine::Plain(products), &trained, new_weights);
        let [naive, vectorized, blas] =
            [(Products::Naive, true), (Products::Vectorized, false), (Products::Blas, false)]
                .map(|(p, new)| plain(p, new));
        let folded = hccr_graph_opt::optimize(&trained);
        let runtime = step("rung", Engine::Runtime, &folded, false);
        let rungs = climb(&[naive, vectorized, blas, runtime], &input, 1).unwrap();
        assert_eq!(rungs.iter().map(|rung| rung.in_runtime).collect::<Vec<_>>(), [false, false, false, true]);
        assert!(rungs.iter().all(|rung| rung.nonzero_macs == 72 * 36 + 180 && rung.runs >= MIN_RUNS as u64));

        let steps = [plain(Products::Naive, true), step("rung", Engine::Runtime, &other, false)];
        assert!(climb(&steps, &input, 1).unwrap_err().to_string().contains("instead of"));
    }
}
