//! The Rust side of `cargo xtask bench-peers`: the networks, and the runtime as one of the engines.
//!
//! ```text
//! peers write DIR [RELEASED]                     writes the networks to DIR; prints one line of JSON per network
//! peers serve MODEL INPUT LOGITS BATCH THREADS   runs one of them, as ../../peers/peer.py runs the other engines
//! ```

use anyhow::{Context, Result, bail, ensure};
use hccr_benches::{Rng, SEED, SEQUENCE_LENGTH, largest, tolerance};
use hccr_interchange::onnx;
use hccr_interchange::scut;
use hccr_models::ThesisForm;
use hccr_models::offline::{quantized_for_noise, thesis_network};
use hccr_models::online;
use hccr_runtime::ink::FEATURES;
use hccr_runtime::shape::LstmParams;
use hccr_runtime::{Batch, Model, ModelBuilder, Op, Plan, RunError, Session, Weight, WeightData, WeightId};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Answers agree where they differ by at most this share of the largest logit.
const TOLERANCE: f32 = 1e-3;

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
        None => thesis_network(ThesisForm::Compressed, SEED),
        Some(path) => {
            let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            hccr_graph_opt::optimize(&scut::import(&bytes)?)
        }
    };
    let baseline = with_small_logits(thesis_network(ThesisForm::Baseline, SEED))?;
    let low_rank = with_small_logits(thesis_network(ThesisForm::LowRank, SEED))?;
    let block = thesis_network(ThesisForm::BlockCompressed { block: Plan::BLOCK.into() }, SEED);
    let pruned = online::thesis_network(ThesisForm::Compressed, SEED);
    // ONNX's LSTM has no factors: peers get a loop over the factors, and the operator with their products, and may take
    // the faster.
    let whole = multiplied_out(&pruned)?;
    write(dir, "lstm", &online::thesis_network(ThesisForm::Baseline, SEED), &[], [1, 1])?;
    write(dir, "lstm-compressed", &pruned, &[("whole", &whole)], [1, 1])?;
    let networks =
        [("cnn9", baseline), ("cnn9-lowrank", low_rank), ("cnn9-compressed", compressed), ("cnn9-block", block)];
    for (name, model) in networks {
        write(dir, name, &model, &[], [1, 1])?;
        // Peers may take whichever of the two is faster for them.
        let bytes = quantized_for_noise(&model, SEED)?;
        write(dir, &format!("{name}-int8"), &bytes, &[("f32", &model)], [1, 1])?;
        if name == "cnn9-lowrank" {
            write(dir, "cnn9-lowrank-batch32", &model, &[], [32, 2])?;
            write(dir, "cnn9-lowrank-int8-batch32", &bytes, &[("f32", &model)], [32, 2])?;
        }
    }
    Ok(())
}

/// The model with its last layer so scaled that its logits are about as large as trained ones: differences between engines
/// are then read as usual.
fn with_small_logits(model: Model) -> Result<Model> {
    let mut session = Session::new(Arc::new(Plan::new(&model)?));
    let logits = session.run(&input(&model, 1).1)?;
    let factor = 10.0 / largest(logits);
    let mut model = model.edit();
    if let Some(&Op::Linear { weight, bias: Some(bias), .. }) = model.nodes().last().map(|node| &node.op) {
        for id in [weight, bias] {
            if let WeightData::Dense(values) = &mut model.weight_mut(id).data {
                values.iter_mut().for_each(|value| *value *= factor);
            }
        }
    }
    Ok(model.finish()?)
}

/// An input for `batch` samples, and its shape: ink on a background of zeros, or time steps of about unit size.
fn input(model: &Model, batch: usize) -> (Vec<usize>, Vec<f32>) {
    let (shape, range) = if model.is_sequence() {
        (vec![SEQUENCE_LENGTH, batch, FEATURES], [-1.0, 1.0])
    } else {
        ([&[batch], &model.inputs()[0][..]].concat(), [0.0, 255.0])
    };
    let mut rng = Rng(SEED);
    let values = (0..shape.iter().product()).map(|_| (range[1] * rng.value()).max(range[0])).collect();
    (shape, values)
}

