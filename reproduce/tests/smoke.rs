//! The smallest runs from end to end, as users start them: minutes in all, so that only `cargo xtask test` runs them, last.

use std::path::Path;
use std::process::Command;

/// Those of these files that are missing or empty.
fn missing<'a>(folder: &Path, files: &[&'a str]) -> Vec<&'a str> {
    let is_there = |file: &&str| folder.join(file).metadata().is_ok_and(|found| found.len() > 0);
    files.iter().copied().filter(|file| !is_there(file)).collect()
}

fn run(command: &[&str], out: &Path) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_hccr-reproduce"));
    let status = program.args(command).args(["--tier", "smoke", "--out"]).arg(out).status().unwrap();
    assert!(status.success(), "{status}");
}

#[test]
#[ignore = "half a minute"]
fn both_pipelines_end_with_reports_and_models_that_learned_from_a_teacher() {
    let folder = tempfile::tempdir().unwrap();
    run(&["--distill", "--channels", "1.2"], folder.path());
    let files = [
        "offline/report.html",
        "offline/channels.hccr",
        "offline/int8.hccr",
        "online/report.html",
        "online/graph-opt.hccr",
    ];
    assert_eq!(missing(folder.path(), &files), [""; 0]);
    for report in ["offline/report.json", "online/report.json"] {
        let report = std::fs::read_to_string(folder.path().join(report)).unwrap();
        assert!(report.contains("learned from the answers of the baseline"), "{report}");
    }
}

#[test]
#[ignore = "half a minute"]
fn models_are_made_from_nothing() {
    let folder = tempfile::tempdir().unwrap();
    run(&["models"], folder.path());
    let files =
        ["offline-3755.hccr", "online-3755.hccr", "offline-3755.md", "samples-3755.gnt.zip", "samples-3755.pot.zip"];
    assert_eq!(missing(folder.path(), &files), [""; 0]);
}

#[test]
#[ignore = "ten seconds"]
fn methods_are_trained_against_each_other_and_a_stopped_grid_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let grid = ["ablate", "--seeds", "1", "--methods", "svd", "--speedups", "3"];
    run(&grid, folder.path());
    let read = |file: &str| std::fs::read(folder.path().join(file)).unwrap();
    let cell = "cells/1-low-rank-svd-3";
    let model = read(&format!("{cell}.hccr"));
    std::fs::remove_file(folder.path().join(format!("{cell}.json"))).unwrap();

    // With a method that starts from a network of which the first grid kept no state, and a teacher.
    let wider =
        ["ablate", "--seeds", "1", "--methods", "svd,gslre-distilled,channels-gslre,adw-slope-macs", "--speedups", "3"];
    run(&[&wider[..], &["--ratios", "4", "--resume"]].concat(), folder.path());
    assert_eq!(read(&format!("{cell}.hccr")), model);
    assert!(!read(&format!("{cell}.json")).is_empty() && !read("ablations.md").is_empty());
}

#[test]
#[ignore = "ten seconds"]
fn methods_are_trained_against_each_other_on_ink() {
    let folder = tempfile::tempdir().unwrap();
    let grid = ["ablate-online", "--seeds", "1", "--methods", "adw-slope,k-means", "--ratios", "4", "--bits", "3"];
    run(&grid, folder.path());
    let report = std::fs::read_to_string(folder.path().join("ablations.md")).unwrap();
    assert!(report.contains("low-rank network of svd") && report.contains("| adw-slope, 4x fewer weights"), "{report}");
}
