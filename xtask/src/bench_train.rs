//! `cargo xtask bench-train`: training steps beside other engines'.
//!
//! As in `bench_peers`, every engine is a process that trains when it is told to: `benches/src/bin/train_steps.rs` is ours, and
//! `benches/peers/train.py` the others'.

use crate::bench_peers::{commit, engine::Engine, machine, python, text, wanted};
use crate::{cores, prepare, reproduce};
use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::iter;
use std::path::{Path, PathBuf};
use std::process::Command;

const OURS: &str = "hccr-nn-train";
/// Times that an engine trains before another takes its turn, after a step that is not counted.
const STEPS_PER_TURN: usize = 2;
/// The largest difference of first losses, as a share.
const TOLERANCE: f64 = 1e-3;

/// Flags of the command.
#[derive(Args)]
pub(crate) struct TrainArgs {
    /// Time only these networks: cnn9 and cnn9-lowrank (the thesis's, 3755 classes), cnn9-quarter (a quarter of its width, 100 classes),
    /// lstm (100 and 512 units, 3755 classes, 50 time steps)
    networks: Vec<String>,
    /// Timed steps of each engine on each network, two per turn
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    steps: u32,
    /// Time PyTorch as well, which this Python has
    #[arg(long, value_name = "PYTHON")]
    pytorch: Option<PathBuf>,
}

/// Builds, installs, times, and writes `bench-train/report.json` in the target directory.
///
/// # Errors
/// Where something cannot be built, installed or written, an engine fails, or losses disagree.
pub(crate) fn run(root: &Path, args: &TrainArgs) -> Result<()> {
    ensure!(cfg!(target_os = "linux"), "bench-train pins processes as only Linux allows");
    let dir = reproduce::target(root).join("bench-train");
    fs::create_dir_all(&dir)?;
    let peers = root.join("benches/peers");
    let tensorflow = python::environment(&dir.join("python"), &peers, &[("train.txt", &[])])?;
    let core_type = prepare::prepare()?;
    let mut build = reproduce::cargo(root, ["build", "hccr-benches"], core_type);
    build.args(["--bin", "train_steps"]);
    ensure!(build.status().context("cannot start cargo")?.success(), "the benchmark does not build");
    let binary = reproduce::target(root).join("native/release/train_steps");
    let ours =
        |args: &[&str]| output(Command::new(&binary).args(args).envs(core_type.map(|c| ("OPENBLAS_CORETYPE", c))));
    let cores = cores::allowed()?;
    let threads = cores.len();
    let cores = cores.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
    let log = File::create(dir.join("engines.log"))?;
    let peak = ours(&["peak"])?.trim().parse::<f64>().context("no peak")?;
    println!("peak: {peak:.0} GFLOP/s on {threads} cores");

    let mut reported = Vec::new();
    let written = ours(&["write", &dir.join("networks").to_string_lossy()])?;
    for network in wanted(written.lines().map(serde_json::from_str).collect::<Result<_, _>>()?, &args.networks)? {
        let name = text(&network, "name")?;
        println!("\n{name}");
        let own = |threads: usize| {
            let variables = core_type.map(|core_type| format!("OPENBLAS_CORETYPE={core_type}"));
            let variables = variables.into_iter().chain([format!("RAYON_NUM_THREADS={threads}")]);
            let program = [binary.display().to_string(), "serve".into(), name.clone()];
            iter::once("env".into()).chain(variables).chain(program).collect::<Vec<String>>()
        };
        let peer = |python: &Path, name: &str| -> Result<Vec<String>> {
            let [python, script] = [python, &peers.join("train.py")].map(|path| path.display().to_string());
            Ok(vec![python, "-B".into(), script, name.into(), text(&network, "file")?, threads.to_string()])
        };
        let mut programs =
            vec![(OURS, threads, own(threads)), ("tensorflow", threads, peer(&tensorflow, "tensorflow")?)];
        if let Some(python) = &args.pytorch {
            programs.push(("pytorch", threads, peer(python, "pytorch")?));
        }
        let fewer = iter::successors(Some(1), |&fewer| Some(2 * fewer)).take_while(|&fewer| fewer < threads);
        programs.extend(fewer.map(|fewer| (OURS, fewer, own(fewer))));
        let start = |(name, of, program): (&'static str, usize, Vec<String>)| {
            // On all cores an engine may have any number of threads.
            let most = if of == threads { usize::MAX } else { of };
            let engine = Engine::start(name, &of.to_string(), &program, &cores, most, &log);
            engine.with_context(|| format!("{name} failed"))
        };
        let mut engines = programs.into_iter().map(start).collect::<Result<Vec<_>>>()?;
        let loss = network["loss"].as_f64().context("a network without a loss")?;
        for engine in &engines {
            let (name, difference) = (engine.name, engine.max_abs_diff);
            ensure!(
                difference <= TOLERANCE * loss,
                "{name} has another first loss: it differs by {difference} from {loss}"
            );
        }
        for _ in 0..(args.steps as usize).div_ceil(STEPS_PER_TURN) {
            engines.iter_mut().try_for_each(|engine| engine.time(STEPS_PER_TURN))?;
        }
        let gflop = network["gflop"].as_f64().context("a network without its work")?;
        print_table(&engines, gflop, peak);
        let layers: Vec<Value> = serde_json::from_str(&ours(&["layers", &name])?)?;
        let layers: Vec<Value> = layers.into_iter().map(|layer| with_rate(layer, peak)).collect();
        reported.push(report(&network, &engines, gflop, peak, layers));
    }
    let path = dir.join("report.json");
    let report =
        json!({ "commit": commit(root), "machine": machine(), "peak_gflops": round(peak), "networks": reported });
    hccr_files::replace(&path, &[(serde_json::to_string_pretty(&report)? + "\n").as_bytes()])?;
    println!("\nWritten to {}; what the engines print themselves is in engines.log beside it", path.display());
    Ok(())
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.output().context("cannot start the benchmark")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}", said.trim().trim_start_matches("Error: "));
    Ok(String::from_utf8(output.stdout)?)
}

