//! The project's commands: `cargo xtask <command>`.
//!
//! Links nothing heavy, so that it builds on a machine that has only Rust, and prepares it for the rest.
#![forbid(unsafe_code)]

mod prepare;
mod reproduce;
mod strokes;
mod test;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::path::Path;

/// Project commands.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
enum Cli {
    /// Check everything: formatting, lints, tests, docs, packaging and a smoke reproduction.
    Test {
        /// Leave out the release build and the smoke reproduction.
        #[arg(long)]
        fast: bool,
    },
    /// Train, compress and measure; takes the flags of the binary, see `cargo xtask reproduce --help`.
    #[command(disable_help_flag = true)]
    Reproduce {
        /// Flags of the reproduction binary.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Rebuild the embedded data.
    #[command(subcommand)]
    Data(Data),
}

#[derive(Subcommand)]
enum Data {
    /// The stroke medians in `datasets/strokes`, from their npm package.
    Strokes,
}

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace");
    match Cli::parse() {
        Cli::Test { fast } => test::run(root, fast),
        Cli::Reproduce { args } => reproduce::run(root, &args),
        Cli::Data(Data::Strokes) => strokes::run(root),
    }
}
