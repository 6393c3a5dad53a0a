//! `cargo xtask bench-peers`: the runtime beside the engines that people would pick instead, on the same networks.
//!
//! The networks and the runtime come from `benches/src/bin/peers.rs`, the other engines run in `benches/peers/peer.py`.

pub(crate) mod engine;
pub(crate) mod python;

use crate::{cores, prepare, reproduce};
use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use engine::Engine;
use python::Requirements;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

const OURS: &str = "hccr-runtime";
/// The other engines, in the order of the tables; the last with `--litert` only.
const PEERS: [&str; 4] = ["onnxruntime", "openvino", "ncnn", "ai-edge-litert"];
/// Rounds in which the engines take turns.
const ROUNDS: usize = 10;

/// Flags of the command.
#[derive(Args)]
pub(crate) struct PeersArgs {
    /// Time only these networks: cnn9, cnn9-lowrank, cnn9-compressed, cnn9-block, each of these in 8 bits (cnn9-int8 and so on; the
    /// others may take the network in f32 then, if that is faster for them), cnn9-lowrank-batch32 and
    /// cnn9-lowrank-int8-batch32 (a batch of 32 on two threads), lstm, lstm-compressed
    networks: Vec<String>,
    /// Timed runs of each engine on each network, in ten rounds in which the engines take turns
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// The CPU core that the engines share; a batch also gets the core before it [default: the last core that this process
    /// may use]
    #[arg(long)]
    core: Option<usize>,
    /// Take the thesis's released network (params_compress.bin) as cnn9-compressed, instead of random weights in its structure
    #[arg(long, value_name = "FILE")]
    released_model: Option<PathBuf>,
    /// Time LiteRT as well, on the convolutional networks
    #[arg(long)]
    litert: bool,
}

/// Builds, installs, times, and writes `bench-peers/report.json` in the target directory.
///
/// # Errors
/// Where something cannot be built, installed or written; and, once the report is written, where the runtime itself failed.
pub(crate) fn run(root: &Path, args: &PeersArgs) -> Result<()> {
    ensure!(cfg!(target_os = "linux"), "bench-peers pins processes and counts threads as only Linux allows");
    let allowed = cores::allowed()?;
    let core = args.core.or(allowed.last().copied()).context("no core is allowed")?;
    let among = format!("core {core} is not among those that this process may run on: {allowed:?}");
    let cores = cores::downwards(core, allowed).context(among)?;
    let target = reproduce::target(root);
    let dir = target.join("bench-peers");
    fs::create_dir_all(&dir)?;
    let peers = root.join("benches/peers");
    // Of pnnx only the program is used; its Python module would bring PyTorch.
    let requirements: [Requirements; 3] =
        [("requirements.txt", &[]), ("converters.txt", &["--no-deps"]), ("litert.txt", &[])];
    let left_out = usize::from(!args.litert);
    let python = python::environment(&dir.join("python"), &peers, &requirements[..3 - left_out])?;
    let names = &PEERS[..PEERS.len() - left_out];
    let binary = build(root, &target)?;
    let log = File::create(dir.join("engines.log"))?;

    let (mut reported, mut own_failures) = (Vec::new(), Vec::new());
    for network in write_networks(&binary, &dir, args)? {
        let name = text(&network, "name")?;
        println!("\n{name}");
        let (candidates, mut failed) =
            start(&network, &cores, &binary, [&python, &peers.join("peer.py")], names, &log)?;
        let engines = measure(candidates, args.runs as usize, &mut failed);
        // A form that failed does not matter where another one of the same engine runs.
        failed.retain(|failure| engines.iter().all(|engine| engine.name != failure.name));
        print_table(&engines, &failed);
        let own = failed.iter().filter(|failure| failure.name == OURS);
        own_failures.extend(own.map(|failure| format!("{OURS} failed on {name}: {}", failure.reason)));
        reported.push(report(&network, &engines, &failed));
    }
    let path = dir.join("report.json");
    let report = json!({ "commit": commit(root), "machine": machine(), "networks": reported });
    hccr_files::replace(&path, &[(serde_json::to_string_pretty(&report)? + "\n").as_bytes()])?;
    println!("\nWritten to {}; what the engines print themselves is in engines.log beside it", path.display());
    ensure!(own_failures.is_empty(), "{}", own_failures.join("\n"));
    Ok(())
}

/// Why an engine has no times.
struct Failure {
    name: &'static str,
    form: String,
    reason: String,
}