/// Writes one network with an input and its logits, and says what was written. `others` are models of the same function, or
/// nearly, for the peers alone; each is compared with its own logits.
fn write(dir: &Path, name: &str, model: &Model, others: &[(&str, &Model)], [batch, threads]: [usize; 2]) -> Result<()> {
    let file = |ending: &str| dir.join(format!("{name}.{ending}"));
    let save =
        |path: &Path, bytes: &[u8]| fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()));
    let (shape, values) = input(model, batch);
    let (hccr, input) = (file("hccr"), file("input"));
    save(&hccr, &model.to_bytes())?;
    save(&input, &to_bytes(&values))?;
    let forms = [(String::new(), model)].into_iter();
    let forms = forms.chain(others.iter().map(|(form, model)| (format!("{form}."), *model)));
    let forms = forms.map(|(form, model)| {
        let mut session = Session::new(Arc::new(Plan::new(model)?));
        let mut answers = Vec::new();
        for sample in values.chunks(values.len() / batch) {
            answers.extend_from_slice(session.run(sample)?);
        }
        let (onnx, logits) = (file(&format!("{form}onnx")), file(&format!("{form}logits")));
        save(&onnx, &onnx::to_bytes(model)?)?;
        save(&logits, &to_bytes(&answers))?;
        Ok(json!({ "onnx": onnx, "logits": logits, "tolerance": tolerance(model, &answers, TOLERANCE) }))
    });
    let forms = forms.collect::<Result<Vec<_>>>()?;
    let line = json!({
        "name": name, "batch": batch, "threads": threads, "shape": shape, "hccr": hccr, "input": input, "forms": forms,
    });
    println!("{line}");
    Ok(())
}

/// The model with the two factors of each of its LSTMs' matrices, for the input and for the state, as one.
fn multiplied_out(model: &Model) -> Result<Model> {
    let mut model = model.clone().edit();
    for node in 0..model.nodes().len() {
        match model.nodes()[node].op {
            Op::Lstm { params, project: Some(project), recurrent } => {
                multiply(&mut model, recurrent, project);
                let params = LstmParams { rank: None, ..params };
                *model.op_mut(node) = Op::Lstm { params, project: None, recurrent };
            }
            Op::Linear { params, weight: right, scale: None, bias: None, prelu: None } => {
                let Some(Op::Lstm { .. }) = model.nodes().get(node + 2).map(|lstm| &lstm.op) else { continue };
                if let Op::Linear { params: left, weight, .. } = model.op_mut(node + 1) {
                    left.in_features = params.in_features;
                    let weight = *weight;
                    multiply(&mut model, weight, right);
                    *model.op_mut(node) = Op::Identity;
                }
            }
            _ => (),
        }
    }
    Ok(hccr_graph_opt::optimize(&model.finish()?))
}

/// Puts the product `left * right` in place of `left`.
fn multiply(model: &mut ModelBuilder, left: WeightId, right: WeightId) {
    let (left_factor, right_factor) = (&model.weights()[left.index()], &model.weights()[right.index()]);
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
    *model.weight_mut(left) = product;
}

/// Says that it is ready, and then times as many runs as each line of the standard input asks for.
fn serve(model: &Path, input: &Path, logits: &Path, batch: usize, threads: usize) -> Result<()> {
    let read = |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let plan = Arc::new(Plan::new(&Model::from_bytes(&read(model)?)?)?);
    let want = from_bytes(&read(logits)?);
    ensure!(batch.is_multiple_of(threads.max(1)), "{batch} samples cannot be shared by {threads} threads");
    let input = from_bytes(&read(input)?);
    let mut runtime = Runtime::new(plan, threads)?;
    let mut output = vec![0.0; want.len()];
    runtime.run(&input, &mut output)?;
    ensure!(output.iter().all(|value| value.is_finite()), "its answer is not finite");
    let differences: Vec<f32> = output.iter().zip(&want).map(|(found, want)| found - want).collect();
    let difference = largest(&differences);
    println!("{}", json!({ "version": env!("CARGO_PKG_VERSION"), "max_abs_diff": difference }));
    for line in std::io::stdin().lines() {
        let mut times = vec![0.0; line?.trim().parse()?];
        for time in &mut times {
            let start = Instant::now();
            runtime.run(&input, &mut output)?;
            *time = start.elapsed().as_secs_f64() * 1e3;
        }
        println!("{}", json!(times));
    }
    Ok(())
}

/// What runs an input.
enum Runtime {
    One(Session),
    Several(Batch),
}

impl Runtime {
    fn new(plan: Arc<Plan>, threads: usize) -> Result<Self, RunError> {
        Ok(if threads > 1 { Self::Several(Batch::new(plan, threads)?) } else { Self::One(Session::new(plan)) })
    }

    fn run(&mut self, input: &[f32], output: &mut [f32]) -> Result<(), RunError> {
        match self {
            Self::One(session) => output.copy_from_slice(session.run(input)?),
            Self::Several(batch) => std::thread::scope(|scope| {
                batch.jobs(input, output)?.for_each(|job| {
                    scope.spawn(move || job.run());
                });
                Ok(())
            })?,
        }
        Ok(())
    }
}

fn to_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

fn from_bytes(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect()
}
