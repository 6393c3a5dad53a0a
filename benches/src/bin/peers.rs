//! The Rust side of `cargo xtask bench-peers`: the networks, and the runtime as one of the engines.
//!
//! ```text
//! peers write DIR [RELEASED]                     writes the networks to DIR; prints a line of JSON on each
//! peers serve MODEL INPUT LOGITS BATCH THREADS   runs one of them, as ../../peers/peer.py runs the other engines
//! ```

use anyhow::{Context, Result, bail, ensure};
use hccr_benches::{Rng, SEED, SEQUENCE_LENGTH};
use hccr_models::export::onnx;
use hccr_models::offline::{ThesisStage, thesis_network};
use hccr_models::online::{OnlineStage, full_size_network};
use hccr_models::scut;
use hccr_runtime::ink::FEATURES;
use hccr_runtime::shape::LstmParams;
use hccr_runtime::{Model, Op, Plan, RunError, Session, Weight, WeightData, WeightId};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["write", dir] => write_all(Path::new(dir), None),
        ["write", dir, released] => write_all(Path::new(dir), Some(Path::new(released))),
        ["serve", model, input, logits, batch, threads] => {
            serve(Path::new(model), Path::new(input), Path::new(logits), batch.parse()?, threads.parse()?)
        }
        _ => bail!("expected `write DIR [RELEASED]` or `serve MODEL INPUT LOGITS BATCH THREADS`"),
    }
}

fn write_all(dir: &Path, released: Option<&Path>) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let compressed = match released {
        None => thesis_network(ThesisStage::Compressed, SEED),
        Some(path) => {
            let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            hccr_graph_opt::optimize(&scut::import(&bytes)?)?
        }
    };
    let baseline = with_small_logits(thesis_network(ThesisStage::Baseline, SEED))?;
    let low_rank = with_small_logits(thesis_network(ThesisStage::LowRank, SEED))?;
    let block = thesis_network(ThesisStage::BlockCompressed { block: Plan::BLOCK.into() }, SEED);
    let pruned = full_size_network(OnlineStage::Compressed, SEED);
    // ONNX's LSTM has no factors: peers get a loop over the factors, and the operator with their products, and may take
    // the faster.
    let whole = multiplied_out(&pruned)?;
    write(dir, "cnn9", &baseline, &[], [1, 1])?;
    write(dir, "cnn9-lowrank", &low_rank, &[], [1, 1])?;
    write(dir, "cnn9-compressed", &compressed, &[], [1, 1])?;
    write(dir, "cnn9-block", &block, &[], [1, 1])?;
    write(dir, "lstm", &full_size_network(OnlineStage::Baseline, SEED), &[], [1, 1])?;
    write(dir, "lstm-compressed", &pruned, &[("whole", &whole)], [1, 1])?;
    write(dir, "cnn9-lowrank-batch32", &low_rank, &[], [32, 2])
}

/// The model with its last layer so scaled that its logits are about as large as trained ones: differences between engines
/// are then read as usual.
fn with_small_logits(mut model: Model) -> Result<Model> {
    let mut session = Session::new(Arc::new(Plan::new(&model)?));
    let logits = session.run(&input(&model, 1).1)?;
    let factor = 10.0 / largest(logits);
    if let Some(Op::Linear { weight, bias: Some(bias), .. }) = model.nodes.last().map(|node| &node.op) {
        for id in [*weight, *bias] {
            if let WeightData::Dense(values) = &mut model.weights[id.0 as usize].data {
                values.iter_mut().for_each(|value| *value *= factor);
            }
        }
    }
    Ok(model)
}

/// An input for `batch` samples, and its shape: ink on a background of zeros, or steps of about unit size.
fn input(model: &Model, batch: usize) -> (Vec<usize>, Vec<f32>) {
    let (shape, range) = if model.is_sequence() {
        (vec![SEQUENCE_LENGTH, batch, FEATURES], [-1.0, 1.0])
    } else {
        ([&[batch], &model.inputs[0][..]].concat(), [0.0, 255.0])
    };
    let mut rng = Rng(SEED);
    let values = (0..shape.iter().product()).map(|_| (range[1] * rng.value()).max(range[0])).collect();
    (shape, values)
}

fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |most, value| most.max(value.abs()))
}

/// Writes one network with an input and its logits, and says what was written. `others` are models of the same function,
/// for the peers alone.
fn write(dir: &Path, name: &str, model: &Model, others: &[(&str, &Model)], [batch, threads]: [usize; 2]) -> Result<()> {
    let file = |ending: &str| dir.join(format!("{name}.{ending}"));
    let save =
        |path: &Path, bytes: &[u8]| fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()));
    let mut session = Session::new(Arc::new(Plan::new(model)?));
    let (shape, input) = input(model, batch);
    let mut logits = Vec::new();
    for sample in input.chunks(input.len() / batch) {
        logits.extend_from_slice(session.run(sample)?);
    }
    save(&file("hccr"), &model.to_bytes()?)?;
    save(&file("input"), &to_bytes(&input))?;
    save(&file("logits"), &to_bytes(&logits))?;
    let forms = [("onnx".to_owned(), model)].into_iter();
    let forms = forms.chain(others.iter().map(|(form, model)| (format!("{form}.onnx"), *model)));
    let onnx = forms.map(|(ending, model)| {
        save(&file(&ending), &onnx::to_bytes(model)?)?;
        Ok(file(&ending))
    });
    let onnx = onnx.collect::<Result<Vec<PathBuf>>>()?;
    let largest = largest(&logits);
    let (hccr, input, logits) = (file("hccr"), file("input"), file("logits"));
    let line = json!({
        "name": name, "batch": batch, "threads": threads, "shape": shape, "largest_logit": largest, "hccr": hccr,
        "input": input, "logits": logits, "onnx": onnx,
    });
    println!("{line}");
    Ok(())
}