/// Builds the binary of the networks. Without flags for this CPU: the runtime detects it.
fn build(root: &Path, target: &Path) -> Result<PathBuf> {
    let core_type = prepare::prepare()?;
    let mut command = Command::new("cargo");
    command.args(["build", "--release", "--package", "hccr-benches", "--bin", "peers"]).current_dir(root);
    command.envs(core_type.map(|name| ("OPENBLAS_CORETYPE", name)));
    ensure!(command.status().context("cannot start cargo")?.success(), "the benchmark does not build");
    Ok(target.join("release/peers"))
}

/// Writes the networks, and returns what the binary says about those that are wanted.
fn write_networks(binary: &Path, dir: &Path, args: &PeersArgs) -> Result<Vec<Value>> {
    let output = Command::new(binary).arg("write").arg(dir.join("networks")).args(&args.released_model).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    // It starts as this program's own will.
    ensure!(output.status.success(), "{}", said.trim().trim_start_matches("Error: "));
    let lines = String::from_utf8(output.stdout)?;
    wanted(lines.lines().map(serde_json::from_str).collect::<Result<_, _>>()?, &args.networks)
}

/// The networks of these names, or all.
pub(crate) fn wanted(mut networks: Vec<Value>, wanted: &[String]) -> Result<Vec<Value>> {
    let names: BTreeSet<String> = networks.iter().map(|network| text(network, "name")).collect::<Result<_>>()?;
    if let Some(unknown) = wanted.iter().find(|name| !names.contains(*name)) {
        bail!("no network is called {unknown}; there are {}", Vec::from_iter(names).join(", "));
    }
    networks.retain(|network| wanted.is_empty() || wanted.iter().any(|wanted| network["name"] == wanted.as_str()));
    Ok(networks)
}

