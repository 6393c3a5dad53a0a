//! `hccr read --ink`.

use crate::{hccr, with_input};
use serde_json::Value;
use std::fs;
use std::path::Path;

const CROSS: &str = r#"{"strokes": [[[40, 150], [260, 149]], [[151, 20], [149, 290]]]}"#;
const CROSS_INKML: &str = "<?xml version=\"1.0\"?>\n<ink xmlns=\"http://www.w3.org/2003/InkML\">
    <trace>40 150, 260 149</trace><trace>151 20, 149 290</trace></ink>";

#[test]
fn text_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.json"), format!("{CROSS}\n{CROSS}\n")).unwrap();
    fs::write(folder.path().join("b.inkml"), CROSS_INKML).unwrap();
    let run = hccr(folder.path(), &["read", "--ink", "--plain", "."]);
    assert_eq!((run.code, &*run.stdout), (Some(0), "十十\n十\n"), "{run:?}");
    for model in [&["--model", "online"][..], &["--model", "offline", "--ink-model", "online"]] {
        let run = hccr(folder.path(), &[&["read", "--ink", "--json", "b.inkml"], model].concat());
        let line: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(line["characters"][0]["candidates"][0]["character"], "十");
        assert!(line["characters"][0].get("box").is_none());
    }
}

#[test]
fn the_standard_input_is_read() {
    for text in [CROSS, CROSS_INKML] {
        let run = with_input(Path::new("."), &["read", "--ink", "--plain", "-"], text.as_bytes());
        assert_eq!((run.code, &*run.stdout), (Some(0), "十\n"), "{run:?}");
    }
}

/// The inks that are committed beside the models; most are read right, which `tests/tests/shipped.rs` holds.
#[test]
fn pot_files_are_read() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/samples-3755.pot.zip");
    let run = hccr(Path::new("."), &["read", "--ink", "--plain", samples.to_str().unwrap()]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.stdout.trim().chars().count() > 20 && run.stdout.lines().count() == 1, "{run:?}");
}

#[test]
fn bad_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        ("a.json", "{\"strokes\": [[[1e39, 0]]]}"),
        ("b.json", "{\"strokes\": []}"),
        ("c.json", "{\"points\": []}"),
        ("d.inkml", "<ink><trace>1 2</ink>"),
        ("e.pot", "neither"),
        ("f.pot", ""),
    ];
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let run = hccr(folder.path(), &["read", "--ink", "."]);
    assert_eq!((run.code, run.stdout.is_empty()), (Some(1), true));
    let named: Vec<_> = run.stderr.lines().filter(|line| line.starts_with("./")).map(|line| &line[2..3]).collect();
    assert_eq!(named, ["a", "b", "c", "d", "e", "f"], "{run:?}");
}

#[test]
fn models_fit_what_they_read() {
    let run = hccr(Path::new("."), &["read", "--ink", "--model", "offline", "a.json"]);
    assert!(run.code == Some(1) && run.stderr.contains("--ink-model online"), "{run:?}");
    let run = hccr(Path::new("."), &["read", "--model", "online", "a.png"]);
    assert!(run.code == Some(1) && run.stderr.contains("--ink"), "{run:?}");
}
