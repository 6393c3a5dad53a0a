//! Small networks with random weights for ink and its image, and ink to read.

use super::Rng;
use hccr_runtime::ink::Point;
use hccr_runtime::shape::{LinearParams, LstmParams, STEPS};
use hccr_runtime::{Model, ModelBuilder, Op};

pub(crate) const CLASSES: usize = 40;
pub(crate) const SIZE: usize = 48;

pub(crate) fn labels() -> Vec<char> {
    ('一'..).take(CLASSES).collect()
}

pub(crate) fn linear(b: &mut ModelBuilder, rng: &mut Rng, in_features: usize, out_features: usize) {
    let gain = 3.0 / (in_features as f32).sqrt();
    let weight = rng.values(in_features * out_features).iter().map(|v| gain * v).collect();
    let weight = b.dense("weight", &[out_features, in_features], weight);
    let bias = Some(b.dense("bias", &[out_features], rng.values(out_features)));
    let params = LinearParams { in_features, out_features };
    b.push("linear", Op::Linear { params, weight, scale: None, bias, prelu: None });
}

/// An LSTM and a fully connected layer.
pub(crate) fn online_model() -> Model {
    online_model_of(1)
}

/// The same for a number of steps at once.
pub(crate) fn online_model_of(steps_at_once: usize) -> Model {
    let (mut rng, hidden_size, features) = (Rng(1), 24, 6 * steps_at_once);
    let mut b = ModelBuilder::new(&[STEPS, features]);
    linear(&mut b, &mut rng, features, 4 * hidden_size);
    let recurrent = b.dense("h", &[4 * hidden_size, hidden_size], rng.values(4 * hidden_size * hidden_size));
    b.push("lstm", Op::Lstm { params: LstmParams { hidden_size, rank: None }, project: None, recurrent });
    b.push("mean", Op::MeanOverTime);
    linear(&mut b, &mut rng, hidden_size, CLASSES);
    b.set_labels(labels());
    b.finish().unwrap()
}

/// A fully connected layer over the pixels.
pub(crate) fn offline_model() -> Model {
    let mut b = ModelBuilder::new(&[1, SIZE, SIZE]);
    let scale = 1e-3f32;
    b.push("flatten", Op::Flatten);
    let weight = Rng(2).values(SIZE * SIZE * CLASSES).iter().map(|v| scale * v).collect();
    let weight = b.dense("weight", &[CLASSES, SIZE * SIZE], weight);
    let params = LinearParams { in_features: SIZE * SIZE, out_features: CLASSES };
    b.push("fc", Op::Linear { params, weight, scale: None, bias: None, prelu: None });
    b.set_labels(labels());
    b.finish().unwrap()
}

/// A pen that wanders: strokes of one to 25 points within a square of 100, or a little beyond.
pub(crate) fn ink(seed: u64, strokes: usize) -> Vec<Vec<Point>> {
    let mut rng = Rng(seed);
    let stroke = |_| {
        let mut at = [50.0 + 50.0 * rng.value(), 50.0 + 50.0 * rng.value()];
        let mut way = [5.0 * rng.value(), 5.0 * rng.value()];
        let points = 1 + rng.next() % 25;
        (0..points)
            .map(|_| {
                for axis in 0..2 {
                    way[axis] += 3.0 * rng.value();
                    at[axis] += way[axis];
                }
                Point { x: at[0], y: at[1] }
            })
            .collect()
    };
    (0..strokes).map(stroke).collect()
}
