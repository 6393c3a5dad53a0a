//! The online recognizer's answer does not depend on the device: not on how many points it gives, nor on its unit and origin.
//!
//! `HCCR_ONLINE_MODEL=target/reproduce/online/graph-opt.hccr cargo test -p hccr-tests --test training invariance` tests that network
//! instead of one that is trained here in seconds.

use crate::toy_ink;
use crate::toy_ink::SEED;
use hccr_data::gb2312::{class_of_tag, tag_of_char};
use hccr_data::strokes::Skeletons;
use hccr_data::{PenPoint, Writer};
use hccr_random::Rng;
use hccr_runtime::InkRecognizer;
use hccr_runtime::ink::{self, Point};

type Ink = Vec<Vec<Point>>;
type Change = fn(&Ink, &mut Rng) -> Ink;

/// Share of answers that must stay the same.
const SAME: f64 = 0.99;
/// Writers that no network was trained on.
const FIRST_TEST_WRITER: u32 = 2 << 24;
const TEST_WRITERS: u32 = 40;

/// A network that tells ten characters apart, after some seconds of training.
fn toy() -> InkRecognizer {
    let [train, dev, _] = toy_ink::sets();
    let trainer = toy_ink::trained(&train, &dev);
    let model = trainer.state().network.to_model(&train.inks().classes).expect("a valid model");
    InkRecognizer::new(model).expect("an online network")
}

fn recognizer() -> InkRecognizer {
    match std::env::var_os("HCCR_ONLINE_MODEL") {
        Some(path) => {
            let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            InkRecognizer::from_bytes(&bytes).expect("an online network")
        }
        None => toy(),
    }
}

/// Ink of every character that the recognizer knows, by writers that it does not: points 8 apart on a grid of 1024.
fn inks(labels: &[char]) -> Vec<Ink> {
    let skeletons = Skeletons::embedded().expect("the embedded skeletons");
    let writers: Vec<Writer> = (0..TEST_WRITERS)
        .map(|id| Writer::new(SEED, FIRST_TEST_WRITER + id).with_variation(toy_ink::VARIATION))
        .collect();
    let mut inks = Vec::new();
    for &c in labels {
        let class = tag_of_char(c).and_then(class_of_tag).expect("a character of GB2312 level 1");
        for (w, writer) in writers.iter().enumerate() {
            let trajectory = writer.sample(skeletons.get(c).expect("a skeleton"), (class as u64) << 32 | w as u64);
            let stroke = |points: &Vec<_>| subdivided(points.iter().map(point).collect(), 2);
            inks.push(trajectory.strokes.iter().map(stroke).collect());
        }
    }
    inks
}

fn point(p: &PenPoint) -> Point {
    Point { x: p.x, y: p.y }
}

/// So many times the points, on the same lines.
fn subdivided(stroke: Vec<Point>, times: usize) -> Vec<Point> {
    let mut points: Vec<Point> = stroke.first().copied().into_iter().collect();
    for pair in stroke.windows(2) {
        let [a, b] = [pair[0], pair[1]];
        points.extend((1..=times).map(|piece| {
            let t = piece as f32 / times as f32;
            Point { x: a.x + t * (b.x - a.x), y: a.y + t * (b.y - a.y) }
        }));
    }
    points
}

/// Every fourth point, and the last one.
fn quartered(stroke: &[Point]) -> Vec<Point> {
    let last = stroke.len() - 1;
    stroke.iter().enumerate().filter(|(i, _)| i % 4 == 0 || *i == last).map(|(_, &p)| p).collect()
}

fn each(ink: &Ink, change: impl Fn(&[Point]) -> Vec<Point>) -> Ink {
    ink.iter().map(|stroke| change(stroke)).collect()
}

fn moved(ink: &Ink, scale: f32, [dx, dy]: [f32; 2]) -> Ink {
    each(ink, |stroke| stroke.iter().map(|p| Point { x: scale * p.x + dx, y: scale * p.y + dy }).collect())
}

/// What devices do to an ink.
const CHANGES: [(&str, Change); 6] = [
    ("a quarter of the points", |ink, _| each(ink, quartered)),
    ("four times the points", |ink, _| each(ink, |stroke| subdivided(stroke.to_vec(), 4))),
    ("every point twice", |ink, _| each(ink, |stroke| stroke.iter().flat_map(|&p| [p, p]).collect())),
    ("a hundredth of the size", |ink, _| moved(ink, 0.01, [3.0, -7.0])),
    ("a hundred times the size", |ink, _| moved(ink, 100.0, [-40_000.0, 9000.0])),
    ("another size and place", |ink, rng| {
        let scale = 10f32.powf(rng.range(-2.0, 2.0));
        moved(ink, scale, [scale * rng.range(-5000.0, 5000.0), scale * rng.range(-5000.0, 5000.0)])
    }),
];

#[test]
fn answers_do_not_depend_on_the_device() {
    let mut recognizer = recognizer();
    let inks = inks(recognizer.labels());
    let mut answer = |ink: &Ink| recognizer.recognize(&ink::Ink::new(ink).expect("an ink with points"), 1)[0].character;
    let plain: Vec<char> = inks.iter().map(&mut answer).collect();
    let mut rng = Rng::new(SEED, 2);
    for (name, change) in CHANGES {
        let same = inks.iter().zip(&plain).filter(|(ink, plain)| answer(&change(ink, &mut rng)) == **plain).count();
        let share = same as f64 / inks.len() as f64;
        println!("{name}: {same} of {} answers are the same", inks.len());
        assert!(share >= SAME, "{name}: only {share:.4} of the answers are the same");
    }
}
