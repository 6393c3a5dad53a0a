//! The instruction sets of this machine read the same: the models in the box on simulated writing, image by image and ink by ink.
//! Sums are rounded in another order, so that a character on the edge may fall to the other side; how many do is counted.
//!
//! `cargo test --release -p hccr-evaluate --test agreement -- --ignored --nocapture` takes 10,000 of each, some minutes.

use hccr_data::{IMAGE_SIZE, Simulator, SimulatorConfig};
use hccr_random::Rng;
use hccr_runtime::ink::{FEATURES, Ink, Point, rows};
use hccr_runtime::{IsaKind, Model, Plan, Session};
use std::path::Path;
use std::sync::Arc;

/// Characters of GB2312 level 1.
const CLASSES: usize = 3755;

/// Of so many samples one may be read otherwise.
const SAMPLES_PER_DIFFERENCE: usize = 500;

fn model(name: &str) -> Model {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models").join(name);
    Model::from_bytes(&std::fs::read(path).unwrap()).unwrap()
}

/// The class that is answered for each input, of so many.
fn answers(model: &Model, isa: IsaKind, count: usize, input: impl Fn(usize) -> Vec<f32>) -> Vec<usize> {
    let mut session = Session::new(Arc::new(Plan::with_isa(model, isa).unwrap()));
    (0..count).map(|i| best(session.run(&input(i)).unwrap())).collect()
}

fn best(scores: &[f32]) -> usize {
    (0..scores.len()).reduce(|best, i| if scores[i] > scores[best] { i } else { best }).unwrap()
}

/// Holds the answers of each two instruction sets together.
fn compare(name: &str, model: &Model, count: usize, input: impl Fn(usize) -> Vec<f32>) {
    let all: Vec<_> = IsaKind::available().into_iter().map(|isa| (isa, answers(model, isa, count, &input))).collect();
    for (i, (isa, answers)) in all.iter().enumerate() {
        for (other, others) in &all[..i] {
            let different = answers.iter().zip(others).filter(|(a, b)| a != b).count();
            println!("{name}: {other} and {isa} differ on {different} of {count}");
            assert!(different <= 1 + count / SAMPLES_PER_DIFFERENCE, "{name}: {other} and {isa} differ on {different}");
        }
    }
}

fn simulator() -> Simulator {
    Simulator::new(&SimulatorConfig { fonts: true, ..SimulatorConfig::new(CLASSES, 11) }).unwrap()
}

/// The class of a sample: all in turn, in an order that a few samples spread over.
fn class(sample: usize) -> u16 {
    (sample * 1009 % CLASSES) as u16
}

fn images(count: usize) {
    let (simulator, model) = (simulator(), model("offline-3755.hccr"));
    let input = |i: usize| {
        let mut ink = vec![0; IMAGE_SIZE * IMAGE_SIZE];
        simulator.image(class(i), &mut Rng::new(11, i as u64), &mut ink);
        ink.into_iter().map(f32::from).collect()
    };
    compare("images", &model, count, input);
}

fn inks(count: usize) {
    let (simulator, model) = (simulator(), model("online-3755.hccr"));
    let input = |i: usize| {
        let point = |&[x, y]: &[i16; 2]| Point { x: x.into(), y: y.into() };
        let strokes = simulator.ink(class(i), &mut Rng::new(12, i as u64));
        let strokes: Vec<Vec<Point>> = strokes.iter().map(|stroke| stroke.iter().map(point).collect()).collect();
        rows(&Ink::new(&strokes).unwrap().steps(), model.inputs()[0][1] / FEATURES)
    };
    compare("inks", &model, count, input);
}

#[test]
fn instruction_sets_read_images_alike() {
    images(200);
}

#[test]
fn instruction_sets_read_inks_alike() {
    inks(200);
}

#[test]
#[ignore = "minutes"]
fn instruction_sets_read_ten_thousand_images_alike() {
    images(10_000);
}

#[test]
#[ignore = "minutes"]
fn instruction_sets_read_ten_thousand_inks_alike() {
    inks(10_000);
}
