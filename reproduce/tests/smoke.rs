//! The smallest runs from end to end, as users start them: minutes in all, so that only `cargo xtask test` runs them, last.

use std::path::Path;
use std::process::Command;

/// Runs the program on the smoke tier, and checks that it leaves these files, none of them empty.
fn leaves(command: &[&str], files: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_hccr-reproduce"));
    let status = program.args(command).args(["--tier", "smoke", "--out"]).arg(folder.path()).status().unwrap();
    assert!(status.success(), "{status}");
    let is_there = |file: &&&str| Path::new(folder.path()).join(file).metadata().is_ok_and(|found| found.len() > 0);
    let missing: Vec<_> = files.iter().filter(|file| !is_there(file)).collect();
    assert!(missing.is_empty(), "{missing:?} are missing");
}

#[test]
#[ignore = "half a minute"]
fn both_pipelines_end_with_reports_and_models() {
    leaves(
        &[],
        &[
            "offline/report.json",
            "offline/report.html",
            "offline/int8.hccr",
            "online/report.json",
            "online/report.html",
            "online/graph-opt.hccr",
        ],
    );
}

#[test]
#[ignore = "half a minute"]
fn models_are_made_from_nothing() {
    leaves(
        &["models"],
        &["offline-3755.hccr", "online-3755.hccr", "offline-3755.md", "samples-3755.gnt.zip", "samples-3755.pot.zip"],
    );
}
