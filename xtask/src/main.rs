//! The project's commands: `cargo xtask <command>`.
//!
//! Links no BLAS, so that it builds on a machine that has only Rust, and prepares it for the rest.
#![forbid(unsafe_code)]

mod bench;
mod bench_peers;
mod bench_train;
mod burn;
mod cluster;
mod cores;
mod emulated;
mod evaluate;
mod fonts;
mod fuzz;
mod measure;
mod npm;
mod optional;
mod prepare;
mod release;
mod reproduce;
mod sanitize;
mod size;
mod skeletons;
mod steps;
mod strokes;
mod test;
mod web;

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
        /// Leave out the page for browsers, the smoke runs and the tests of burn.
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
    /// Make the models that the project ships, from nothing; takes the flags of the binary, see `cargo xtask models --help`.
    #[command(disable_help_flag = true)]
    Models {
        /// Flags of the command.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Measure how well a model reads labelled files; takes the flags of the binary, see `cargo xtask evaluate --help`.
    #[command(disable_help_flag = true)]
    Evaluate {
        /// Flags of the measuring binary.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Train in several processes, on one machine or on many: `cargo xtask cluster -n 2 -- offline --tier smoke`. Before `--` stand
    /// flags of `mpirun`, after it those of `cargo xtask reproduce`. docs/cluster.md says more.
    Cluster {
        /// Flags of mpirun.
        #[arg(allow_hyphen_values = true)]
        mpirun: Vec<OsString>,
        /// Flags of the reproduction.
        #[arg(last = true)]
        args: Vec<OsString>,
    },
    /// Time the runtime's layers on every instruction set, after comparing the answers with plain loops. With the single word
    /// `size`: print the bytes of a recognizer's binary, and fail above 520,000 bytes without its model.
    Bench {
        /// Time only the networks whose names contain one of these words: baseline, low-rank, svd, compressed, blocks, int8.
        networks: Vec<String>,
    },
    /// Measure what the runtime's kernels cost on this machine, beside the costs by which it chooses them.
    ///
    /// Prints the constants `TUNING` of `crates/runtime/src/isa`, ready to paste, for each instruction set of this machine. Run
    /// nothing else meanwhile. The least time of many runs counts.
    Tune,
    /// Read images, inks and lines of ink without a pause, make and drop recognizers and sessions, undo and go on. Fails if memory
    /// grows; prints how long the slowest calls take beside the median.
    Soak {
        /// How long, unless ten million characters are recognized before.
        #[arg(long, default_value_t = 30)]
        minutes: u32,
    },
    /// Time the runtime beside onnxruntime, OpenVINO and ncnn on the same networks.
    ///
    /// Makes a Python environment under target/bench-peers with the engines in it, and writes the networks as ONNX. All engines
    /// run in turns, pinned to one core, on one thread. Answers are compared with the runtime's, and threads are counted. A ratio
    /// is an engine's least time divided by that of the best other engine. Writes target/bench-peers/report.json.
    BenchPeers(bench_peers::PeersArgs),
    /// Time training steps of four networks beside TensorFlow, and PyTorch with --pytorch: the same networks, initial weights and mini-batch of 128.
    ///
    /// Makes a Python environment under target/bench-train with tensorflow-cpu in it. The engines train in turns, on all cores. Their first
    /// losses must agree. Writes target/bench-train/report.json, with the rate of each of our layers beside the machine's peak.
    BenchTrain(bench_train::TrainArgs),
    /// Give the readers and the runtime what a fuzzer makes up, with sanitizers; needs a nightly compiler and cargo-fuzz.
    Fuzz {
        /// How long each target runs.
        #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
        seconds: u32,
        /// The targets; without names all of them.
        targets: Vec<String>,
    },
    /// Test the runtime and the C library under Miri, AddressSanitizer and ThreadSanitizer; needs a nightly compiler.
    Sanitize,
    /// Test the engine that trains with burn: its losses, and a toy that it trains and compresses; needs Rust 1.95.
    Burn,
    /// Make the npm package and the page of `bindings/web`, in target/web/package and target/web/page.
    Web {
        /// Read with both, in Node and in Chromium.
        #[arg(long)]
        test: bool,
    },
    /// Check whether what is to be published is ready. Publishing is done by hand; the command ends with how.
    Release {
        /// Publish nothing.
        #[arg(long, required = true)]
        dry_run: bool,
    },
    /// Rebuild the embedded data, or pack data to train on.
    #[command(subcommand)]
    Data(Data),
}

#[derive(Subcommand)]
enum Data {
    /// The stroke medians in `datasets/strokes`, from their npm package.
    Strokes,
    /// The skeletons in `datasets/skeletons`, from npm packages of handwriting fonts.
    Fonts,
    /// Pack GNT or POT files into one for training; takes the flags of the binary, see `cargo xtask data pack --help`.
    #[command(disable_help_flag = true)]
    Pack {
        /// Flags of the command.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
}

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace");
    match Cli::parse() {
        Cli::Test { fast } => test::run(root, fast),
        Cli::Reproduce { args } => reproduce::run(root, &args),
        Cli::Cluster { mpirun, args } => cluster::run(root, &mpirun, &args),
        Cli::Models { args } => reproduce::run(root, &[vec!["models".into()], args].concat()),
        Cli::Evaluate { args } => evaluate::run(root, &args),
        Cli::Bench { networks } if networks == ["size"] => size::run(root),
        Cli::Bench { networks } => bench::run(root, &networks),
        Cli::Tune => measure::run(root, "tune", &[]),
        Cli::Soak { minutes } => measure::run(root, "soak", &[minutes.to_string()]),
        Cli::BenchPeers(args) => bench_peers::run(root, &args),
        Cli::BenchTrain(args) => bench_train::run(root, &args),
        Cli::Fuzz { seconds, targets } => fuzz::run(root, seconds, &targets),
        Cli::Sanitize => sanitize::run(root),
        Cli::Burn => burn::run(root),
        Cli::Web { test } => web::run(root, test),
        Cli::Release { .. } => release::run(root),
        Cli::Data(Data::Strokes) => strokes::run(root),
        Cli::Data(Data::Fonts) => fonts::run(root),
        Cli::Data(Data::Pack { args }) => reproduce::run(root, &[vec!["pack".into()], args].concat()),
    }
}