/// Starts every engine on `network`, peers once for each form of it and each way of sharing a batch. They get the first
/// of `cores`, as many as threads.
fn start(
    network: &Value,
    cores: &[usize],
    binary: &Path,
    peer: [&Path; 2],
    names: &[&'static str],
    log: &File,
) -> Result<(Vec<Engine>, Vec<Failure>)> {
    let path = |key: &str| text(network, key);
    let number = |key: &str| network[key].as_u64().context("a network without a number").map(|n| n as usize);
    let (batch, threads) = (number("batch")?, number("threads")?);
    let list = |key: &str| network[key].as_array().context("a network without a list");
    let shape: Vec<String> = list("shape")?.iter().map(Value::to_string).collect();
    ensure!(threads <= cores.len(), "{} needs {threads} cores, and there are {}", path("name")?, cores.len());
    let cores = cores[..threads].iter().map(usize::to_string).collect::<Vec<_>>().join(",");
    let forms = list("forms")?;
    let tolerance = |form: &Value| form["tolerance"].as_f64().context("a form without a tolerance");
    let own = forms.first().context("a network without a form")?;

    let ours = [&binary.display().to_string(), "serve", &path("hccr")?, &path("input")?, &text(own, "logits")?]
        .into_iter()
        .map(str::to_owned)
        .chain([batch.to_string(), threads.to_string()])
        .collect();
    let mut programs: Vec<(&'static str, String, f64, Vec<String>)> =
        vec![(OURS, String::new(), tolerance(own)?, ours)];
    let ways: &[&str] = if batch > 1 { &["together", "apart"] } else { &["together"] };
    for &name in names {
        for form in forms {
            let onnx = text(form, "onnx")?;
            for way in ways {
                let [python, script] = peer.map(|path| path.display().to_string());
                // Without -B, Python would write into the sources.
                let mut program = vec![python, "-B".to_owned(), script, name.to_owned(), onnx.clone()];
                program.extend([path("input")?, text(form, "logits")?, shape.join(",")]);
                program.extend([threads.to_string(), (*way).to_owned()]);
                let file = Path::new(&onnx).file_name().unwrap_or_default().to_string_lossy().into_owned();
                let parts = [(forms.len() > 1).then_some(&*file), (ways.len() > 1).then_some(*way)];
                let label = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
                programs.push((name, label, tolerance(form)?, program));
            }
        }
    }

    let (mut engines, mut failed) = (Vec::new(), Vec::new());
    for (name, form, tolerance, program) in programs {
        let agrees = |engine: Engine| {
            let difference = engine.max_abs_diff;
            ensure!(difference <= tolerance, "its answer differs by {difference}, where {tolerance:.1e} is allowed");
            Ok(engine)
        };
        match Engine::start(name, &form, &program, &cores, threads, log).and_then(agrees) {
            Ok(engine) => engines.push(engine),
            Err(error) => failed.push(Failure { name, form, reason: format!("{error:#}") }),
        }
    }
    Ok((engines, failed))
}

/// Warms the engines up, keeps the fastest form of each, and times these forms in turns.
fn measure(candidates: Vec<Engine>, runs: usize, failed: &mut Vec<Failure>) -> Vec<Engine> {
    let each = runs.div_ceil(ROUNDS);
    let mut engines = time_all(candidates, each, failed);
    engines.sort_by(|a, b| a.min_ms().total_cmp(&b.min_ms()));
    let mut seen = BTreeSet::new();
    engines.retain(|engine| seen.insert(engine.name));
    engines.sort_by_key(|engine| PEERS.iter().position(|&peer| peer == engine.name));
    engines.iter_mut().for_each(|engine| engine.times_ms.clear());
    for _ in 0..ROUNDS {
        engines = time_all(engines, each, failed);
    }
    engines
}

/// Times each of the engines once, and leaves out those that fail.
fn time_all(engines: Vec<Engine>, runs: usize, failed: &mut Vec<Failure>) -> Vec<Engine> {
    let timed = engines.into_iter().filter_map(|mut engine| match engine.time(runs) {
        Ok(()) => Some(engine),
        Err(error) => {
            failed.push(Failure { name: engine.name, form: engine.form.clone(), reason: format!("{error:#}") });
            None
        }
    });
    timed.collect()
}

/// The least time of the engines that are not this project's.
fn best_peer_ms(engines: &[Engine]) -> f64 {
    engines.iter().filter(|engine| engine.name != OURS).map(Engine::min_ms).fold(f64::INFINITY, f64::min)
}

fn print_table(engines: &[Engine], failed: &[Failure]) {
    println!("  engine         version           min ms  median ms   runs  of best peer  largest difference");
    let best = best_peer_ms(engines);
    for engine in engines {
        let (min, median) = (engine.min_ms(), engine.median_ms());
        println!(
            "  {:<14} {:<15}{min:>9.3}{median:>11.3}{:>7}{:>14.2}{:>20.1e}  {}",
            engine.name,
            engine.version,
            engine.times_ms.len(),
            min / best,
            engine.max_abs_diff,
            engine.form
        );
    }
    for Failure { name, form, reason } in failed {
        println!("  {name:<14} failed: {reason} {form}");
    }
}

/// A network's part of the report. An engine that failed in every form has a reason instead of times.
fn report(network: &Value, engines: &[Engine], failed: &[Failure]) -> Value {
    let timed = engines.iter().map(|engine| {
        json!({
            "name": engine.name, "form": engine.form, "version": engine.version, "min_ms": engine.min_ms(),
            "median_ms": engine.median_ms(), "runs": engine.times_ms.len(), "max_abs_diff": engine.max_abs_diff,
        })
    });
    let mut seen = BTreeSet::new();
    let failed = failed.iter().filter(|failure| seen.insert(failure.name)).map(|failure| {
        json!({
            "name": failure.name, "form": failure.form, "version": null, "min_ms": null, "median_ms": null, "runs": 0,
            "max_abs_diff": null, "error": failure.reason,
        })
    });
    json!({
        "name": network["name"], "batch": network["batch"], "threads": network["threads"],
        "engines": timed.chain(failed).collect::<Vec<_>>(),
    })
}

/// Short hash of the checkout's commit, `-dirty` where a tracked file differs; none outside a checkout.
pub(crate) fn commit(root: &Path) -> Option<String> {
    let output =
        Command::new("git").args(["describe", "--always", "--dirty", "--exclude=*"]).current_dir(root).output();
    let output = output.ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// This machine, without anything that names a host or a user.
pub(crate) fn machine() -> Value {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown", |rest| rest.trim_start_matches([' ', '\t', ':']));
    json!({
        "cpu": cpu,
        "logical_cores": std::thread::available_parallelism().map_or(1, |n| n.get()),
        "os": format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
    })
}

pub(crate) fn text(network: &Value, key: &str) -> Result<String> {
    network[key].as_str().map(str::to_owned).with_context(|| format!("a network without its {key}"))
}