fn print_table(engines: &[Engine], gflop: f64, peak: f64) {
    println!("  engine         version  threads     min ms  median ms  steps  GFLOP/s  of peak  x ours (min, median)");
    for engine in engines {
        let (min, median) = (engine.min_ms(), engine.median_ms());
        let (rate, [of_min, of_median]) = (gflop / min * 1e3, ratios(engine, &engines[0]));
        println!(
            "  {:<14} {:<9}{:>7}{min:>11.1}{median:>11.1}{:>7}{rate:>9.0}{:>7.0} %  {of_min:.2}, {of_median:.2}",
            engine.name,
            engine.version,
            engine.form,
            engine.times_ms.len(),
            100.0 * rate / peak,
        );
    }
}

/// How many times as long as `ours` it takes, by least times and by medians.
fn ratios(engine: &Engine, ours: &Engine) -> [f64; 2] {
    [engine.min_ms() / ours.min_ms(), engine.median_ms() / ours.median_ms()]
}

/// A layer with its rate, where it has products.
fn with_rate(mut layer: Value, peak: f64) -> Value {
    if let (Some(gflop), Some(ms)) = (layer["gflop"].as_f64().filter(|&gflop| gflop > 0.0), layer["ms"].as_f64()) {
        let rate = gflop / ms * 1e3;
        layer["gflops"] = round(rate).into();
        layer["of_peak"] = round(rate / peak).into();
    }
    layer["ms"] = layer["ms"].as_f64().map(round).into();
    layer
}

/// A network's part of the report.
fn report(network: &Value, engines: &[Engine], gflop: f64, peak: f64, layers: Vec<Value>) -> Value {
    let reported = engines.iter().map(|engine| {
        let [of_min, of_median] = ratios(engine, &engines[0]);
        let rate = gflop / engine.min_ms() * 1e3;
        let mut values = BTreeMap::from([
            ("min_ms", engine.min_ms()),
            ("median_ms", engine.median_ms()),
            ("gflops", rate),
            ("of_peak", rate / peak),
        ]);
        let [threads, all] = [engine, &engines[0]].map(|engine| engine.form.parse::<u32>().unwrap_or_default());
        if engine.name != OURS {
            values.extend([("min_ratio", of_min), ("median_ratio", of_median)]);
        } else if threads != all {
            // Of all threads, against these.
            values.insert("efficiency_of_all", of_median * f64::from(threads) / f64::from(all));
        }
        let mut entry = json!({
            "name": engine.name, "version": engine.version, "threads": threads, "steps": engine.times_ms.len(), "loss_diff": engine.max_abs_diff,
        });
        values.into_iter().for_each(|(key, value)| entry[key] = round(value).into());
        entry
    });
    json!({
        "name": network["name"], "batch": network["batch"], "gflop_per_step": round(gflop),
        "engines": reported.collect::<Vec<_>>(), "layers": layers,
    })
}

/// To four digits behind the point.
fn round(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}
