//! `cargo xtask web`: the npm package and the page of `bindings/web`, in `target/web`.

use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::Command;

/// Writes both; `test` also checks the code, and reads with them in Node and in Chromium.
///
/// The packer is in the workspace of `bindings/web`, since it and `wasm-bindgen` must have one version, and nothing else needs it.
///
/// # Errors
/// Where a program is missing or fails.
pub(crate) fn run(root: &Path, test: bool) -> Result<()> {
    let web = root.join("bindings/web");
    let target = root.join("target/web/build");
    let run = |command: &str| {
        let mut words = command.split(' ');
        let program = words.next().unwrap_or_default();
        let status = Command::new(program).args(words).env("CARGO_TARGET_DIR", &target).current_dir(&web).status();
        let status = status.with_context(|| format!("cannot start {program}: is it installed?"))?;
        ensure!(status.success(), "`{command}` failed in {}: {status}", web.display());
        Ok(())
    };
    if test {
        run("cargo fmt --all --check")?;
        run("cargo clippy --locked -p hccr-web --target wasm32-unknown-unknown -- -D warnings")?;
    }
    run("cargo run --locked -p hccr-web-pack")?;
    if test {
        run("npm ci --no-audit --no-fund")?;
        run("npm test")?;
    }
    Ok(())
}
