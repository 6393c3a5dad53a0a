//! `cargo xtask cluster`: builds the reproduction binary with MPI and starts it with `mpirun`.

use crate::prepare::{install, prepare};
use crate::reproduce;
use anyhow::{Context, Result, ensure};
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

/// Starts the reproduction with `args` in several processes, as `mpirun`'s flags say.
pub(crate) fn run(root: &Path, mpirun: &[OsString], args: &[OsString]) -> Result<()> {
    let core_type = prepare()?;
    let is_there = |program: &str| {
        Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
    };
    if !is_there("mpicc") || !is_there("mpirun") {
        for package in ["libopenmpi-dev", "openmpi-bin", "libclang-dev"] {
            install("an MPI library", package, "Open MPI with its development files, and libclang")?;
        }
    }
    let status = reproduce::cargo(root, ["build", "hccr-reproduce"], core_type)
        .args(["--features", "mpi"])
        .status()
        .context("cannot start cargo")?;
    ensure!(status.success(), "the program cannot be built with MPI: {status}");
    let mut command = Command::new("mpirun");
    command.args(mpirun).arg(reproduce::target(root).join("native/release/hccr-reproduce")).args(args);
    command.envs(core_type.map(|name| ("OPENBLAS_CORETYPE", name)));
    // mpirun passes Ctrl-C on to its processes, which save a checkpoint; a parent would end first.
    #[cfg(unix)]
    return Err(std::os::unix::process::CommandExt::exec(&mut command)).context("cannot start mpirun");
    #[cfg(not(unix))]
    {
        let status = command.status().context("cannot start mpirun")?;
        ensure!(status.success(), "the processes ended with {status}");
        Ok(())
    }
}
