//! The binary of `cargo xtask evaluate`: measures how well a model reads labelled files. It needs no BLAS.
#![forbid(unsafe_code)]

mod measure;
mod page;
mod realism;
mod report;
mod samples;

use anyhow::{Result, bail, ensure};
use clap::{ArgGroup, Args as ClapArgs, Parser, Subcommand};
use std::path::PathBuf;

/// Measures how well a model reads labelled files: top-1, top-5 and top-10 accuracy, per writer too, whether its probabilities
/// can be relied on, what is gained by leaving out the least certain samples, the characters that it confuses most, its time
/// per character, bytes and MACs.
///
/// Prints a table, and writes evaluation.json and evaluation.html. The page has pictures of samples: keep it where the samples
/// may be.
#[derive(Parser, Debug)]
#[command(bin_name = "cargo xtask evaluate", version, args_conflicts_with_subcommands = true)]
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

/// Flags of a measurement.
#[derive(ClapArgs, Clone, Debug)]
#[command(group(ArgGroup::new("files").required(true).args(["gnt", "pot", "images"])))]
struct Args {
    /// The model file (.hccr)
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// The file of an online model: both read each ink, and their answers are fused
    #[arg(long, value_name = "FILE", requires = "pot")]
    ink_model: Option<PathBuf>,
    /// Share of the offline model in the fused answer, 0 to 1 [default: what the online model's file names, or 0.5]
    #[arg(long, requires = "ink_model")]
    weight: Option<f32>,
    /// GNT files, folders or zip archives of them; a file counts as one writer
    #[arg(long, num_args = 1.., value_name = "PATH")]
    gnt: Vec<PathBuf>,
    /// POT files, folders or zip archives of them; a file counts as one writer. An offline model sees each ink as a drawing
    #[arg(long, num_args = 1.., value_name = "PATH")]
    pot: Vec<PathBuf>,
    /// PNG, JPEG, BMP or WebP files, or folders of them. The character is the name of the folder, or the first of the file's name;
    /// either may be a code point such as U+4E00. The folder around counts as one writer
    #[arg(long, num_args = 1.., value_name = "PATH")]
    images: Vec<PathBuf>,
    /// Choose among the files' characters alone; otherwise among all that the model knows
    #[arg(long)]
    restrict: bool,
    /// Put the strokes of each ink into a random order
    #[arg(long, requires = "pot", conflicts_with = "joined")]
    shuffled: bool,
    /// Join the strokes of each ink, as if the pen had not been lifted
    #[arg(long, requires = "pot")]
    joined: bool,
    /// Directory of evaluation.json and evaluation.html
    #[arg(long, value_name = "DIR", default_value = "target/evaluate")]
    out: PathBuf,
}

fn main() -> Result<()> {
    let args = match Cli::parse() {
        Cli { command: Some(Command::Realism(args)), .. } => return realism::run(&args),
        Cli { args: Some(args), .. } => args,
        _ => bail!("give a model and files: see cargo xtask evaluate --help"),
    };
    ensure!(args.weight.is_none_or(|weight| (0.0..=1.0).contains(&weight)), "--weight must lie from 0 to 1");
    let samples = samples::load(&args)?;
    let measured = measure::measure(&args, &samples)?;
    print!("{}", measured.report.terminal());
    let sheet = measured.sheet(&samples)?;
    let json = serde_json::to_string_pretty(&measured.report)? + "\n";
    let html = page::page(&measured.report, &sheet)?;
    hccr_report::write_files(&args.out, [("evaluation.json".into(), json), ("evaluation.html".into(), html)])?;
    println!("\nwritten: {}", args.out.join("evaluation.{json,html}").display());
    Ok(())
}
