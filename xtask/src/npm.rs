//! Fetches packages of the npm registry.

use anyhow::{Context, Result, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Fetches `package` (`name@version`) with `npm pack`, checks that it is what `integrity` says, and unpacks it into `folder`, which
/// is emptied first. Returns where the package's files lie.
pub(crate) fn fetch(package: &str, integrity: &str, folder: &Path) -> Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(folder)?;
    let packed = output(Command::new("npm").args(["pack", "--silent", "--json", package]).current_dir(folder))?;
    let packed: serde_json::Value = serde_json::from_str(&packed).context("npm pack does not answer in JSON")?;
    let found = packed[0]["integrity"].as_str().unwrap_or("nothing");
    ensure!(found == integrity, "{package} is {found}, not {integrity}");
    let mut archives = fs::read_dir(folder)?;
    let archive = archives.next().context("npm pack left no archive")??.path();
    output(Command::new("tar").arg("-xzf").arg(&archive).current_dir(folder))?;
    Ok(folder.join("package"))
}

fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let out = command.output().with_context(|| format!("cannot start {name}: is it installed?"))?;
    ensure!(out.status.success(), "{name} failed: {}", String::from_utf8_lossy(&out.stderr));
    Ok(String::from_utf8(out.stdout)?)
}
