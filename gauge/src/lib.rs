//! Measures how well a model reads labelled files: the command line's arguments, the measurement, its report. `cargo xtask
//! evaluate` and `hccr evaluate` are this. It needs no BLAS.
#![forbid(unsafe_code)]

mod measure;
mod model;
mod page;
mod report;
mod samples;

pub use model::ModelSource;

use anyhow::Result;
use clap::{ArgGroup, Args as ClapArgs};
use std::path::PathBuf;

/// Flags of a measurement.
#[derive(ClapArgs, Clone, Debug)]
#[command(group(ArgGroup::new("files").required(true).args(["gnt", "pot", "images"])))]
pub struct Args {
    /// The model file (.hccr), or `offline` or `online` for one in the box [default: those in the box, for inks both]
    #[arg(long, value_name = "FILE")]
    model: Option<ModelSource>,
    /// The file of an online model: both read each ink, and their answers are fused
    #[arg(long, value_name = "FILE", requires = "pot")]
    ink_model: Option<ModelSource>,
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
    /// Choose among the characters that this other model reads: so the figures of models that read more can be compared with its own
    #[arg(long, value_name = "FILE", conflicts_with = "restrict")]
    among: Option<ModelSource>,
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

impl Args {
    /// The model, and the online one that it is fused with.
    fn models(&self) -> (ModelSource, Option<ModelSource>) {
        let in_the_box = (self.model.is_none() && !self.pot.is_empty()).then_some(ModelSource::Online);
        (self.model.clone().unwrap_or(ModelSource::Offline), self.ink_model.clone().or(in_the_box))
    }
}

/// Measures, prints a table, and writes `evaluation.json` and `evaluation.html`; `program` is how the user calls it.
///
/// # Errors
/// Where a model or the samples cannot be read, do not fit each other, or the results cannot be written.
pub fn evaluate(args: &Args, program: &str) -> Result<()> {
    let _lock = hccr_files::lock(&args.out)?;
    let samples = samples::load(args)?;
    let measured = measure::measure(args, &samples, program)?;
    print!("{}", measured.report.terminal());
    let sheet = measured.sheet(&samples)?;
    let json = serde_json::to_string_pretty(&measured.report)? + "\n";
    let html = page::page(&measured.report, &sheet)?;
    hccr_report::write_files(&args.out, [("evaluation.json".into(), json), ("evaluation.html".into(), html)])?;
    println!("\nwritten: {}", args.out.join("evaluation.{json,html}").display());
    Ok(())
}
