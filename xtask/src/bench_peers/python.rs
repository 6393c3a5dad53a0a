//! The Python environment of the peers.

use crate::prepare;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A list of packages for pip, with flags of its own.
pub(crate) type Requirements<'a> = (&'a str, &'a [&'a str]);

/// Makes the environment in `dir`, unless it is there, and installs what the files of `requirements` in `peers` list;
/// returns its interpreter.
pub(crate) fn environment(dir: &Path, peers: &Path, requirements: &[Requirements]) -> Result<PathBuf> {
    let python = dir.join("bin/python3");
    if !python.exists() {
        let makes = || {
            let status = Command::new("python3").args(["-m", "venv"]).arg(dir).stdout(Stdio::null()).status();
            status.is_ok_and(|status| status.success())
        };
        if !makes() {
            let others = "python3 (Fedora: python3-pip, Arch: python)";
            prepare::install("Python 3 with its module venv", "python3-venv", others)?;
            ensure!(makes(), "python3 is installed, but `python3 -m venv` does not make an environment");
        }
    }
    for (name, flags) in requirements {
        let file = peers.join(name);
        let wanted = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        // A copy says what has been installed.
        let installed = dir.join(name);
        if fs::read_to_string(&installed).is_ok_and(|text| text == wanted) {
            continue;
        }
        println!("Installing {name} into {}", dir.display());
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(*flags);
        let status = pip.arg("--requirement").arg(&file).status().context("cannot start pip")?;
        ensure!(
            status.success(),
            "pip could not install {}: it needs an index of Python packages with these versions for this Python",
            file.display()
        );
        fs::write(&installed, wanted)?;
    }
    Ok(python)
}
