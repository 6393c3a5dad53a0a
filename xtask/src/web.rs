//! `cargo xtask web`: the npm package and the page of `bindings/web`, in `target/web`.

use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::Command;

/// Writes both; `test` reads with them in Node and in Chromium too.
///
/// The packer is in the workspace of `bindings/web`, since it and `wasm-bindgen` must have one version, and nothing else needs it.
///
/// # Errors
/// Where a program is missing or fails.
pub(crate) fn run(root: &Path, test: bool) -> Result<()> {
    let web = root.join("bindings/web");
    let target = root.join("target/web/build");
    succeed(
        Command::new("cargo")
            .args(["run", "--locked", "-p", "hccr-web-pack", "--target-dir"])
            .arg(target)
            .current_dir(&web),
    )?;
    if test {
        succeed(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&web))?;
        succeed(Command::new("npm").arg("test").current_dir(&web))?;
    }
    Ok(())
}

fn succeed(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("cannot start {name}: is it installed?"))?;
    ensure!(status.success(), "{name} failed: {status}");
    Ok(())
}
