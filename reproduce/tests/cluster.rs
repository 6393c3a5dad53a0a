//! Processes under `mpirun` train what one process trains, bit for bit. Needs Open MPI and the feature `mpi`:
//! `cargo test --release -p hccr-reproduce --features mpi --test cluster -- --ignored`.
#![cfg(feature = "mpi")]

use hccr_random::Rng;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

fn start(processes: usize, out: &Path, flags: &[&str]) -> Child {
    let program = env!("CARGO_BIN_EXE_hccr-reproduce");
    let mut command = if processes == 1 { Command::new(program) } else { Command::new("mpirun") };
    if processes > 1 {
        command.args(["--oversubscribe", "-n", &processes.to_string(), program]);
    }
    command.args(["--tier", "smoke", "--effort", "3", "--out"]).arg(out).args(flags);
    // For containers, whose only user is root.
    command.envs([
        ("OMPI_ALLOW_RUN_AS_ROOT", "1"),
        ("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"),
        ("RAYON_NUM_THREADS", "1"),
    ]);
    command.stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
}

/// The models of a finished run, by name.
fn models(out: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut models = Vec::new();
    for pipeline in ["offline", "online"] {
        for entry in std::fs::read_dir(out.join(pipeline)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "hccr") {
                models.push((path.strip_prefix(out).unwrap().into(), std::fs::read(&path).unwrap()));
            }
        }
    }
    models.sort();
    models
}

#[test]
#[ignore = "minutes"]
fn processes_make_the_models_of_one_even_if_they_are_lost() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two, lost] = ["one", "two", "lost"].map(|name| folder.path().join(name));
    assert!(start(1, &one, &[]).wait().unwrap().success());
    assert!(start(2, &two, &[]).wait().unwrap().success());
    let expected = models(&one);
    assert!(expected.len() > 8 && models(&two) == expected, "two processes make other models");

    let mut rng = Rng::new(1, 0);
    let mut flags: &[&str] = &[];
    for kill in 0..14 {
        let mut run = start(2, &lost, flags);
        std::thread::sleep(Duration::from_millis(3_000 + rng.below(4_000) as u64));
        // A smoke run is too short to save its state by itself: it is asked to, and then loses a process ten times in all.
        let stops = kill % 4 == 0;
        let target = if stops {
            run.id().to_string()
        } else {
            let children = Command::new("pgrep").args(["-P", &run.id().to_string()]).output().unwrap();
            let children = String::from_utf8(children.stdout).unwrap();
            children.lines().nth(rng.below(2)).expect("the run has ended too early").to_owned()
        };
        let signal = if stops { "-TERM" } else { "-KILL" };
        assert!(Command::new("kill").args([signal, &target]).status().unwrap().success());
        assert!(!run.wait().unwrap().success(), "run {kill} had ended");
        assert!(lost.join("offline/checkpoint").exists(), "run {kill} saved nothing");
        flags = &["--resume"];
    }
    assert!(start(2, &lost, flags).wait().unwrap().success());
    assert!(models(&lost) == expected, "a run that lost processes makes other models");
}
