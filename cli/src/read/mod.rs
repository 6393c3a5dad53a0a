//! `hccr read`: from pictures and pen strokes to characters.

mod files;
mod output;
mod reader;

use crate::ink;
use anyhow::{Context, Result};
use clap::Args;
use files::File;
use hccr_gauge::ModelSource;
use indicatif::{ProgressBar, ProgressStyle};
use output::{Format, Output};
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use reader::Reader;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Files that are read before their results are printed; so many results are held in memory.
const CHUNK: usize = 64;

/// Read the characters in pictures, or those of pen strokes
///
/// Reads PNG, JPEG, BMP and WebP pictures: one character, or a page of separate ones, which are cut apart and read row by row.
/// What cannot be read is named on the standard error, and the rest goes on. Results come in the order of the files.
///
/// The exit code is 0 where everything was read, 1 where something could not be read, and 2 for a wrong command line.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ReadArgs {
    /// Files, folders with all that is in them, or `-` for the standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The files hold pen strokes: JSON, InkML or POT
    #[arg(long, conflicts_with = "single")]
    ink: bool,
    /// Each picture holds one character
    #[arg(long)]
    single: bool,
    /// Candidates to give for each character
    #[arg(short = 'k', long, value_name = "K", default_value = "5")]
    top: NonZeroUsize,
    /// Print the text alone, a line per row of characters
    #[arg(long, conflicts_with = "top")]
    plain: bool,
    /// Print a line of JSON per file: boxes in pixels, candidates with their probabilities, or the error
    #[arg(long, conflicts_with = "plain")]
    json: bool,
    /// Choose among these characters alone, given here or in a text file of this name
    #[arg(long, value_name = "CHARS|FILE")]
    restrict: Option<String>,
    /// The model [default: offline for pictures, both models together for pen strokes]
    #[arg(long, value_name = "MODEL")]
    model: Option<ModelSource>,
    /// A model of pen strokes, to be used together with the model of pictures
    #[arg(long, value_name = "MODEL", requires = "ink")]
    ink_model: Option<ModelSource>,
    /// Threads that read
    #[arg(long, value_name = "N", default_value = "2")]
    threads: NonZeroUsize,
}

const EXAMPLES: &str = "\
Examples:
  hccr read photo.jpg                  five candidates for each character
  hccr read --plain page.png           the text alone
  hccr read --single --restrict 一二三四五六七八九十 fields/
  hccr read --json scans/ > scans.jsonl
  scanner | hccr read -
  hccr read --ink strokes.json         {\"strokes\": [[[x, y], ...], ...]}";

impl ReadArgs {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        let reader = self.reader()?;
        let (endings, kind): (&[&str], _) = if self.ink {
            (&ink::ENDINGS, "JSON, InkML or POT")
        } else {
            (&hccr_picture::ENDINGS, "PNG, JPEG, BMP or WebP")
        };
        let files = files::find(&self.paths, endings, kind);
        let threads = rayon::ThreadPoolBuilder::new().num_threads(self.threads.get()).build()?;
        let mut output = Output::new(self.format(), &files);
        let bar = progress(files.len());
        let mut all_read = true;
        for chunk in files.chunks(CHUNK) {
            let read = |reader: &mut Reader, file: &File| {
                let read = reader.read(file, self.top.get());
                bar.inc(1);
                read
            };
            let results: Vec<_> = threads.install(|| chunk.par_iter().map_init(|| reader.clone(), read).collect());
            // The bar would be written over.
            bar.suspend(|| {
                for (file, result) in chunk.iter().zip(results) {
                    all_read &= result.is_ok();
                    output.write(file, result)?;
                }
                output.flush()
            })?;
        }
        bar.finish_and_clear();
        Ok(if all_read { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn format(&self) -> Format {
        match (self.plain, self.json) {
            (true, _) => Format::Plain,
            (_, true) => Format::Json,
            _ => Format::Table,
        }
    }

    fn reader(&self) -> Result<Reader> {
        let reader = if self.ink {
            Reader::of_ink(self.model.as_ref(), self.ink_model.as_ref())?
        } else {
            Reader::of_pictures(self.model.as_ref().unwrap_or(&ModelSource::Offline), self.single)?
        };
        match &self.restrict {
            Some(restrict) => reader.restricted(&characters(restrict)?).context("--restrict"),
            None => Ok(reader),
        }
    }
}

/// The characters of `text`, or of the file of this name.
fn characters(text: &str) -> Result<Vec<char>> {
    let path = Path::new(text);
    let text = if path.is_file() {
        std::fs::read_to_string(path).with_context(|| format!("cannot read the characters in {text}"))?
    } else {
        text.to_owned()
    };
    Ok(text.chars().filter(|c| !c.is_whitespace()).collect())
}

/// A progress bar on the standard error, where that is a terminal and there is more than one file.
fn progress(files: usize) -> ProgressBar {
    if files < 2 {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} files, {per_sec}, {eta} left");
    ProgressBar::new(files as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
