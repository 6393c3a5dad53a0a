//! A run that is killed, or whose disk is full, loses nothing that it had saved: it goes on from there, and ends with the same bytes.
#![cfg(unix)]

use crate::toy;
use hccr_compress::{Phase, Schedule};
use hccr_models::pipeline::{Baseline, GraphOptimization, Pipeline, Sharing, Stages, Teaching};
use hccr_models::{DISTILLATION, NetworkTrainer};
use hccr_nn_train::Sgd;
use hccr_random::Rng;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

const KILLS: usize = 10;
/// The folder of the run; where it is not set, there is nothing to run.
const FOLDER: &str = "HCCR_TEST_CRASH_FOLDER";
/// After how many intervals the run ends by itself.
const INTERVALS: &str = "HCCR_TEST_CRASH_INTERVALS";

fn stages() -> Stages<Sgd> {
    let phase = |steps| Phase::new(Schedule { peak: 0.05, warm_up: 0, steps, floor: 0.0 }, 1, 0);
    vec![
        Box::new(Baseline::new(phase(16))),
        Box::new(Teaching::new(DISTILLATION)),
        Box::new(Sharing::new(5, 4, phase(6))),
        Box::new(GraphOptimization::default()),
    ]
}

/// The run that the tests below start as a process of its own: it saves after every interval.
#[test]
fn run() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    hccr_tensor::blas::use_one_thread().unwrap();
    let left: usize = std::env::var(INTERVALS).map_or(usize::MAX, |n| n.parse().unwrap());
    let checkpoint = Path::new(&folder).join("checkpoint");
    let [train, dev, _] = &toy::sets([10, 4, 4]);
    let mut pipeline = if checkpoint.exists() {
        Pipeline::resume(&checkpoint, "toy".into(), stages(), train, dev).unwrap_or_else(|e| panic!("{e}")).0
    } else {
        Pipeline::new("toy".into(), stages(), NetworkTrainer::new(toy::untrained(train), train, dev))
    };
    for _ in 0..left {
        if pipeline.current().is_none() {
            break;
        }
        pipeline.advance().unwrap();
        pipeline.save(&checkpoint, 0).unwrap_or_else(|e| panic!("{e}"));
    }
    for model in pipeline.run().models() {
        hccr_files::replace(&Path::new(&folder).join(&model.stage), &[&model.file]).unwrap();
    }
}

/// That run in `folder`, started by the command line `before`.
fn command(folder: &Path, before: &[&str]) -> Command {
    let this = std::env::current_exe().unwrap();
    let words = before.iter().map(OsString::from).chain([this.into(), "--exact".into(), "crash::run".into()]);
    let words: Vec<OsString> = words.chain(["--nocapture".into()]).collect();
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).env(FOLDER, folder).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn to_the_end(folder: &Path) {
    let Output { status, stderr, .. } = command(folder, &[]).output().unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
}

/// The models in a folder.
fn models(folder: &Path) -> BTreeMap<OsString, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let models = entries.filter(|entry| !entry.file_name().to_string_lossy().starts_with("checkpoint"));
    models.map(|entry| (entry.file_name(), fs::read(entry.path()).unwrap())).collect()
}

#[test]
fn a_run_killed_ten_times_ends_with_the_same_bytes() {
    let [whole, killed] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let start = Instant::now();
    to_the_end(whole.path());
    let time = start.elapsed();
    let mut rng = Rng::new(1, 0);
    for kill in 0..KILLS {
        let mut child = command(killed.path(), &[]).spawn().unwrap();
        std::thread::sleep(time.mul_f32(0.3 * rng.uniform()));
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        // It may have been at its end, but not have failed.
        let failed = output.status.code().is_some_and(|code| code != 0);
        assert!(!failed, "kill {kill}: {}", String::from_utf8_lossy(&output.stderr));
    }
    to_the_end(killed.path());
    assert_eq!(models(whole.path()).len(), 3);
    assert!(models(whole.path()) == models(killed.path()), "a killed run ends with other bytes");
}

/// A limit on the size of files stands for the end of the disk: what goes beyond it cannot be written.
#[test]
fn a_full_disk_stops_the_run_and_loses_nothing() {
    let [whole, full] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    to_the_end(whole.path());
    assert!(command(full.path(), &[]).env(INTERVALS, "5").status().unwrap().success());
    let checkpoint = full.path().join("checkpoint");
    let saved = fs::read(&checkpoint).unwrap();
    assert!(saved.len() > 2 * 8 * 512);
    let limited = ["sh", "-c", "trap '' XFSZ; ulimit -f 8; exec \"$@\"", "sh"];
    let Output { status, stderr, .. } = command(full.path(), &limited).output().unwrap();
    let message = String::from_utf8_lossy(&stderr);
    assert!(!status.success());
    assert!(message.contains(&format!("checkpoint {}: ", checkpoint.display())), "{message}");
    assert!(fs::read(&checkpoint).unwrap() == saved, "what was saved before is gone");
    assert!(!full.path().join("checkpoint.partial").exists());
    to_the_end(full.path());
    assert!(models(whole.path()) == models(full.path()), "a run after a full disk ends with other bytes");
}