/// The model with the two factors of each of its LSTMs' matrices, for the input and for the state, as one.
fn multiplied_out(model: &Model) -> Result<Model> {
    let mut model = model.clone();
    for node in 0..model.nodes.len() {
        match model.nodes[node].op {
            Op::Lstm { params, project: Some(project), recurrent } => {
                multiply(&mut model, recurrent, project);
                let params = LstmParams { rank: None, ..params };
                model.nodes[node].op = Op::Lstm { params, project: None, recurrent };
            }
            Op::Linear { params, weight: right, scale: None, bias: None, prelu: None } => {
                let [_, next, lstm, ..] = &mut model.nodes[node..] else { continue };
                if let (Op::Linear { params: left, weight, .. }, Op::Lstm { .. }) = (&mut next.op, &lstm.op) {
                    left.in_features = params.in_features;
                    let weight = *weight;
                    multiply(&mut model, weight, right);
                    model.nodes[node].op = Op::Identity;
                }
            }
            _ => (),
        }
    }
    Ok(hccr_graph_opt::optimize(&model)?)
}

/// Puts the product `left * right` in place of `left`.
fn multiply(model: &mut Model, left: WeightId, right: WeightId) {
    let (left_factor, right_factor) = (model.weight(left), model.weight(right));
    let (rank, columns) = (right_factor.rows(), right_factor.columns());
    let (rows, right) = (left_factor.to_dense(), right_factor.to_dense());
    let product = rows.chunks(rank).flat_map(|row| {
        let mut sums = vec![0.0; columns];
        for (factor, right) in row.iter().zip(right.chunks(columns)) {
            sums.iter_mut().zip(right).for_each(|(sum, r)| *sum += factor * r);
        }
        sums
    });
    let shape = [left_factor.rows(), columns];
    let product = Weight::dense(left_factor.name.clone(), &shape, product.collect());
    model.weights[left.0 as usize] = product;
}

/// Says that it is ready, and then times as many runs as each line of the standard input asks for.
fn serve(model: &Path, input: &Path, logits: &Path, batch: usize, threads: usize) -> Result<()> {
    let read = |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let plan = Arc::new(Plan::new(&Model::from_bytes(&read(model)?)?)?);
    let want = from_bytes(&read(logits)?);
    ensure!(threads > 0 && batch.is_multiple_of(threads), "{batch} samples cannot be shared by {threads} threads");
    let mut runtime = Runtime {
        sessions: (0..threads).map(|_| Session::new(Arc::clone(&plan))).collect(),
        input: from_bytes(&read(input)?),
        output: vec![0.0; want.len()],
        samples: batch / threads,
    };
    runtime.run()?;
    let differences: Vec<f32> = runtime.output.iter().zip(&want).map(|(found, want)| found - want).collect();
    let difference = largest(&differences);
    println!("{}", json!({ "version": env!("CARGO_PKG_VERSION"), "max_abs_diff": difference }));
    for line in std::io::stdin().lines() {
        let mut times = vec![0.0; line?.trim().parse()?];
        for time in &mut times {
            let start = Instant::now();
            runtime.run()?;
            *time = start.elapsed().as_secs_f64() * 1e3;
        }
        println!("{}", json!(times));
    }
    Ok(())
}

/// A batch of samples, shared by sessions that run side by side.
struct Runtime {
    sessions: Vec<Session>,
    input: Vec<f32>,
    output: Vec<f32>,
    /// Samples a session.
    samples: usize,
}

impl Runtime {
    fn run(&mut self) -> Result<(), RunError> {
        let shares = [self.input.len(), self.output.len()].map(|len| len / self.sessions.len());
        let [inputs, outputs] = shares.map(|len| len / self.samples);
        let work = |session: &mut Session, input: &[f32], output: &mut [f32]| {
            for (x, y) in input.chunks(inputs).zip(output.chunks_mut(outputs)) {
                y.copy_from_slice(session.run(x)?);
            }
            Ok(())
        };
        if let [session] = &mut self.sessions[..] {
            return work(session, &self.input, &mut self.output);
        }
        let work = &work;
        let inputs = self.input.chunks(shares[0]).zip(self.output.chunks_mut(shares[1]));
        std::thread::scope(|scope| {
            let running: Vec<_> = self
                .sessions
                .iter_mut()
                .zip(inputs)
                .map(|(session, (input, output))| scope.spawn(move || work(session, input, output)))
                .collect();
            running.into_iter().try_for_each(|thread| thread.join().expect("a run does not panic"))
        })
    }
}

fn to_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn from_bytes(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect()
}
