//! The commands.

use crate::{bench, describe, export, man, read, serve};
use anyhow::Result;
use clap::{CommandFactory, Parser};
use clap_complete::Shell;
use std::io;
use std::process::ExitCode;

/// Reads handwritten Chinese characters, from pictures and from pen strokes, on this machine alone.
///
/// The models for the 3755 characters of GB2312 level 1 are in the box. Where a command takes a MODEL, `offline` is the one that
/// reads pictures, `online` the one that reads pen strokes, and anything else is the path of a model file (.hccr).
#[derive(Parser, Debug)]
#[command(name = "hccr", version, arg_required_else_help = true, after_help = EXAMPLES)]
#[expect(missing_docs, reason = "what is said of the arguments is the help")]
pub enum Command {
    Read(read::ReadArgs),
    /// Measure how well a model reads labelled files
    ///
    /// Measures top-1, top-5 and top-10 accuracy, per writer too, whether probabilities can be relied on, the characters
    /// confused most, time, bytes and MACs. Prints a table, and writes evaluation.json and evaluation.html. The page has pictures
    /// of samples: keep it where the samples may be.
    Evaluate(Box<hccr_gauge::Args>),
    Describe(describe::DescribeArgs),
    Export(export::ExportArgs),
    Bench(bench::BenchArgs),
    Serve(serve::ServeArgs),
    /// Print the completions for a shell
    ///
    /// For bash: hccr completions bash > ~/.local/share/bash-completion/completions/hccr
    Completions {
        /// The shell
        shell: Shell,
    },
    Man(man::ManArgs),
}

const EXAMPLES: &str = "\
Examples:
  hccr read photo.jpg            the characters in a picture, with the likeliest others
  hccr read --plain page.png     the text alone, a line per row
  hccr read --json scans/        a folder and those in it, one line of JSON per picture
  hccr read --ink strokes.json   pen strokes
  hccr describe offline          what a model consists of";

impl Command {
    /// Does what the command says, and prints what comes of it.
    ///
    /// # Errors
    /// Where a file cannot be read or written, or holds something else than the command needs. That some files of many could not
    /// be read is no error, but an exit code.
    pub fn run(self) -> Result<ExitCode> {
        match self {
            Self::Read(args) => return args.run(),
            Self::Evaluate(args) => hccr_gauge::evaluate(&args, "hccr evaluate")?,
            Self::Describe(args) => args.run()?,
            Self::Export(args) => args.run()?,
            Self::Bench(args) => args.run()?,
            Self::Serve(args) => args.run()?,
            Self::Completions { shell } => {
                clap_complete::generate(shell, &mut Self::command(), "hccr", &mut io::stdout());
            }
            Self::Man(args) => args.run(Self::command())?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        Command::command().debug_assert();
    }
}
