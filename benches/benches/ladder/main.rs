//! The thesis's ladder: what each idea buys, from naive loops to compressed networks in the runtime, on one thread.
//!
//! Prints a table for the offline and for the online network (full size, random weights), and writes `ladder.json` and
//! `ladder.svg` to the directory of cargo's temporary files, `target/tmp`. Every rung's logits are held to those of the
//! naive loops. `cargo xtask bench ladder`, which pins it to one core and tells OpenBLAS which CPU this is.

mod chart;
mod interpreter;
mod products;

use hccr_benches::{Rng, SEED, SEQUENCE_LENGTH};
use hccr_models::offline::{ThesisStage, thesis_network};
use hccr_models::online::{OnlineStage, full_size_network};
use hccr_runtime::ink::FEATURES;
use hccr_runtime::{IsaKind, Model, ModelBuilder, Op, Plan, Session, Weight, WeightData};
use interpreter::Interpreter;
use products::Products;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What runs a rung's model: plain loops or BLAS around [`Products`], or the runtime.
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

/// One rung, timed.
struct Rung {
    name: &'static str,
    in_runtime: bool,
    /// The least of `runs`.
    ms: f64,
    runs: usize,
    /// Multiply-accumulates a character on non-zero weights.
    macs: u64,
    file_bytes: usize,
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    if !wanted.is_empty() && !wanted.iter().any(|w| "ladder".contains(w.as_str())) {
        return;
    }
    hccr_tensor::blas::use_one_thread().expect("a BLAS library that can run on one thread");
    let ladders = [("offline", offline()), ("online", online())];
    for (name, rungs) in &ladders {
        println!("{}", table(name, rungs));
    }
    // The fastest, which plans take.
    let isa = IsaKind::available().last().copied();
    let report = json!({
        "cpu": cpu(), "isa": isa.map(IsaKind::name), "threads": 1, "seed": SEED, "steps": SEQUENCE_LENGTH,
        "networks": ladders.iter().map(|(name, rungs)| json!({
            "name": name,
            "rungs": rungs.iter().map(|rung| json!({
                "name": rung.name, "min_ms": rung.ms, "runs": rung.runs, "nonzero_macs": rung.macs,
                "file_bytes": rung.file_bytes,
            })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    });
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let json = serde_json::to_string_pretty(&report).expect("a report without odd keys") + "\n";
    for (file, text) in [("ladder.json", json), ("ladder.svg", chart::bars(&ladders))] {
        std::fs::write(directory.join(file), text).expect("cargo's directory can be written");
    }
}

fn offline() -> Vec<Rung> {
    let unfolded = unfolded(&thesis_network(ThesisStage::Baseline, SEED));
    let folded = hccr_graph_opt::optimize(&unfolded).expect("a valid model");
    let in_blocks = ThesisStage::BlockCompressed { block: Plan::BLOCK.into() };
    let stages = [ThesisStage::LowRank, ThesisStage::Compressed, in_blocks];
    let [low_rank, compressed, blocks] = stages.map(|stage| thesis_network(stage, SEED));
    let pruned = without_codebooks(&compressed);
    let mut rng = Rng(SEED);
    // Ink on a background of zeros.
    let image: Vec<f32> = (0..96 * 96).map(|_| (255.0 * rng.value()).max(0.0)).collect();
    let step = |name, engine, model, new_weights| Step { name, engine, model, new_weights };
    let steps = [
        step("naive loops", Engine::Plain(Products::Naive), &unfolded, true),
        step("unrolled and vectorised", Engine::Plain(Products::Vectorised), &unfolded, false),
        step("BLAS: im2col and OpenBLAS", Engine::Plain(Products::Blas), &unfolded, false),
        step("batch norm folded, PReLU and pools fused", Engine::Plain(Products::Blas), &folded, false),
        step("the runtime's kernels", Engine::Runtime, &folded, false),
        step("low-rank", Engine::Runtime, &low_rank, true),
        step("pruned", Engine::Runtime, &pruned, true),
        step("codebooks", Engine::Runtime, &compressed, false),
        step("zeros in blocks", Engine::Runtime, &blocks, true),
    ];
    climb(&steps, &image, 1)
}

fn online() -> Vec<Rung> {
    let [baseline, low_rank, compressed] = [OnlineStage::Baseline, OnlineStage::LowRank, OnlineStage::Compressed]
        .map(|stage| full_size_network(stage, SEED));
    let pruned = without_codebooks(&compressed);
    let mut rng = Rng(SEED);
    let rows: Vec<f32> = (0..SEQUENCE_LENGTH * FEATURES).map(|_| rng.value()).collect();
    let step = |name, engine, model, new_weights| Step { name, engine, model, new_weights };
    let steps = [
        step("naive loops", Engine::Plain(Products::Naive), &baseline, true),
        step("unrolled and vectorised", Engine::Plain(Products::Vectorised), &baseline, false),
        step("BLAS: OpenBLAS", Engine::Plain(Products::Blas), &baseline, false),
        step("the runtime's kernels", Engine::Runtime, &baseline, false),
        step("low-rank", Engine::Runtime, &low_rank, true),
        step("pruned", Engine::Runtime, &pruned, true),
        step("codebooks", Engine::Runtime, &compressed, false),
    ];
    climb(&steps, &rows, SEQUENCE_LENGTH)
}

/// The model as it is trained: each PReLU an operation of its own, behind a batch normalisation.
fn unfolded(model: &Model) -> Model {
    let mut rng = Rng(SEED);
    let mut b = ModelBuilder::new(&model.inputs[0]);
    for weight in &model.weights {
        b.weight(weight.clone());
    }
    for node in &model.nodes {
        let mut op = node.op.clone();
        let slope = match &mut op {
            Op::Conv2d { prelu, .. } | Op::Linear { prelu, .. } => prelu.take(),
            _ => None,
        };
        b.push(&node.name, op);
        let Some(slope) = slope else { continue };
        let channels = model.weight(slope).elements();
        let mut around = |name: &str, middle: f32| {
            let values = (0..channels).map(|_| middle + 0.2 * rng.value()).collect();
            b.dense(format!("{}.{name}", node.name), &[channels], values)
        };
        let (mean, scale) = (around("mean", 0.0), around("scale", 1.0));
        b.push(format!("{}.norm", node.name), Op::BatchNorm { mean, scale, shift: None });
        b.push(format!("{}.prelu", node.name), Op::PRelu { slope });
    }
    b.finish(model.labels.clone())
}

/// The model with the values of its codebooks written out.
fn without_codebooks(model: &Model) -> Model {
    let mut model = model.clone();
    for weight in &mut model.weights {
        if let WeightData::Codebook { .. } = weight.data {
            *weight = Weight::sparse(weight.name.clone(), &weight.shape, &weight.to_dense());
        }
    }
    model
}

/// Holds the logits of each rung to those of the naive loops on the same weights, and times it.
fn climb(steps: &[Step], input: &[f32], length: usize) -> Vec<Rung> {
    let mut want = Vec::new();
    let rung = |step: &Step| {
        if step.new_weights {
            want = Interpreter::new(step.model, Products::Naive, length).run(input).to_vec();
        }
        let mut run = engine(step.engine, step.model, length);
        let largest = want.iter().fold(0.0, |most: f32, v| most.max(v.abs()));
        for (found, want) in run(input).iter().zip(&want) {
            assert!((found - want).abs() <= 1e-4 * largest, "{}: {found} instead of {want}", step.name);
        }
        let (ms, runs) = time(|| drop(run(input)));
        let costs = step.model.costs().expect("a valid model");
        let macs = costs.iter().map(|cost| cost.nonzero_macs * cost.runs(length as f64) as u64).sum();
        let file_bytes = step.model.to_bytes().expect("a valid model").len();
        Rung { name: step.name, in_runtime: matches!(step.engine, Engine::Runtime), ms, runs, macs, file_bytes }
    };
    steps.iter().map(rung).collect()
}

/// From an input to the logits.
type Forward<'a> = Box<dyn FnMut(&[f32]) -> Vec<f32> + 'a>;

/// What answers an input with its logits.
fn engine(engine: Engine, model: &Model, length: usize) -> Forward<'_> {
    match engine {
        Engine::Plain(products) => {
            let mut interpreter = Interpreter::new(model, products, length);
            Box::new(move |input| interpreter.run(input).to_vec())
        }
        Engine::Runtime => {
            let mut session = Session::new(Arc::new(Plan::new(model).expect("a valid model")));
            Box::new(move |input| session.run(input).expect("a valid input").to_vec())
        }
    }
}

/// The least time in milliseconds of as many runs as fit into half a second, and their number: three at least.
fn time(mut run: impl FnMut()) -> (f64, usize) {
    let (begin, mut least, mut runs) = (Instant::now(), Duration::MAX, 0);
    while runs < 3 || begin.elapsed() < Duration::from_millis(500) {
        let start = Instant::now();
        run();
        least = least.min(start.elapsed());
        runs += 1;
    }
    (least.as_secs_f64() * 1e3, runs)
}

fn table(name: &str, rungs: &[Rung]) -> String {
    let mut text = format!("| {name} | ms | faster than the rung before | than the first | MACs, M | file, KB |\n");
    text += "|---|---|---|---|---|---|\n";
    for (i, rung) in rungs.iter().enumerate() {
        let [before, first] = [i.saturating_sub(1), 0].map(|other| rungs[other].ms / rung.ms);
        let (macs, kb) = (rung.macs as f64 / 1e6, rung.file_bytes as f64 / 1e3);
        let ratios = if i == 0 { " | ".to_owned() } else { format!("{before:.2} x | {first:.0} x") };
        text += &format!("| {} | {} | {ratios} | {macs:.1} | {kb:.0} |\n", rung.name, milliseconds(rung.ms));
    }
    text
}

/// With three digits, or those before the point.
fn milliseconds(ms: f64) -> String {
    let decimals = (2 - ms.log10().floor() as i32).clamp(0, 3);
    format!("{ms:.*}", decimals as usize)
}

/// The processor's name, where the system says it.
fn cpu() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name"));
    name.map_or("unknown", |name| name.trim_start_matches([' ', '\t', ':'])).to_owned()
}
