//! The models in `models/` read the samples that are committed beside them as well as when they were made.

use hccr_data::{CasiaFilter, load_gnt, load_pot};
use hccr_runtime::image::{Image, PixelFormat};
use hccr_runtime::ink::Ink;
use hccr_runtime::{InkRecognizer, Recognizer};
use std::fs::{read, read_to_string};
use std::path::{Path, PathBuf};

/// Sums are rounded in another order on other processors: a character on the edge may fall to the other side.
const OTHER_ROUNDING: u64 = 1;

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a folder of the workspace").join("models")
}

/// The names of the shipped models of a kind, such as `offline-3755`.
fn names(kind: &str) -> Vec<String> {
    let files = std::fs::read_dir(models()).expect("the folder of models").map(|entry| entry.unwrap().path());
    let models = files.filter(|path| path.extension().is_some_and(|extension| extension == "hccr"));
    let names = models.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned());
    let names: Vec<String> = names.filter(|name| name.starts_with(kind)).collect();
    assert!(!names.is_empty(), "there is no {kind} model in models/");
    names
}

/// The file of the samples of the model `name`.
fn samples(name: &str, extension: &str) -> Vec<PathBuf> {
    let (_, set) = name.split_once('-').expect("a kind and a set");
    vec![models().join(format!("samples-{set}.{extension}.zip"))]
}

/// Holds the number of samples that were read to the one in the report of the run that made the model.
fn hold(name: &str, right: u64, count: usize) {
    let report = read_to_string(models().join(format!("{name}.json"))).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let [then, of] = [0, 1].map(|i| report["samples"][i].as_u64().expect("the samples read when it was made"));
    assert_eq!(count as u64, of, "{name}: other samples");
    assert!(right.abs_diff(then) <= OTHER_ROUNDING, "{name} read {then} of {of} samples when it was made, now {right}");
    assert!(2 * right > of, "{name} reads {right} of {of} samples");
}

#[test]
fn offline_models_read_their_samples() {
    for name in names("offline") {
        let mut recognizer = Recognizer::from_bytes(&read(models().join(format!("{name}.hccr"))).unwrap()).unwrap();
        let set = load_gnt(&samples(&name, "gnt"), &CasiaFilter::default(), &|_| {}).unwrap();
        let is_right = |i: &usize| {
            let pixels: Vec<u8> = set.image(*i).iter().map(|&ink| 255 - ink).collect();
            let image = Image::new(&pixels, set.size, set.size, PixelFormat::Gray).unwrap();
            recognizer.recognize(&image, 1).unwrap()[0].character == set.classes[usize::from(set.labels[*i])]
        };
        hold(&name, (0..set.len()).filter(is_right).count() as u64, set.len());
    }
}

#[test]
fn online_models_read_their_samples() {
    for name in names("online") {
        let mut recognizer = InkRecognizer::from_bytes(&read(models().join(format!("{name}.hccr"))).unwrap()).unwrap();
        let set = load_pot(&samples(&name, "pot"), &CasiaFilter::default()).unwrap();
        let is_right = |i: &usize| {
            let ink = Ink::new(&set.ink(*i)).unwrap();
            recognizer.recognize(&ink, 1)[0].character == set.classes[usize::from(set.labels[*i])]
        };
        hold(&name, (0..set.len()).filter(is_right).count() as u64, set.len());
    }
}
