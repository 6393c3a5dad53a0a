//! The recogniser, on networks small enough to be worked out by hand.

use hccr_runtime::preprocess::{GrayImage, normalize};
use hccr_runtime::shape::LinearParams;
use hccr_runtime::{LoadError, Model, ModelBuilder, Op, PlanError, Recognizer, RunError, Weight};
use std::sync::Arc;

const SIZE: usize = 8;
const PIXELS: usize = SIZE * SIZE;

/// Scores the ink in the left half ('左'), in the right half ('右') and in neither ('无').
fn halves() -> Model {
    let mut b = ModelBuilder::new(&[1, SIZE, SIZE]);
    b.push("flatten", Op::Flatten);
    let side = |left: bool| (0..PIXELS).map(move |i| if (i % SIZE < SIZE / 2) == left { 0.001 } else { 0.0 });
    let weight: Vec<f32> = side(true).chain(side(false)).chain([0.0; PIXELS]).collect();
    let weight = b.weight(Weight::sparse("weight", &[3, PIXELS], &weight));
    let params = LinearParams { in_features: PIXELS, out_features: 3 };
    b.push("fc", Op::Linear { params, weight, scale: None, bias: None, prelu: None });
    b.finish(vec!['左', '右', '无'])
}

/// Ink all over one side, a thin line on the other.
fn image(left: bool) -> Vec<u8> {
    (0..PIXELS).map(|i| if (i % SIZE < SIZE / 2) == left { 0 } else { 230 }).collect()
}

#[test]
fn the_likeliest_comes_first() {
    let mut recognizer = Recognizer::from_bytes(&halves().to_bytes().unwrap()).unwrap();
    for (left, want) in [(true, ['左', '右', '无']), (false, ['右', '左', '无'])] {
        let found = recognizer.recognize(&image(left), SIZE, SIZE, 3).unwrap();
        assert_eq!([0, 1, 2].map(|i| found[i].character), want);
        // 32 pixels of 255 and 32 of 25, by a weight of 0.001.
        let scores = [8.16f32, 0.8, 0.0];
        let sum: f32 = scores.iter().map(|s| s.exp()).sum();
        for (candidate, score) in found.iter().zip(scores) {
            assert!((candidate.probability - score.exp() / sum).abs() < 1e-5, "{found:?}");
        }
    }
    assert_eq!(recognizer.recognize(&image(true), SIZE, SIZE, 2).unwrap().len(), 2);
    assert_eq!(recognizer.recognize(&image(true), SIZE, SIZE, 100).unwrap().len(), 3);
}

#[test]
fn of_equal_candidates_the_first_class_comes_first() {
    let mut model = halves();
    for weight in &mut model.weights {
        weight.data = hccr_runtime::WeightData::Dense(vec![0.0; 3 * PIXELS]);
    }
    let mut recognizer = Recognizer::new(model).unwrap();
    for k in 0..4 {
        let found = recognizer.recognize(&image(true), SIZE, SIZE, k).unwrap();
        assert!(found.iter().map(|c| c.character).eq(['左', '右', '无'].into_iter().take(k)), "{found:?}");
    }
}

#[test]
fn a_softmax_of_the_model_is_not_repeated() {
    let mut model = halves();
    let output = model.outputs[0];
    let mut plain = Recognizer::new(model.clone()).unwrap();
    model.nodes.push(hccr_runtime::Node { name: "softmax".into(), op: Op::Softmax, input: output });
    model.outputs = vec![model.value_of(2)];
    let mut with_softmax = Recognizer::new(model).unwrap();
    let image = image(true);
    assert_eq!(plain.recognize(&image, SIZE, SIZE, 3), with_softmax.recognize(&image, SIZE, SIZE, 3));
}

#[test]
fn size_and_margins_do_not_matter() {
    let mut recognizer = Recognizer::new(halves()).unwrap();
    let want = recognizer.recognize(&image(true), SIZE, SIZE, 3).unwrap();
    let (width, height) = (5 * SIZE, 6 * SIZE);
    let mut large = vec![255; width * height];
    for y in 0..4 * SIZE {
        for x in 0..4 * SIZE {
            large[(y + 9) * width + x + 3] = image(true)[y / 4 * SIZE + x / 4];
        }
    }
    assert_eq!(recognizer.recognize(&large, width, height, 3).unwrap(), want);
}

#[test]
fn clones_share_the_plan_and_work_on_threads() {
    let mut recognizer = Recognizer::new(halves()).unwrap();
    let want = recognizer.recognize(&image(false), SIZE, SIZE, 3).unwrap();
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let mut clone = recognizer.clone();
            assert!(Arc::ptr_eq(clone.plan(), recognizer.plan()));
            std::thread::spawn(move || clone.recognize(&image(false), SIZE, SIZE, 3).unwrap())
        })
        .collect();
    for worker in workers {
        assert_eq!(worker.join().unwrap(), want);
    }
}

#[test]
fn bad_images_are_errors() {
    let mut recognizer = Recognizer::new(halves()).unwrap();
    let mut recognize = |bytes: &[u8], width, height| recognizer.recognize(bytes, width, height, 1).unwrap_err();
    assert_eq!(recognize(&[0; 12], 3, 5), RunError::InvalidImage { width: 3, height: 5, bytes: 12 });
    assert_eq!(recognize(&[], 0, 0), RunError::InvalidImage { width: 0, height: 0, bytes: 0 });
    assert!(matches!(recognize(&[0; 4], usize::MAX, 2), RunError::InvalidImage { .. }));
    assert_eq!(recognize(&[255; 12], 3, 4), RunError::EmptyImage);
    let mut short = [0; 10];
    let image = GrayImage::new(&[0], 1, 1).unwrap();
    assert_eq!(normalize(image, 4, &mut short), Err(RunError::InputLength { expected: 16, found: 10 }));
}

#[test]
fn models_that_do_not_recognise_are_errors() {
    let reject = |change: fn(&mut Model)| {
        let mut model = halves();
        change(&mut model);
        match Recognizer::new(model) {
            Err(PlanError::InvalidModel(LoadError::InvalidModel { layer, .. })) => layer,
            _ => String::from("accepted"),
        }
    };
    assert_eq!(reject(|m| m.labels.clear()), "labels");
    assert_eq!(reject(|m| m.inputs = vec![vec![PIXELS]]), "inputs");
    assert_eq!(reject(|m| m.inputs = vec![vec![1, 4, 16]]), "inputs");
    assert_eq!(reject(|m| m.outputs = vec![]), "model");
    assert_eq!(reject(|m| m.outputs.push(m.outputs[0])), "outputs");
}
