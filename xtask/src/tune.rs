//! `cargo xtask tune`: what the kernels cost on this machine.

use crate::cores;
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::Command;

const BUILD: [&str; 6] = ["build", "--release", "--package", "hccr-benches", "--bin", "tune"];

/// Builds the measurement and runs it on one core.
pub(crate) fn run(root: &Path) -> Result<()> {
    crate::prepare::prepare()?;
    let built = Command::new("cargo").args(BUILD).current_dir(root).status();
    ensure!(built.context("cannot start cargo")?.success(), "the measurement does not build");
    let program = crate::reproduce::target(root).join("release/tune");
    let mut command = cores::pinned(&program)?;
    ensure!(command.status().context("cannot start the measurement")?.success(), "the measurement failed");
    Ok(())
}
