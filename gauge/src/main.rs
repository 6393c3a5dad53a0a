//! The binary of `cargo xtask evaluate`: measures how well a model reads labelled files. It needs no BLAS.
#![forbid(unsafe_code)]

mod realism;

use anyhow::{Result, bail};
use clap::{Parser, Subcommand};
use hccr_gauge::Args;

/// How the user calls this.
const NAME: &str = "cargo xtask evaluate";

/// Measures how well a model reads labelled files: top-1, top-5 and top-10 accuracy, per writer too, whether its probabilities
/// can be relied on, what is gained by leaving out the least certain samples, the characters that it confuses most, its time
/// per character, bytes and MACs.
///
/// Prints a table, and writes evaluation.json and evaluation.html. The page has pictures of samples: keep it where the samples
/// may be.
#[derive(Parser, Debug)]
#[command(bin_name = NAME, version, args_conflicts_with_subcommands = true)]
#[command(subcommand_negates_reqs = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    args: Option<Args>,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Compare simulated with real writing: whether a simple classifier tells the images apart, statistics of inks, and 100
    /// samples of each beside each other. Writes realism.html
    Realism(realism::RealismArgs),
}

fn main() -> Result<()> {
    match Cli::parse() {
        Cli { command: Some(Command::Realism(args)), .. } => realism::run(&args),
        Cli { args: Some(args), .. } => hccr_gauge::evaluate(&args, NAME),
        _ => bail!("give a model and files: see {} --help", NAME),
    }
}
