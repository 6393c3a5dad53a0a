//! Models that look twice.

mod common;

use common::Rng;
use hccr_runtime::image::{Image, PixelFormat};
use hccr_runtime::shape::{Conv2dParams, LinearParams, STEPS};
use hccr_runtime::{Batch, Model, ModelBuilder, Op, Plan, Recognizer, Session};
use std::sync::Arc;

const SIZE: usize = 24;
const CLASSES: usize = 5;

fn with_tilt(model: &Model, tilt: f32) -> Model {
    let mut builder = model.clone().edit();
    builder.set_tilt(Some(tilt));
    builder.finish().expect("an image, and one output")
}

/// A convolution and a fully connected layer, or none at all.
fn model(layers: bool) -> Model {
    let mut rng = Rng(3);
    let mut b = ModelBuilder::new(&[1, SIZE, SIZE]);
    if !layers {
        b.push("flatten", Op::Flatten);
        return b.finish().unwrap();
    }
    let params = Conv2dParams::same(1, 4, [3, 3]);
    let weight = b.dense("conv.weight", &params.weight_shape(), rng.values(36));
    b.push("conv", Op::Conv2d { params, weight, scale: None, bias: None, prelu: None });
    b.push("flatten", Op::Flatten);
    let params = LinearParams { in_features: 4 * SIZE * SIZE, out_features: CLASSES };
    let weight = b.dense("fc.weight", &[CLASSES, 4 * SIZE * SIZE], rng.values(4 * SIZE * SIZE * CLASSES));
    b.push("fc", Op::Linear { params, weight, scale: None, bias: None, prelu: None });
    b.set_labels("一二三四五".chars().collect());
    b.set_temperature(Some(1000.0)); // the scores are large
    b.finish().unwrap()
}

fn session(model: &Model) -> Session {
    Session::new(Arc::new(Plan::new(model).unwrap()))
}

/// Ink on a part of the image.
fn image(seed: u64) -> Vec<f32> {
    let values = Rng(seed).values(SIZE * SIZE);
    values.iter().enumerate().map(|(i, v)| if i % 3 == 0 { (200.0 * v).round().max(0.0) } else { 0.0 }).collect()
}

#[test]
fn both_looks_count_as_much() {
    // A bar: turned to both sides, it is a flat cross.
    let bar: Vec<f32> = (0..SIZE * SIZE).map(|i| if i / SIZE / 2 == SIZE / 4 { 200.0 } else { 0.0 }).collect();
    let mut session = session(&with_tilt(&model(false), 0.2));
    let seen = session.run(&bar).unwrap().to_vec();
    assert_eq!(session.output(0).unwrap(), seen);
    let at = |x: usize, y: usize| seen[y * SIZE + x];
    for (x, y) in (0..SIZE).flat_map(|x| (0..SIZE).map(move |y| (x, y))) {
        let mirrored = [at(SIZE - 1 - x, y), at(x, SIZE - 1 - y)];
        assert!(mirrored.iter().all(|v| (v - at(x, y)).abs() < 1e-3), "({x}, {y}): {} and {mirrored:?}", at(x, y));
    }
    let rows = |x: usize| (0..SIZE).filter(|&y| at(x, y) > 60.0).collect::<Vec<_>>();
    let (edge, middle) = (rows(1), rows(SIZE / 2));
    assert!(edge.first() < middle.first() && edge.last() > middle.last(), "{edge:?} {middle:?}");
    assert!(edge.windows(2).any(|pair| pair[1] > pair[0] + 1), "two arms: {edge:?}");
}

#[test]
fn batches_and_sessions_give_the_same_bits() {
    let model = with_tilt(&model(true), 0.1);
    let plan = Arc::new(Plan::new(&model).unwrap());
    let images: Vec<Vec<f32>> = (0..21).map(|i| image(i + 1)).collect();
    let mut alone = Session::new(plan.clone());
    let expected: Vec<f32> = images.iter().flat_map(|image| alone.run(image).unwrap().to_vec()).collect();
    for threads in [1, 2] {
        let mut outputs = vec![0.0; images.len() * CLASSES];
        let mut batch = Batch::new(plan.clone(), threads).unwrap();
        batch.jobs(&images.concat(), &mut outputs).unwrap().for_each(|job| job.run());
        assert_eq!(outputs, expected, "{threads} threads");
    }
}

#[test]
fn a_second_look_costs_as_much_as_the_first() {
    let (once, twice) = (model(true), with_tilt(&model(true), 0.1));
    assert_eq!((once.looks(), twice.looks()), (1, 2));
    for (once, twice) in once.costs().iter().zip(twice.costs()) {
        assert_eq!((twice.weights, twice.dense_macs), (once.weights, 2 * once.dense_macs));
        assert_eq!(twice.nonzero_macs, 2 * once.nonzero_macs);
    }
    let mut layers = 0;
    session(&twice).run_observed(&image(1), |_| layers += 1).unwrap();
    assert_eq!(layers, 2 * Plan::new(&once).unwrap().layers().len());
}

#[test]
fn a_recognizer_looks_as_often_as_its_model() {
    let [once, twice] = [model(true), with_tilt(&model(true), 0.1)].map(|model| Recognizer::new(model).unwrap());
    let pixels: Vec<u8> = image(7).iter().map(|&v| 255 - v as u8).collect();
    let image = Image::new(&pixels, SIZE, SIZE, PixelFormat::Gray).unwrap();
    let [once, twice] = [once, twice].map(|mut r| r.probabilities(&image).unwrap().to_vec());
    assert!(once != twice && (twice.iter().sum::<f32>() - 1.0).abs() < 1e-5);
}

#[test]
fn a_tilt_fits_its_model() {
    let refused = |model: ModelBuilder, tilt: f32| {
        let mut builder = model;
        builder.set_tilt(Some(tilt));
        builder.finish().err().map(|error| error.place)
    };
    for tilt in [0.0, -0.1, 1.5, f32::NAN, f32::INFINITY, 1e-40] {
        assert_eq!(refused(model(true).edit(), tilt).as_deref(), Some("tilt"), "{tilt}");
    }
    for shape in [&[2, SIZE, SIZE][..], &[1, SIZE, SIZE + 1], &[STEPS, 6], &[SIZE]] {
        let mut b = ModelBuilder::new(shape);
        b.push("last", if shape[0] == STEPS { Op::MeanOverTime } else { Op::Identity });
        assert_eq!(refused(b, 0.1).as_deref(), Some("tilt"), "{shape:?}");
    }
}
