//! `cargo xtask test`: everything that must hold before a change is merged. Stops at the first failure.

use crate::emulated::EMULATED;
use crate::optional::{BURN, C, DEPENDENCIES, OLDEST_COMPILER, PYTHON, WEB};
use crate::prepare::{prepare, prepare_for};
use crate::release::PACKAGE;
use crate::steps::{Steps, output};
use anyhow::{Result, ensure};
use std::path::Path;
use std::process::Command;

/// Runs all steps; `fast` leaves out the web, the smoke runs and burn.
pub(crate) fn run(root: &Path, fast: bool) -> Result<()> {
    let core_type = prepare()?;
    let web = (!fast).then_some(&WEB);
    prepare_for(EMULATED.iter().chain(&C).chain([&PYTHON]).chain(web));
    let mut steps = Steps::stopping(root, core_type);
    // It takes minutes to compile, mostly on one core: as long as all other steps, in what they leave idle.
    let burn = if fast { None } else { steps.begin(&BURN)? };
    steps.cargo("formatting", &[], "fmt --all --check")?;
    steps.cargo("lints", &[], "clippy --workspace --all-targets -- -D warnings")?;
    steps.cargo("minimal example: formatting", &[], &format!("fmt {MINIMAL} --check"))?;
    steps.cargo(
        "minimal example: lints",
        &[],
        &format!("clippy {MINIMAL} --target-dir target/minimal -- -D warnings"),
    )?;
    steps.cargo("tests", &[], "test --workspace")?;
    EMULATED.iter().try_for_each(|step| steps.optional(step))?;
    C.iter().try_for_each(|step| steps.optional(step))?;
    steps.optional(&PYTHON)?;
    steps.cargo("docs", &[("RUSTDOCFLAGS", "-D warnings")], "doc --workspace --no-deps")?;
    steps.cargo("runtime without std", &[], "build -p hccr-runtime --no-default-features")?;
    steps.run("runtime without dependencies", TREE, || has_no_dependencies(root))?;
    steps.cargo("published packages", &[], PACKAGE)?;
    DEPENDENCIES.iter().try_for_each(|step| steps.optional(step))?;
    steps.optional(&OLDEST_COMPILER)?;
    if !fast {
        steps.optional(&WEB)?;
        // In the profile of the tests, which is optimized too: a release would take minutes to compile.
        steps.cargo("smoke runs", &[], "test --workspace --test smoke -- --ignored --test-threads 1 --nocapture")?;
    }
    burn.map_or(Ok(()), |burn| steps.finish(burn))?;
    steps.summary()
}

/// The example that is a workspace of its own.
const MINIMAL: &str = "--manifest-path crates/runtime/examples/minimal/Cargo.toml";

const TREE: &str = "cargo tree -p hccr-runtime -e normal";

fn has_no_dependencies(root: &Path) -> Result<()> {
    let tree = output(Command::new("cargo").args(TREE.split(' ').skip(1)).current_dir(root))?;
    ensure!(tree.lines().count() == 1, "expected one line, not:\n{tree}");
    Ok(())
}
