//! The committed model on the committed image: the ten likeliest characters stay what `golden/top10.txt` says.
//!
//! After a wanted change (a new model, a new image, other preprocessing) `HCCR_BLESS=1 cargo test -p hccr-tests --test
//! golden` writes the file anew; read its difference before committing it.

use hccr_runtime::image::{Image, PixelFormat};
use hccr_runtime::{IsaKind, Model, Plan, Recognizer, Session};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const SIZE: usize = 96;

fn path(below_workspace: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(below_workspace)
}

fn read(below_workspace: &str) -> Vec<u8> {
    fs::read(path(below_workspace)).unwrap_or_else(|e| panic!("{below_workspace}: {e}"))
}

fn model() -> Vec<u8> {
    read("crates/runtime/examples/data/tiny.hccr")
}

/// The image, 255 white.
fn image() -> Vec<u8> {
    read("crates/runtime/examples/data/character.gray")
}

#[test]
fn the_ten_likeliest_characters_are_the_golden_ones() {
    const GOLDEN: &str = "tests/golden/top10.txt";
    let mut recognizer = Recognizer::from_bytes(&model()).expect("a valid model");
    let pixels = image();
    let image = Image::new(&pixels, SIZE, SIZE, PixelFormat::Gray).expect("a square image");
    let candidates = recognizer.recognize(&image, 10).expect("an image with ink");
    // Three digits of each, however small: a sure network leaves little for the other nine.
    let mut found = String::new();
    for candidate in &candidates {
        writeln!(found, "{} {:.2e}", candidate.character, candidate.probability).expect("a string takes all");
    }
    if std::env::var("HCCR_BLESS").is_ok_and(|v| v == "1") {
        fs::create_dir_all(path("tests/golden")).expect("a folder to write to");
        fs::write(path(GOLDEN), &found).expect("a file to write to");
    }
    let golden = String::from_utf8(read(GOLDEN)).expect("UTF-8");
    let wanted: Vec<(char, f32)> = golden.lines().map(parse).collect();
    assert_eq!(wanted.len(), candidates.len(), "lines of {GOLDEN}");
    // Instruction sets round in their own ways: the third digit may move, and near ties may change places.
    let near = |a: f32, b: f32| (a - b).abs() <= 0.01 * b;
    let equal = candidates.iter().zip(&wanted).all(|(candidate, &(character, probability))| {
        let tie = wanted.iter().any(|&(c, p)| c == candidate.character && near(p, probability));
        near(candidate.probability, probability) && (candidate.character == character || tie)
    });
    assert!(equal, "recognized\n{found}instead of the golden\n{golden}");
}

fn parse(line: &str) -> (char, f32) {
    let parts = line.split_once(' ').and_then(|(c, p)| Some((c.chars().next()?, p.parse().ok()?)));
    parts.unwrap_or_else(|| panic!("'{line}' is not a character and a probability"))
}

#[test]
fn every_instruction_set_gives_the_same_logits() {
    let model = Model::from_bytes(&model()).expect("a valid model");
    let input: Vec<f32> = image().iter().map(|&grey| f32::from(255 - grey)).collect();
    let logits = |isa| {
        let plan = Plan::with_isa(&model, isa).expect("a valid model");
        Session::new(Arc::new(plan)).run(&input).expect("an image of the network's size").to_vec()
    };
    let want = logits(IsaKind::Scalar);
    let scale = want.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    for isa in IsaKind::available() {
        let difference = logits(isa).iter().zip(&want).fold(0.0f32, |d, (y, want)| d.max((y - want).abs()));
        assert!(difference <= 1e-4 * scale, "{isa}: {difference} of {scale}");
    }
}
