//! The reproduction binary: trains, compresses, measures and reports. `cargo xtask reproduce` builds and starts it.
#![forbid(unsafe_code)]

mod ablate;
mod args;
mod cluster;
mod ladder;
mod measure;
mod models;
mod offline;
mod online;
mod pack;
mod pipeline;
mod progress;
mod released;
mod report;

use ablate::AblateArgs;
use anyhow::{Context, Result, bail};
use args::{RunArgs, SizeArgs};
use clap::{Args, Parser, Subcommand};
use models::ModelsArgs;
use offline::{ImageArgs, OfflineArgs};
use online::{InkArgs, OnlineArgs};
use pipeline::Earlier;
use progress::Interrupt;
use std::path::PathBuf;

/// Reproduces Xiao's thesis "Compressing and Accelerating Deep Neural Networks" (2018): trains recognizers of
/// handwritten Chinese characters, compresses them, runs them in hccr-runtime and reports what was measured.
///
/// Without a command both pipelines run, first the offline and then the online one. If files are given for one of them, only
/// that one runs.
/// Offline: character images -> baseline CNN -> GSLRE low-rank expansion -> CRA redundancy analysis and ADW pruning ->
/// shared weights -> graph optimization -> 8-bit integers -> report. Online: pen trajectories -> baseline LSTM -> SVD -> CRA
/// and ADW -> shared weights -> graph optimization -> report, with both recognizers fused.
#[derive(Parser, Debug)]
#[command(bin_name = "cargo xtask reproduce", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    both: BothArgs,
}

/// Flags of both pipelines.
#[derive(Args, Clone, Debug)]
struct BothArgs {
    #[command(flatten)]
    size: SizeArgs,
    #[command(flatten)]
    run: RunArgs,
    #[command(flatten)]
    images: ImageArgs,
    #[command(flatten)]
    ink: InkArgs,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Run the offline pipeline alone: images
    Offline(OfflineArgs),
    /// Run the online pipeline alone: pen trajectories
    Online(OnlineArgs),
    /// Train methods of compression against each other, each for as many steps: accuracy against size, MACs and time, over several
    /// seeds, and which claims of the thesis hold. Finished cells of the grid are kept, and --resume trains what is left. Without
    /// files --classes is 500 here unless given, --seed is that of the simulated writers alone, and --out is target/reproduce/ablate
    Ablate(AblateArgs<OfflineArgs>),
    /// The same for the online pipeline, in target/reproduce/ablate-online
    AblateOnline(AblateArgs<OnlineArgs>),
    /// Make the models that the project ships, from nothing
    Models(ModelsArgs),
    /// Measure the thesis's released network on real characters: accuracy, bytes and milliseconds as released, repacked
    /// and in 8-bit integers
    Released(released::ReleasedArgs),
    /// Measure how much time each idea saves, from naive loops to compressed networks in the runtime. The networks have the
    /// thesis's size and random weights. Writes ladder.json and ladder.svg
    Ladder {
        /// Directory of the two files
        #[arg(long, value_name = "DIR", default_value = "target/reproduce/ladder")]
        out: PathBuf,
    },
    /// Pack GNT or POT files into one, of which training reads samples in any order without holding them in memory. Records without ink
    /// or with an unknown tag are left out and named; a run that was stopped goes on
    Pack(pack::PackArgs),
    /// Print the card of a shipped model as Markdown: models/NAME.md
    Card {
        /// The report of the run that made it, models/NAME.json
        report: PathBuf,
        /// Reports of `cargo xtask evaluate` on real writing, docs/results/models-NAME-SET.json
        evaluations: Vec<PathBuf>,
    },
    /// Print the table of stages of one or several reports of a pipeline as Markdown (of several seeds: mean and range)
    Table {
        /// The report.json files
        #[arg(required = true)]
        reports: Vec<PathBuf>,
    },
}

