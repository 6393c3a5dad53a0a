//! `cargo xtask evaluate`: builds the measurement and starts it. It needs no BLAS.

use anyhow::{Context, Result, ensure};
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

/// Starts the measurement with `args`, in the caller's directory.
pub(crate) fn run(root: &Path, args: &[OsString]) -> Result<()> {
    let mut command = Command::new("cargo");
    command.args(["run", "--release", "--quiet", "--package", "hccr-gauge", "--manifest-path"]);
    command.arg(root.join("Cargo.toml")).arg("--").args(args);
    ensure!(command.status().context("cannot start cargo")?.success(), "the evaluation failed");
    Ok(())
}
