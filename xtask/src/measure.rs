//! `cargo xtask tune` and `cargo xtask soak`: binaries of `benches`, on one core.

use crate::cores;
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::Command;

/// Builds the binary `name` and runs it with `args` on one core.
pub(crate) fn run(root: &Path, name: &str, args: &[String]) -> Result<()> {
    crate::prepare::prepare()?;
    let build = ["build", "--release", "--package", "hccr-benches", "--bin", name];
    let built = Command::new("cargo").args(build).current_dir(root).status();
    ensure!(built.context("cannot start cargo")?.success(), "the measurement does not build");
    let program = crate::reproduce::target(root).join("release").join(name);
    let mut command = cores::pinned(&program)?;
    ensure!(command.args(args).status().context("cannot start the measurement")?.success(), "the measurement failed");
    Ok(())
}
