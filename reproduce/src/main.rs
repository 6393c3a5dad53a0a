//! The reproduction binary: trains, compresses, measures and reports. `cargo xtask reproduce` builds and starts it.
#![forbid(unsafe_code)]

mod measure;
mod offline;
mod progress;
mod released;
mod report;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Reproduces Xiao's thesis "Compressing and Accelerating Deep Neural Networks" (2018): trains a recogniser of
/// handwritten Chinese characters, compresses it, runs it in hccr-runtime and reports what was measured.
///
/// Without a command the offline pipeline runs: character images -> baseline CNN -> GSLRE low-rank expansion -> CRA
/// redundancy analysis and ADW pruning -> shared weights -> graph optimisation -> report.
#[derive(Parser, Debug)]
#[command(name = "cargo xtask reproduce", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    offline: offline::OfflineArgs,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// The offline pipeline, as without a command
    Offline(Box<offline::OfflineArgs>),
    /// The thesis's own released network, on real characters: accuracy, bytes and milliseconds as released and repacked
    Released(released::ReleasedArgs),
    /// Prints the stage table of one or several reports of a pipeline as Markdown (several seeds: mean and spread)
    Table {
        /// report.json files
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
    match cli.command {
        None => offline::run(&cli.offline),
        Some(Command::Offline(args)) => offline::run(&args),
        Some(Command::Released(args)) => released::run(&args),
        Some(Command::Table { reports }) => {
            let read = |path: &PathBuf| {
                let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
                serde_json::from_str(&text).with_context(|| format!("{} is not a report", path.display()))
            };
            let reports = reports.iter().map(read).collect::<Result<Vec<report::types::Report>>>()?;
            println!("{}", report::table::markdown_table(&reports));
            Ok(())
        }
    }
}
