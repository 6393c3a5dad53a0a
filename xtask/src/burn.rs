//! `cargo xtask burn`: the checks of `crates/burn-engine`, a workspace of its own. Compiling burn takes minutes.

use crate::optional::BURN;
use crate::prepare::prepare;
use crate::steps::Steps;
use anyhow::Result;
use std::path::Path;

const MANIFEST: &str = "--manifest-path crates/burn-engine/Cargo.toml";

/// Runs all steps.
pub(crate) fn run(root: &Path) -> Result<()> {
    let mut steps = Steps::going_on(root, prepare()?);
    steps.cargo("formatting", &[], &format!("fmt {MANIFEST} --check"))?;
    steps.optional(&BURN)?;
    steps.cargo("lints", BURN.env, &format!("clippy --locked {MANIFEST} --all-targets -- -D warnings"))?;
    steps.cargo("graphics APIs", BURN.env, &format!("check --locked {MANIFEST} --features wgpu"))?;
    // Not with `cuda`: there a build script of burn downloads LLVM.
    steps.summary()
}
