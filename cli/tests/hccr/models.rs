//! The commands about models, and those for shells.

use crate::hccr;
use std::fs;
use std::path::Path;

const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/samples-3755.gnt.zip");

#[test]
fn a_model_is_described() {
    let run = hccr(Path::new("."), &["describe"]);
    assert_eq!(run.code, Some(0));
    for part in
        ["twice, turned by 5.7 degrees", "96 x 96", "pen strokes", "3755", "MIT OR Apache-2.0", "per time step", "fc1"]
    {
        assert!(run.stdout.contains(part), "{part}: {}", run.stdout);
    }
    let run = hccr(Path::new("."), &["describe", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")]);
    assert!(run.code == Some(1) && run.stderr.contains("Cargo.toml is no model file"), "{run:?}");
}

#[test]
fn a_model_is_exported() {
    let folder = tempfile::tempdir().unwrap();
    let run = hccr(folder.path(), &["export", "online", "--onnx", "a.onnx", "--safetensors", "a.safetensors"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    for name in ["a.onnx", "a.safetensors"] {
        assert!(fs::metadata(folder.path().join(name)).unwrap().len() > 100_000);
    }
    assert_eq!(hccr(folder.path(), &["export", "online"]).code, Some(2));
    // Nothing takes the place of what was just written, or of the model.
    let twice = hccr(folder.path(), &["export", "online", "--onnx", "b", "--safetensors", "./b"]);
    assert!(twice.code == Some(1) && twice.stderr.contains("one file"), "{twice:?}");
    std::fs::write(folder.path().join("m.hccr"), hccr::ONLINE_MODEL).unwrap();
    let itself = hccr(folder.path(), &["export", "m.hccr", "--onnx", "./m.hccr"]);
    assert!(itself.code == Some(1) && itself.stderr.contains("the model itself"), "{itself:?}");
    assert_eq!(std::fs::read(folder.path().join("m.hccr")).unwrap(), hccr::ONLINE_MODEL);
    assert!(!folder.path().join("b").exists());
}

#[test]
fn a_model_is_timed() {
    let run = hccr(Path::new("."), &["bench", "online", "--isa", "scalar"]);
    assert!(run.code == Some(0) && run.stdout.lines().count() == 2, "{run:?}");
    let run = hccr(Path::new("."), &["bench", "--isa", "mmx"]);
    assert!(run.code == Some(1) && run.stderr.contains("scalar"), "{run:?}");
}

#[test]
fn a_model_is_evaluated() {
    let folder = tempfile::tempdir().unwrap();
    let run = hccr(folder.path(), &["evaluate", "--gnt", SAMPLES, "--out", "out"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let json = fs::read_to_string(folder.path().join("out/evaluation.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["command"], "hccr evaluate --gnt samples-3755.gnt.zip");
    assert!(json["figures"]["top1"].as_f64().unwrap() > 0.5);
}

#[test]
fn a_model_of_more_characters_is_compared_with_one_of_fewer() {
    let folder = tempfile::tempdir().unwrap();
    let models = concat!(env!("CARGO_MANIFEST_DIR"), "/../models");
    let [wide, inks] = ["online-wide.hccr", "samples-3755.pot.zip"].map(|name| format!("{models}/{name}"));
    let run = hccr(folder.path(), &["evaluate", "--model", &wide, "--pot", &inks, "--among", "online", "--out", "out"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let json = fs::read_to_string(folder.path().join("out/evaluation.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["candidates"], &json["among"]), (&3755.into(), &"online".into()));
    assert!(json["command"].as_str().unwrap().contains(" --among online "), "{}", json["command"]);
    // One that reads other characters gives none to choose among.
    let other =
        hccr(folder.path(), &["evaluate", "--pot", &inks, "--model", "online", "--among", &wide, "--out", "out"]);
    assert!(other.code == Some(1) && other.stderr.contains("the characters of"), "{other:?}");
}

#[test]
fn two_evaluations_do_not_write_into_one_folder() {
    let folder = tempfile::tempdir().unwrap();
    let lock = hccr_files::lock(&folder.path().join("out")).unwrap();
    let run = hccr(folder.path(), &["evaluate", "--gnt", SAMPLES, "--out", "out"]);
    assert!(run.code == Some(1) && run.stderr.contains("another run writes to out"), "{run:?}");
    assert!(!folder.path().join("out/evaluation.json").exists());
    drop(lock);
}

#[test]
fn shells_and_readers_are_served() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let run = hccr(folder.path(), &["completions", shell]);
        assert!(run.code == Some(0) && run.stdout.contains("describe"), "{run:?}");
    }
    assert_eq!(hccr(folder.path(), &["man", "man1"]).code, Some(0));
    for page in ["hccr.1", "hccr-read.1"] {
        assert!(fs::read_to_string(folder.path().join("man1").join(page)).unwrap().contains(".SH"));
    }
    assert!(hccr(folder.path(), &["read", "--help"]).stdout.contains("Examples"));
}
