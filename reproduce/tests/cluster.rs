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
    command.args(["--tier", "smoke", "--out"]).arg(out).args(flags);
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
    for kill in 0..10 {
        let mut run = start(2, &lost, flags);
        std::thread::sleep(Duration::from_millis(2_000 + rng.below(8_000) as u64));
        // One of the two processes; mpirun ends the other.
        let children = Command::new("pgrep").args(["-P", &run.id().to_string()]).output().unwrap();
        let children = String::from_utf8(children.stdout).unwrap();
        match children.lines().nth(rng.below(2)) {
            Some(child) => assert!(Command::new("kill").args(["-9", child]).status().unwrap().success()),
            None => eprintln!("run {kill} had ended"),
        }
        run.wait().unwrap();
        if lost.join("offline/checkpoint").exists() {
            flags = &["--resume"];
        }
    }
    assert!(start(2, &lost, flags).wait().unwrap().success());
    assert!(models(&lost) == expected, "a run that lost processes makes other models");
}
