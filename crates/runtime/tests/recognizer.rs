//! The recognizer, on networks small enough to be worked out by hand.

use hccr_runtime::image::{Image, ImageError, PixelFormat, normalize};
use hccr_runtime::shape::LinearParams;
use hccr_runtime::{
    Candidate, FormatError, Model, ModelBuilder, Op, Recognizer, RecognizerError, ValueId, Weight, WeightData,
};
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
    b.set_labels(vec!['左', '右', '无']);
    b.finish().unwrap()
}

/// Ink all over one side, a thin line on the other.
fn image(left: bool) -> Vec<u8> {
    (0..PIXELS).map(|i| if (i % SIZE < SIZE / 2) == left { 0 } else { 230 }).collect()
}

/// The `k` likeliest characters of a square image.
fn recognize(recognizer: &mut Recognizer, pixels: &[u8], k: usize) -> Vec<Candidate> {
    recognizer.recognize(&Image::new(pixels, SIZE, SIZE, PixelFormat::Gray).unwrap(), k).unwrap()
}

#[test]
fn the_likeliest_comes_first() {
    let mut recognizer = Recognizer::from_bytes(&halves().to_bytes()).unwrap();
    for (left, want) in [(true, ['左', '右', '无']), (false, ['右', '左', '无'])] {
        let found = recognize(&mut recognizer, &image(left), 3);
        assert_eq!([0, 1, 2].map(|i| found[i].character), want);
        // 32 pixels of 255 and 32 of 25, by a weight of 0.001.
        let scores = [8.16f32, 0.8, 0.0];
        let sum: f32 = scores.iter().map(|s| s.exp()).sum();
        for (candidate, score) in found.iter().zip(scores) {
            assert!((candidate.probability - score.exp() / sum).abs() < 1e-5, "{found:?}");
        }
    }
    assert_eq!(recognize(&mut recognizer, &image(true), 2).len(), 2);
    assert_eq!(recognize(&mut recognizer, &image(true), 100).len(), 3);
}

#[test]
fn of_equal_candidates_the_first_class_comes_first() {
    let mut model = halves().edit();
    let Op::Linear { weight, .. } = model.nodes()[1].op else { panic!("no layer") };
    model.weight_mut(weight).data = WeightData::Dense(vec![0.0; 3 * PIXELS]);
    let mut recognizer = Recognizer::new(model.finish().unwrap()).unwrap();
    for k in 0..4 {
        let found = recognize(&mut recognizer, &image(true), k);
        assert!(found.iter().map(|c| c.character).eq(['左', '右', '无'].into_iter().take(k)), "{found:?}");
    }
}

#[test]
fn a_softmax_of_the_model_is_not_repeated() {
    let mut plain = Recognizer::new(halves()).unwrap();
    let mut model = halves().edit();
    let probabilities = model.push("softmax", Op::Softmax);
    model.set_outputs(vec![probabilities]);
    let mut with_softmax = Recognizer::new(model.finish().unwrap()).unwrap();
    let image = image(true);
    assert_eq!(recognize(&mut plain, &image, 3), recognize(&mut with_softmax, &image, 3));
}

#[test]
fn a_temperature_flattens_the_probabilities_and_keeps_the_order() {
    let plain = recognize(&mut Recognizer::new(halves()).unwrap(), &image(true), 3);
    for temperature in [0.25, 1.0, 4.0, 1e-30, 1e30] {
        let mut model = halves().edit();
        model.set_temperature(Some(temperature));
        // Also where the model has a softmax of its own.
        let mut with_softmax = model.clone();
        with_softmax.push("softmax", Op::Softmax);
        with_softmax.set_outputs(vec![with_softmax.last()]);
        let [found, again] = [model, with_softmax]
            .map(|model| recognize(&mut Recognizer::new(model.finish().unwrap()).unwrap(), &image(true), 3));
        assert_eq!(found, again);
        let powers: Vec<f32> =
            plain.iter().map(|c| (c.probability / plain[0].probability).powf(1.0 / temperature)).collect();
        let sum: f32 = powers.iter().sum();
        for ((found, plain), power) in found.iter().zip(&plain).zip(powers) {
            assert_eq!(found.character, plain.character);
            assert!((found.probability - power / sum).abs() < 1e-4, "{temperature}: {found:?}");
        }
    }
    for temperature in [0.0, -1.0, 1e-40, f32::NAN, f32::INFINITY] {
        let mut model = halves().edit();
        model.set_temperature(Some(temperature));
        assert_eq!(model.finish().unwrap_err().place, "temperature");
    }
}

