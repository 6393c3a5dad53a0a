//! `cargo xtask bench size`: bytes of a recognizer's binary.

use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The most bytes that the smallest recognizer may have without its model and image.
const LIMIT: u64 = 520_000;

/// Settings of both builds: all that make a binary smaller and not slower.
const OPTIONS: [&str; 8] = [
    "--config",
    "profile.release.strip=true",
    "--config",
    "profile.release.lto=true",
    "--config",
    "profile.release.panic=\"abort\"",
    "--config",
    "profile.release.codegen-units=1",
];

/// Builds the two examples that recognize an embedded image, runs them, and prints their sizes.
///
/// # Errors
/// Where one does not build or run, or the one without std is above [`LIMIT`].
pub(crate) fn run(root: &Path) -> Result<()> {
    ensure!(cfg!(target_os = "linux"), "the recognizer without std is for Linux");
    let data = root.join("crates/runtime/examples/data");
    let embedded = length(&data.join("tiny.hccr"))? + length(&data.join("character.gray"))?;

    let manifest = "crates/runtime/examples/minimal/Cargo.toml";
    let examples = [
        ("minimal, without std", ["--manifest-path", manifest, "--bin", "minimal"], "release/minimal"),
        ("recognize, with std", ["-p", "hccr-runtime", "--example", "recognize"], "release/examples/recognize"),
    ];
    let mut rests = Vec::new();
    for (name, package, binary) in examples {
        let mut command = Command::new("cargo");
        command.args(["build", "--release", "--target-dir", "target/size"]).args(package).args(OPTIONS);
        let status = command.current_dir(root).status().context("cannot start cargo")?;
        ensure!(status.success(), "the example `{name}` does not build");
        let binary = root.join("target/size").join(binary);
        let output = Command::new(&binary).output().with_context(|| format!("cannot start {}", binary.display()))?;
        ensure!(output.status.success() && !output.stdout.is_empty(), "the example `{name}` reads nothing");
        let bytes = length(&binary)?;
        println!("{name}: {bytes} bytes, {embedded} of them model and image, {} the rest", bytes - embedded);
        rests.push(bytes - embedded);
    }
    ensure!(rests[0] <= LIMIT, "a minimal recognizer has {} bytes without model and image, above {LIMIT}", rests[0]);
    Ok(())
}

fn length(file: &Path) -> Result<u64> {
    Ok(fs::metadata(file).with_context(|| format!("no {}", file.display()))?.len())
}
