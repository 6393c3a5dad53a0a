//! The command `hccr` on a file: pictures, pen strokes, models, lists of characters and labelled samples, by what is in it.
#![no_main]

mod mend;
mod tiny;

use clap::Parser;
use hccr_cli::Command;
use libfuzzer_sys::fuzz_target;
use std::fs;
use std::iter;
use tempfile::TempDir;

/// What is called, with names of files in a folder: `@file` is the one that is made up.
const COMMANDS: [&str; 14] = [
    "read @file --model @offline.hccr",
    "read @file --model @offline.hccr --single --json",
    "read @file --model @online.hccr --ink",
    "read @file --model @offline.hccr --ink-model @online.hccr --ink --json",
    "read @ink.json --model @online.hccr --ink --restrict @file",
    "read @ink.json --model @file --ink --plain",
    "read @ink.json --model @offline.hccr --ink-model @file --ink",
    "read @cross.png --model @file",
    "describe @file",
    "export @file --onnx @exported --safetensors @exported",
    "evaluate --model @offline.hccr --gnt @file --out @evaluated",
    "evaluate --model @online.hccr --pot @file --shuffled --out @evaluated",
    "evaluate --model @offline.hccr --ink-model @online.hccr --pot @file --restrict --out @evaluated",
    "evaluate --model @offline.hccr --images @一.png --out @evaluated",
];
/// Those whose file is a model.
const MODELS: std::ops::Range<usize> = 5..10;

fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).expect("a temporary file");
    write("offline.hccr", &tiny::offline().to_bytes());
    write("online.hccr", &tiny::online().to_bytes());
    write("ink.json", br#"{"strokes": [[[40, 150], [260, 149]], [[151, 20], [150, 280]]]}"#);
    write("cross.png", include_bytes!("../seeds/picture/png"));
    folder
}

fuzz_target!(|data: &[u8]| {
    thread_local! {
        static FOLDER: TempDir = folder();
    }
    let Some((&choice, data)) = data.split_first() else { return };
    let choice = usize::from(choice) % COMMANDS.len();
    let mended = MODELS.contains(&choice).then(|| mend::model(data));
    let folder = FOLDER.with(|folder| folder.path().to_owned());
    for name in ["file", "一.png"] {
        fs::write(folder.join(name), mended.as_deref().unwrap_or(data)).expect("a temporary file");
    }
    let word = |word: &str| word.strip_prefix('@').map_or(word.into(), |name| folder.join(name).into_os_string());
    let words = iter::once("hccr".into()).chain(COMMANDS[choice].split(' ').map(word));
    let _ = Command::parse_from(words).run();
});