#[test]
fn a_restricted_recognizer_knows_no_other_characters() {
    let mut all = Recognizer::new(halves()).unwrap();
    let mut some = all.restricted(&['无', '右', '无']).unwrap();
    assert!(Arc::ptr_eq(some.plan(), all.plan()));
    assert_eq!((some.labels(), all.labels()), (&['右', '无'][..], &['左', '右', '无'][..]));
    let of_all = recognize(&mut all, &image(true), 3);
    let found = recognize(&mut some, &image(true), 3);
    assert_eq!(found.iter().map(|c| c.character).collect::<Vec<_>>(), ['右', '无']);
    let sum = of_all[1].probability + of_all[2].probability;
    for (found, all) in found.iter().zip(&of_all[1..]) {
        assert!((found.probability - all.probability / sum).abs() < 1e-5, "{found:?} of {all:?}");
    }
    // Once more, and of one character it is certain.
    let found = recognize(&mut some.restricted(&['无']).unwrap(), &image(true), 3);
    assert_eq!((found.len(), found[0].character, found[0].probability), (1, '无', 1.0));
    assert_eq!(some.restricted(&['左']).unwrap_err(), RecognizerError::UnknownCharacter { character: '左' });
    assert_eq!(some.restricted(&[]).unwrap_err(), RecognizerError::NoCharacters);
}

#[test]
fn size_and_margins_do_not_matter() {
    let mut recognizer = Recognizer::new(halves()).unwrap();
    let want = recognize(&mut recognizer, &image(true), 3);
    let (width, height) = (5 * SIZE, 6 * SIZE);
    let mut large = vec![255; width * height];
    for y in 0..4 * SIZE {
        for x in 0..4 * SIZE {
            large[(y + 9) * width + x + 3] = image(true)[y / 4 * SIZE + x / 4];
        }
    }
    let large = Image::new(&large, width, height, PixelFormat::Gray).unwrap();
    assert_eq!(recognizer.recognize(&large, 3).unwrap(), want);
}

#[test]
fn clones_share_the_plan_and_work_on_threads() {
    let mut recognizer = Recognizer::new(halves()).unwrap();
    let want = recognize(&mut recognizer, &image(false), 3);
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let mut clone = recognizer.clone();
            assert!(Arc::ptr_eq(clone.plan(), recognizer.plan()));
            std::thread::spawn(move || recognize(&mut clone, &image(false), 3))
        })
        .collect();
    for worker in workers {
        assert_eq!(worker.join().unwrap(), want);
    }
}

#[test]
fn bad_images_are_errors() {
    let mut recognizer = Recognizer::new(halves()).unwrap();
    let white = Image::new(&[255; 12], 3, 4, PixelFormat::Gray).unwrap();
    assert_eq!(recognizer.recognize(&white, 1), Err(ImageError::Empty));
    let mut short = [0; 10];
    let image = Image::new(&[0], 1, 1, PixelFormat::Gray).unwrap();
    assert_eq!(normalize(&image, 4, &mut short), Err(ImageError::OutputLen { expected: 16, found: 10 }));
}

#[test]
fn models_that_do_not_recognize_are_errors() {
    let needs = |model: &ModelBuilder| match Recognizer::new(model.clone().finish().unwrap()).unwrap_err() {
        RecognizerError::Unfit { needs } => needs,
        other => panic!("{other}"),
    };
    let mut model = halves().edit();
    model.set_outputs(vec![ValueId(2); 2]);
    assert_eq!(needs(&model), "one output");
    model.set_outputs(vec![ValueId(2)]);
    model.set_labels(Vec::new());
    assert_eq!(needs(&model), "a label for each class");
    assert_eq!(needs(&ModelBuilder::new(&[PIXELS])), "a square grey image");
    assert_eq!(needs(&ModelBuilder::new(&[1, 4, 16])), "a square grey image");
    assert_eq!(needs(&ModelBuilder::with_inputs(vec![vec![1, 8, 8]; 2])), "one input");
    assert_eq!(Recognizer::from_bytes(b"").unwrap_err(), RecognizerError::Format(FormatError::NotAModel));
}

/// Sums that overflow are no answer: every label is as likely as any other.
#[test]
fn a_network_that_overflows_knows_nothing() {
    let mut b = ModelBuilder::new(&[1, 8, 8]);
    b.push("flatten", Op::Flatten);
    let weight =
        b.dense("weight", &[2, PIXELS], (0..2 * PIXELS).map(|i| if i % 3 == 0 { -3e38 } else { 3e38 }).collect());
    let params = LinearParams { in_features: PIXELS, out_features: 2 };
    b.push("fc", Op::Linear { params, weight, scale: None, bias: None, prelu: None });
    b.set_labels(vec!['上', '下']);
    let mut recognizer = Recognizer::new(b.finish().unwrap()).unwrap();
    let candidates = recognize(&mut recognizer, &image(true), 2);
    let answers: Vec<_> = candidates.iter().map(|c| (c.character, c.probability)).collect();
    assert_eq!(answers, [('上', 0.5), ('下', 0.5)]);
}
