//! `cargo xtask fuzz`: every fuzz target for some time, each from its committed seeds and from what earlier runs found.

use crate::optional::{CXX, NIGHTLY, Need, OptionalStep};
use anyhow::{Context, Result, bail, ensure};
use std::path::Path;
use std::process::Command;

/// Runs the targets of these names, or all of them, for so many seconds each.
pub(crate) fn run(root: &Path, seconds: u32, names: &[String]) -> Result<()> {
    if let Some(reason) = FUZZ.missing() {
        println!("{} is skipped: {reason}", FUZZ.name);
        return Ok(());
    }
    let folder = root.join("fuzz");
    let list = fuzz(&folder).arg("list").output().context("cannot list the fuzz targets")?;
    ensure!(list.status.success(), "cannot list the fuzz targets: {}", String::from_utf8_lossy(&list.stderr));
    let list = String::from_utf8(list.stdout).context("cannot list the fuzz targets")?;
    let all: Vec<&str> = list.lines().collect();
    if let Some(unknown) = names.iter().find(|name| !all.contains(&name.as_str())) {
        bail!("no fuzz target is called {unknown}: they are {}", all.join(" "));
    }
    for target in all.into_iter().filter(|target| names.is_empty() || names.iter().any(|name| name == target)) {
        println!("{target}, {seconds} s");
        let [found, seeds] = ["corpus", "seeds"].map(|kind| folder.join(kind).join(target));
        std::fs::create_dir_all(&found).with_context(|| format!("cannot make {}", found.display()))?;
        let mut command = fuzz(&folder);
        command.args(["run", target]).args([found, seeds]).arg("--").arg(format!("-max_total_time={seconds}"));
        // Leaks are looked for through ptrace, which containers forbid.
        command.args(["-timeout=20", "-rss_limit_mb=2048", "-detect_leaks=0", "-verbosity=0", "-print_final_stats=1"]);
        if target == "command_line" {
            command.arg("-close_fd_mask=3"); // it prints what it reads
        }
        let status = command.status().with_context(|| format!("cannot run {target}"))?;
        ensure!(status.success(), "{target} found something: see fuzz/artifacts/{target}");
    }
    Ok(())
}

fn fuzz(folder: &Path) -> Command {
    let mut words = FUZZ.command.split(' ');
    let mut command = Command::new(words.next().expect("a command"));
    command.args(words).current_dir(folder);
    command
}

/// The fuzz targets, in `fuzz/`.
const FUZZ: OptionalStep = OptionalStep {
    name: "fuzzing",
    env: &[],
    command: "cargo +nightly fuzz",
    needs: &[NIGHTLY, Need::by_hand("cargo-fuzz", "cargo fuzz --version", "cargo install cargo-fuzz --locked"), CXX],
};
