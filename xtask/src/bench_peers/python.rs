//! The Python environment of the peers.

use crate::prepare;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Makes the environment in `dir` and installs the engines; returns its interpreter.
///
/// `requirements` are installed with their dependencies, `converters` without: pnnx would bring PyTorch, of which its
/// program needs nothing.
pub(crate) fn environment(dir: &Path, requirements: &Path, converters: &Path) -> Result<PathBuf> {
    let wanted = fs::read_to_string(requirements)? + &fs::read_to_string(converters)?;
    let python = dir.join("bin/python3");
    let installed = dir.join("installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|text| text == wanted) {
        return Ok(python);
    }
    let makes = || {
        let status = Command::new("python3").args(["-m", "venv", "--clear"]).arg(dir).stdout(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    if !makes() {
        prepare::install(
            "Python 3 with its module venv",
            "python3-venv",
            "python3 (Fedora: python3-pip, Arch: python)",
        )?;
        ensure!(makes(), "python3 is installed, but `python3 -m venv` does not make an environment");
    }
    println!("Installing the engines into {}", dir.display());
    let pip = |file: &Path, flags: &[&str]| {
        let mut command = Command::new(&python);
        command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(flags);
        let status = command.arg("--requirement").arg(file).status().context("cannot start pip")?;
        ensure!(
            status.success(),
            "pip could not install {}: it needs an index of Python packages, and these versions for this Python",
            file.display()
        );
        Ok(())
    };
    pip(requirements, &[])?;
    pip(converters, &["--no-deps"])?;
    fs::write(&installed, wanted)?;
    Ok(python)
}
