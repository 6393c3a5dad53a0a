//! The smallest runs from end to end, as users start them: minutes in all, so that only `cargo xtask test` runs them, last.

use hccr_runtime::Model;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Those of these files that are missing or empty.
fn missing<'a>(folder: &Path, files: &[&'a str]) -> Vec<&'a str> {
    let is_there = |file: &&str| folder.join(file).metadata().is_ok_and(|found| found.len() > 0);
    files.iter().copied().filter(|file| !is_there(file)).collect()
}

fn program(command: &[&str], out: &Path) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_hccr-reproduce"));
    program.args(command).args(["--tier", "smoke", "--out"]).arg(out);
    program
}

fn run(command: &[&str], out: &Path) {
    let status = program(command, out).status().unwrap();
    assert!(status.success(), "{status}");
}

/// The files of an ablation's cells whose names end so, with their contents.
fn cells(out: &Path, ending: &str) -> BTreeMap<OsString, Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(out.join("cells")) else { return BTreeMap::new() };
    let entries = entries.map(Result::unwrap).filter(|entry| entry.path().extension().is_some_and(|e| e == ending));
    entries.map(|entry| (entry.file_name(), std::fs::read(entry.path()).unwrap_or_default())).collect()
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
fn models_are_made_from_nothing_and_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    run(&["models"], folder.path());
    let files =
        ["offline-3755.hccr", "online-3755.hccr", "offline-3755.md", "samples-3755.gnt.zip", "samples-3755.pot.zip"];
    assert_eq!(missing(folder.path(), &files), [""; 0]);
    let model = |name: &str| Model::from_bytes(&std::fs::read(folder.path().join(name)).unwrap()).unwrap();
    assert_eq!([files[0], files[1]].map(|name| model(name).looks()), [2, 1]);

    // They are trained on.
    let again = tempfile::tempdir().unwrap();
    for kind in ["offline", "online"] {
        let file = format!("{kind}-3755.hccr");
        let from = folder.path().join(&file);
        run(&["models", "--only", kind, "--from", from.to_str().unwrap()], again.path());
        // As pruned: integers then round some further weights to zero, in each network others.
        let nonzeros = |folder: &Path| {
            let pruned = std::fs::read(folder.join(format!("{kind}-3755/adw.hccr"))).unwrap();
            Model::from_bytes(&pruned).unwrap().weight_nonzeros()
        };
        let [before, after] = [folder.path(), again.path()].map(nonzeros);
        assert!(after <= before && after * 10 > before * 9, "{kind}: {before} and {after} weights that are not zero");
    }
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
    let wider = [
        "ablate",
        "--seeds",
        "1",
        "--methods",
        "svd,gslre-distilled,channels-gslre,gradual-uniform",
        "--speedups",
        "3",
    ];
    run(&[&wider[..], &["--ratios", "4", "--resume"]].concat(), folder.path());
    assert_eq!(read(&format!("{cell}.hccr")), model);
    assert!(!read(&format!("{cell}.json")).is_empty() && !read("ablations.md").is_empty());
}

#[test]
#[ignore = "ten seconds"]
fn methods_are_trained_against_each_other_on_ink() {
    let [folder, stopped] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let grid = ["ablate-online", "--seeds", "1", "--methods", "adw-slope-macs,k-means", "--ratios", "4", "--bits", "3"];
    run(&grid, folder.path());
    let report = std::fs::read_to_string(folder.path().join("ablations.md")).unwrap();
    assert!(report.contains("low-rank network of svd") && report.contains("| adw-slope-macs, 4x fewer"), "{report}");

    // Another one is stopped within a cell.
    let mut running = program(&grid, stopped.path()).spawn().unwrap();
    while cells(stopped.path(), "json").is_empty() {
        assert!(running.try_wait().unwrap().is_none(), "it ended before a cell was trained");
        std::thread::sleep(Duration::from_millis(20));
    }
    // Not SIGINT, which a shell's background jobs ignore.
    let asked = Command::new("kill").args(["-TERM", &running.id().to_string()]).status().unwrap();
    assert!(asked.success() && !running.wait().unwrap().success());
    assert_eq!(cells(stopped.path(), "part").len(), 1, "no state of the cell that was stopped");
    run(&[&grid[..], &["--resume"]].concat(), stopped.path());
    assert!(cells(stopped.path(), "hccr") == cells(folder.path(), "hccr"), "other networks");
    assert!(cells(stopped.path(), "part").is_empty());
}
