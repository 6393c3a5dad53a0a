//! Models of three labels that run in microseconds.

use hccr_runtime::shape::{LinearParams, LstmParams, STEPS};
use hccr_runtime::{Model, ModelBuilder, Op};

fn linear(b: &mut ModelBuilder, in_features: usize, out_features: usize) {
    let values = (0..in_features * out_features).map(|i| (i * 7 % 11) as f32 / 5.0 - 1.0).collect();
    let weight = b.dense("weight", &[out_features, in_features], values);
    let params = LinearParams { in_features, out_features };
    b.push("linear", Op::Linear { params, weight, scale: None, bias: None, prelu: None });
}

fn labelled(mut b: ModelBuilder) -> Model {
    b.set_labels(vec!['一', '丁', '七']);
    b.finish().expect("a valid model")
}

/// Of pen strokes: an LSTM of two cells.
#[allow(dead_code)] // each target takes what it needs
pub(crate) fn online() -> Model {
    let mut b = ModelBuilder::new(&[STEPS, 6]);
    linear(&mut b, 6, 8);
    let recurrent = b.dense("recurrent", &[8, 2], (0..16).map(|i| (i * 5 % 7) as f32 / 3.0 - 1.0).collect());
    b.push("lstm", Op::Lstm { params: LstmParams { hidden_size: 2, rank: None }, project: None, recurrent });
    b.push("mean", Op::MeanOverTime);
    linear(&mut b, 2, 3);
    labelled(b)
}

/// Of images.
#[allow(dead_code)] // each target takes what it needs
pub(crate) fn offline() -> Model {
    let mut b = ModelBuilder::new(&[1, 8, 8]);
    b.push("flatten", Op::Flatten);
    linear(&mut b, 64, 3);
    labelled(b)
}