fn main() -> Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let cli = Cli::parse();
    // What the report says is the commit now, not hours later.
    hccr_report::machine::commit();
    let multiplies = !matches!(
        cli.command,
        Some(Command::Released(_) | Command::Pack(_) | Command::Card { .. } | Command::Table { .. })
    );
    if multiplies {
        hccr_tensor::blas::use_one_thread()?;
        hccr_tensor::memory::keep_freed();
        if let Some(core) = hccr_tensor::blas::slow_kernels() {
            eprintln!(
                "OpenBLAS takes this CPU for an older one ({core}), and training is slower than it could be: start with `cargo xtask`, or \
                 set OPENBLAS_CORETYPE to a CPU like this one that it knows (Haswell has AVX2, SkylakeX AVX-512)"
            );
        }
    }
    // Lives until the end.
    let _cluster = cluster::join()?;
    let result = run(cli);
    if let (Err(error), true) = (&result, cluster::world().is_some()) {
        eprintln!("Error: {error:?}");
        cluster::abort();
    }
    result
}

fn run(cli: Cli) -> Result<()> {
    if !matches!(cli.command, None | Some(Command::Offline(_) | Command::Online(_))) {
        cluster::refuse()?;
    }
    match cli.command {
        None => both(cli.both, &Interrupt::catch()?),
        Some(Command::Offline(args)) => offline::run(&args, &Interrupt::catch()?).map(|_| ()),
        Some(Command::Online(args)) => online::run(&args, None, &Interrupt::catch()?),
        Some(Command::Ablate(args)) => ablate::offline(&args, &Interrupt::catch()?),
        Some(Command::AblateOnline(args)) => ablate::online(&args, &Interrupt::catch()?),
        Some(Command::Models(args)) => models::run(args, &Interrupt::catch()?),
        Some(Command::Released(args)) => released::run(&args),
        Some(Command::Ladder { out }) => ladder::run(&out),
        Some(Command::Pack(args)) => pack::run(&args),
        Some(Command::Card { report, evaluations }) => models::card::print(&report, &evaluations),
        Some(Command::Table { reports }) => {
            let read = |path: &PathBuf| {
                let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
                serde_json::from_str(&text).with_context(|| format!("{} is not a report", path.display()))
            };
            let reports = reports.iter().map(read).collect::<Result<Vec<report::types::Report>>>()?;
            report::stages::check_alike(&reports)?;
            println!("{}", report::stages::markdown(&reports));
            Ok(())
        }
    }
}

/// Runs both pipelines, or only the one for which there are files.
fn both(BothArgs { size, mut run, images, ink }: BothArgs, interrupt: &Interrupt) -> Result<()> {
    let (has_images, has_ink) = (images.has_files(), ink.has_files());
    let alone = has_images != has_ink;
    run.is_one_of_several = !alone;
    run.check()?;
    if let (Some(flag), true, false) = (images.given(), alone, has_images) {
        bail!(
            "{flag} is for images, and with files of ink only those are trained on: leave it out, or give files of images too"
        );
    }
    let mut offline = OfflineArgs { size: size.clone(), run: run.clone(), images };
    let mut online = OnlineArgs { size, run, ink, offline_model: None };
    if alone {
        return if has_ink {
            online::run(&online, None, interrupt)
        } else {
            offline::run(&offline, interrupt).map(|_| ())
        };
    }
    // What is wrong with the second run must not show when the first one is over.
    offline.check()?;
    online.check()?;
    offline.size.check_files(offline.images.are_trained_on() || online.ink.are_trained_on(), "--gnt-train or --pot")?;
    let out = online.run.out("online");
    if !offline.run.resume {
        offline.run.earlier.push(Earlier { out: out.clone(), models: Vec::new() });
    }
    let compressed = offline::run(&offline, interrupt)?;
    // A run that was stopped in the offline pipeline has not begun this one.
    online.run.resume &= cluster::first(pipeline::checkpoint(&out).exists());
    // Networks trained on different files know different characters.
    let compressed = compressed.as_deref().filter(|_| !has_ink);
    online::run(&online, compressed, interrupt)
}
