//! `cargo xtask bench`: the runtime's benchmarks, pinned to one core.

use crate::{cores, prepare};
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::Command;

const BENCH: [&str; 7] = ["bench", "--package", "hccr-benches", "--bench", "runtime", "--bench", "sequence"];

/// Runs the benchmarks of images and sequences on the networks whose names contain one of `networks`, or on all.
pub(crate) fn run(root: &Path, networks: &[String]) -> Result<()> {
    let core_type = prepare::prepare()?;
    // Built on all cores, and run on the last that is allowed.
    let built = Command::new("cargo").args(BENCH).arg("--no-run").current_dir(root).status();
    ensure!(built.context("cannot start cargo")?.success(), "the benchmarks do not build");
    let mut command = cores::pinned("cargo")?;
    command.envs(core_type.map(|name| ("OPENBLAS_CORETYPE", name)));
    let status = command.args(BENCH).arg("--").args(networks).current_dir(root).status();
    ensure!(status.context("cannot start taskset (package util-linux)")?.success(), "a benchmark failed");
    Ok(())
}
