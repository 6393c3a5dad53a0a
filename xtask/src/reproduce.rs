//! `cargo xtask reproduce`: builds the reproduction binary for this machine and starts it.

use crate::prepare::prepare;
use anyhow::{Context, Result};
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Starts the reproduction with `args`, in the caller's directory. Comes back on failure, or once it has ended.
pub(crate) fn run(root: &Path, args: &[OsString]) -> Result<()> {
    let core_type = prepare()?;
    let mut command = cargo(root, ["run", "hccr-reproduce"], core_type);
    command.arg("--").args(args);
    // Ctrl-C must reach the training alone, which saves a checkpoint; a parent would end first.
    #[cfg(unix)]
    return Err(std::os::unix::process::CommandExt::exec(&mut command)).context("cannot start cargo");
    #[cfg(not(unix))]
    {
        let status = command.status().context("cannot start cargo")?;
        anyhow::ensure!(status.success(), "the reproduction ended with {status}");
        Ok(())
    }
}

/// `cargo build` or `cargo run` of a package that trains: verb and package.
///
/// For this machine's CPU: the training loops are plain Rust, which would be compiled for SSE2 and leave AVX unused. (The
/// runtime detects the CPU by itself.) Results stay the same, since rustc neither reorders nor fuses floating-point
/// operations. In a target directory of its own, since other flags would rebuild everything.
///
/// `core_type` comes from [`prepare`].
pub(crate) fn cargo(root: &Path, [verb, package]: [&str; 2], core_type: Option<&str>) -> Command {
    let mut flags = env::var("RUSTFLAGS").unwrap_or_default();
    flags.push_str(" -C target-cpu=native");
    let mut command = Command::new("cargo");
    command.arg(verb).args(["--release", "--package", package]);
    command.arg("--manifest-path").arg(root.join("Cargo.toml"));
    command.arg("--target-dir").arg(target(root).join("native"));
    command.env("RUSTFLAGS", flags.trim_start());
    command.envs(core_type.map(|name| ("OPENBLAS_CORETYPE", name)));
    command
}

/// Cargo's target directory.
pub(crate) fn target(root: &Path) -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}
