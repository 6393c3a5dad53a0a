//! Recognizers of ink, with random weights: while it is written, at once, and fused with the image's.

mod common;

use common::Rng;
use common::ink::{CLASSES, SIZE, ink, labels, linear, offline_model, online_model, online_model_of};
use hccr_runtime::image::{Image, PixelFormat};
use hccr_runtime::ink::{Ink, InkError, Point, WritingBox};
use hccr_runtime::shape::STEPS;
use hccr_runtime::{
    Candidate, FormatError, FusedRecognizer, Fusion, InkRecognizer, InkSession, Model, ModelBuilder, Op, Recognizer,
    RecognizerError, Session, ValueId, fuse,
};

/// The strokes as an ink, in the box or in their own.
fn in_box<S: AsRef<[Point]>>(strokes: &[S], writing_box: Option<WritingBox>) -> Ink {
    let ink = Ink::new(strokes).unwrap();
    match writing_box {
        Some(writing_box) => ink.in_box(writing_box),
        None => ink,
    }
}

fn writing_box() -> WritingBox {
    WritingBox::new(-10.0, -10.0, 120.0, 120.0).unwrap()
}

fn recognizer() -> InkRecognizer {
    InkRecognizer::new(online_model()).unwrap()
}

/// Recognizers that read one step and several at once, each with a box and without one.
fn settings() -> impl Iterator<Item = (InkRecognizer, Option<WritingBox>)> {
    let recognizer = |steps_at_once| InkRecognizer::new(online_model_of(steps_at_once)).unwrap();
    [1, 2, 3].into_iter().flat_map(move |n| [Some(writing_box()), None].map(|writing_box| (recognizer(n), writing_box)))
}

#[test]
fn steps_are_read_several_at_once() {
    let mut recognizer = InkRecognizer::new(online_model_of(3)).unwrap();
    assert_eq!(recognizer.steps_at_once(), 3);
    let not_whole = |ink: &Ink| ink.steps().len() % 3 == 1;
    let ink = (1..).map(|seed| in_box(&ink(seed, 5), None)).find(not_whole).unwrap();
    let steps = ink.steps();
    let mut rows = steps.as_flattened().to_vec();
    rows.resize(steps.len().next_multiple_of(3) * 6, 0.0);
    assert_eq!(hccr_runtime::ink::rows(&steps, 3), rows);
    let scores = Session::new(recognizer.plan().clone()).run(&rows).unwrap().to_vec();
    let best = (0..CLASSES).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap();
    assert_eq!(recognizer.recognize(&ink, 1)[0].character, labels()[best]);
}

#[test]
fn candidates_at_every_point_are_those_of_the_ink_so_far() {
    for (mut recognizer, writing_box) in settings() {
        for seed in 1..6 {
            let mut session = InkSession::new(&recognizer, writing_box);
            assert_eq!(session.candidates(1), Err(InkError::Empty));
            for stroke in ink(seed, 6) {
                let mut rng = Rng(seed);
                session.add_stroke(&[]).unwrap();
                let mut rest = &stroke[..];
                while !rest.is_empty() {
                    let (piece, others) = rest.split_at((1 + rng.next() as usize % 3).min(rest.len()));
                    session.add_points(piece).unwrap();
                    let want = recognizer.recognize(&in_box(session.strokes(), writing_box), CLASSES);
                    assert_eq!(session.candidates(CLASSES).unwrap(), want, "{writing_box:?}");
                    assert_eq!(session.candidates(2).unwrap(), want[..2], "asked again");
                    rest = others;
                }
            }
            assert_eq!(session.strokes(), ink(seed, 6));
        }
    }
}

#[test]
fn strokes_are_added_and_undone_in_any_order() {
    for (mut recognizer, writing_box) in settings() {
        let mut rng = Rng(7);
        let mut session = InkSession::new(&recognizer, writing_box);
        let mut strokes: Vec<Vec<Point>> = Vec::new();
        for mut new in ink(8, 400) {
            match rng.next() % 8 {
                0..4 => {
                    session.add_stroke(&new).unwrap();
                    strokes.push(new);
                }
                4 => {
                    session.add_points(&new).unwrap();
                    match strokes.last_mut() {
                        Some(last) => last.append(&mut new),
                        None => strokes.push(new),
                    }
                }
                _ => assert_eq!(session.undo_stroke(), strokes.pop()),
            }
            if !strokes.is_empty() && !rng.next().is_multiple_of(3) {
                let want = recognizer.recognize(&in_box(&strokes, writing_box), 5);
                assert_eq!(session.candidates(5).unwrap(), want);
            }
        }
        // More strokes than states are kept of.
        ink(9, 100).iter().for_each(|stroke| session.add_stroke(stroke).unwrap());
        strokes.extend(ink(9, 100));
        while !strokes.is_empty() {
            let want = recognizer.recognize(&in_box(&strokes, writing_box), 5);
            assert_eq!(session.candidates(5).unwrap(), want);
            assert_eq!(session.undo_stroke(), strokes.pop());
        }
        assert_eq!((session.undo_stroke(), session.candidates(1)), (None, Err(InkError::Empty)));
    }
}

#[test]
fn in_a_box_a_stroke_costs_no_more_after_many() {
    let recognizer = recognizer();
    let last = &ink(3, 1)[0];
    // The steps that the network runs for one more stroke, its answer and taking it back.
    let cost = |strokes: usize, writing_box: Option<WritingBox>| {
        let mut session = InkSession::new(&recognizer, writing_box);
        let ink = ink(4, strokes);
        for stroke in &ink {
            session.add_stroke(stroke).unwrap();
        }
        session.candidates(1).unwrap();
        let before = session.steps_run();
        session.add_stroke(last).unwrap();
        session.candidates(1).unwrap();
        let added = session.steps_run();
        session.undo_stroke();
        session.candidates(1).unwrap();
        let all = in_box(&ink, Some(writing_box.unwrap_or(self::writing_box()))).steps().len();
        (added - before, session.steps_run() - added, all)
    };
    let own = in_box(&[last], Some(writing_box())).steps().len();
    for strokes in [1, 10, 100] {
        let (added, undone, all) = cost(strokes, Some(writing_box()));
        // Its own steps, some of them provisional first, and the end of the stroke before.
        assert!((own..own + 12).contains(&added), "{added} steps for a stroke of {own} after {strokes}");
        assert!(undone < 12 && (strokes < 10 || all > 5 * own), "{undone} {all}");
    }
    // Without a box, a far point moves all others.
    let mut session = InkSession::new(&recognizer, None);
    ink(4, 20).iter().for_each(|stroke| session.add_stroke(stroke).unwrap());
    session.candidates(1).unwrap();
    let once = session.steps_run();
    session.add_points(&[Point { x: 200.0, y: 200.0 }]).unwrap();
    session.candidates(1).unwrap();
    assert!(session.steps_run() - once > once / 3);
}

#[test]
fn bad_points_change_nothing() {
    let recognizer = recognizer();
    let bad = Point { x: 1.0, y: f32::NAN };
    let mut session = InkSession::new(&recognizer, None);
    let stroke = &ink(1, 1)[0];
    session.add_stroke(stroke).unwrap();
    let want = session.candidates(3).unwrap();
    assert_eq!(session.add_stroke(&[stroke[0], bad]), Err(InkError::NonFinitePoint { stroke: 1, point: 1 }));
    assert_eq!(session.add_points(&[bad]), Err(InkError::NonFinitePoint { stroke: 0, point: stroke.len() }));
    assert_eq!((session.candidates(3).unwrap(), session.strokes().len()), (want, 1));
}

#[test]
fn models_that_do_not_recognize_ink_are_errors() {
    let needs = |model: Model| match InkRecognizer::new(model).unwrap_err() {
        RecognizerError::Unfit { needs } => needs,
        other => panic!("{other}"),
    };
    assert_eq!(needs(offline_model()), "a sequence of 6 features per step, or a multiple of 6");
    let mut model = online_model().edit();
    model.set_outputs(vec![ValueId(4); 2]);
    assert_eq!(needs(model.clone().finish().unwrap()), "one output");
    model.set_outputs(vec![ValueId(4)]);
    model.set_labels(Vec::new());
    assert_eq!(needs(model.finish().unwrap()), "a label for each class");
    let mut b = ModelBuilder::new(&[STEPS, 5]);
    linear(&mut b, &mut Rng(1), 5, CLASSES);
    b.push("mean", Op::MeanOverTime);
    assert_eq!(needs(b.finish().unwrap()), "a sequence of 6 features per step, or a multiple of 6");
    assert!(InkRecognizer::from_bytes(&online_model().to_bytes()).is_ok());
    assert_eq!(InkRecognizer::from_bytes(b"?").unwrap_err(), RecognizerError::Format(FormatError::NotAModel));
}

#[test]
fn fusing_weighs_two_answers() {
    let mut online = recognizer();
    let mut offline = Recognizer::new(offline_model()).unwrap();
    let ink = in_box(&ink(5, 6), None);
    let image = ink.render(SIZE, SIZE as f32 / 24.0).unwrap();
    let image = Image::new(&image, SIZE, SIZE, PixelFormat::Gray).unwrap();
    let of_strokes = online.probabilities(&ink).to_vec();
    let of_image = offline.probabilities(&image).unwrap().to_vec();
    let top = |probabilities: &[f32]| probabilities.iter().copied().fold(0.0, f32::max);
    assert!(top(&of_strokes) > 0.05 && top(&of_image) > 0.05, "answers worth fusing");
    for (weight, temperature) in [(0.0, 1.0), (0.3, 0.75), (1.0, 1.0)] {
        let fusion = Fusion::new(weight, temperature).unwrap();
        let mut fused = FusedRecognizer::new(online.clone(), offline.clone(), fusion).unwrap();
        let found = fused.probabilities(&ink).unwrap().to_vec();
        assert_eq!(found, fuse(&of_strokes, &of_image, fusion).unwrap());
        let (share, power) = (f64::from(weight), 1.0 / f64::from(temperature));
        let pairs = of_strokes.iter().zip(&of_image).map(|(&a, &b)| (f64::from(a), f64::from(b)));
        let products: Vec<f64> = pairs.map(|(a, b)| (a.powf(1.0 - share) * b.powf(share)).powf(power)).collect();
        let sum: f64 = products.iter().sum();
        for (found, want) in found.iter().zip(&products) {
            assert!((f64::from(*found) - want / sum).abs() < 1e-6, "{weight}: {found}");
        }
        let Candidate { character, probability, .. } = fused.recognize(&ink, 1).unwrap()[0];
        let at = fused.labels().iter().position(|&label| label == character).unwrap();
        assert_eq!((probability, probability), (found[at], top(&found)));
    }
    // A zero is only very small.
    let found = fuse(&[1.0, 0.0, 0.0], &[0.0, 0.5, 0.5], Fusion::new(0.4, 1.0).unwrap()).unwrap();
    assert!(found[0] > 0.99 && found.iter().all(|p| p.is_finite()), "{found:?}");
}

#[test]
fn a_fused_session_answers_as_the_recognizer_does_at_once() {
    let offline = Recognizer::new(offline_model()).unwrap();
    let mut fused = FusedRecognizer::new(recognizer(), offline, Fusion::default()).unwrap();
    let strokes = ink(7, 5);
    for writing_box in [None, Some(WritingBox::new(0.0, 0.0, 300.0, 300.0).unwrap())] {
        let mut session = InkSession::fused(&fused, writing_box);
        assert_eq!(session.candidates(3), Err(InkError::Empty));
        for (i, stroke) in strokes.iter().enumerate() {
            let (first, others) = stroke.split_at(stroke.len() / 2);
            session.add_stroke(first).unwrap();
            session.add_points(others).unwrap();
            if i == 2 {
                session.add_stroke(&strokes[0]).unwrap();
                session.candidates(1).unwrap();
                session.undo_stroke();
            }
            let at_once = in_box(&strokes[..=i], writing_box);
            assert_eq!(session.candidates(4).unwrap(), fused.recognize(&at_once, 4).unwrap(), "stroke {i}");
        }
        assert_eq!(session.probabilities().unwrap(), fused.probabilities(&in_box(&strokes, writing_box)).unwrap());
    }
}

#[test]
fn a_session_reads_a_palm_s_tap_as_the_recognizer_does() {
    let mut recognizer = recognizer();
    let mut strokes = ink(3, 4);
    for at in 0..=strokes.len() {
        let far = Point { x: 9000.0, y: -8000.0 };
        strokes.insert(at, vec![far; 1 + at % 2]);
        let mut session = InkSession::new(&recognizer, None);
        for i in 0..strokes.len() {
            session.add_stroke(&strokes[i]).unwrap();
            let want = recognizer.recognize(&in_box(&strokes[..=i], None), 3);
            assert_eq!(session.candidates(3).unwrap(), want, "tap at {at}, stroke {i}");
        }
        // The tap turns out to be a stroke.
        session.add_stroke(&[far]).unwrap();
        session.candidates(1).unwrap();
        session.add_points(&[Point { x: 8000.0, y: -8000.0 }]).unwrap();
        let want = recognizer.recognize(&in_box(session.strokes(), None), 3);
        assert_eq!(session.candidates(3).unwrap(), want, "tap at {at}, a stroke begun as a tap");
        strokes.remove(at);
    }
}

#[test]
fn the_online_file_says_how_to_fuse() {
    let offline = offline_model();
    let ink = in_box(&ink(5, 6), None);
    for fusion in [None, Fusion::new(0.0, 1.0), Fusion::new(0.3, 0.7)] {
        let mut online = online_model().edit();
        online.set_fusion(fusion);
        let online = online.finish().unwrap();
        let mut fused = FusedRecognizer::from_bytes(&online.to_bytes(), &offline.to_bytes()).unwrap();
        let offline = Recognizer::new(offline.clone()).unwrap();
        let mut wanted = FusedRecognizer::new(recognizer(), offline, fusion.unwrap_or_default()).unwrap();
        assert_eq!(fused.probabilities(&ink).unwrap(), wanted.probabilities(&ink).unwrap());
    }
    assert!(matches!(FusedRecognizer::from_bytes(b"PNG", b"PNG"), Err(RecognizerError::Format(_))));
}

#[test]
fn restricted_recognizers_agree_whatever_they_read() {
    let (online, offline) = (recognizer(), Recognizer::new(offline_model()).unwrap());
    let mut fused = FusedRecognizer::new(online.clone(), offline, Fusion::default()).unwrap();
    let few: Vec<char> = labels().into_iter().step_by(7).collect();
    let strokes = ink(11, 5);
    let ink = in_box(&strokes, None);

    let mut restricted = online.restricted(&few).unwrap();
    let want = restricted.recognize(&ink, CLASSES);
    let of_all = online.clone().recognize(&ink, CLASSES);
    let kept: Vec<_> = of_all.iter().filter(|c| few.contains(&c.character)).collect();
    let sum: f32 = kept.iter().map(|c| c.probability).sum();
    assert_eq!(want.len(), kept.len());
    for (want, kept) in want.iter().zip(kept) {
        assert_eq!(want.character, kept.character);
        assert!((want.probability - kept.probability / sum).abs() < 1e-5);
    }
    let mut session = InkSession::new(&restricted, None);
    strokes.iter().for_each(|stroke| session.add_stroke(stroke).unwrap());
    assert_eq!(session.candidates(CLASSES).unwrap(), want);

    let of_all = fused.recognize(&ink, CLASSES).unwrap();
    let found = fused.restricted(&few).unwrap().recognize(&ink, CLASSES).unwrap();
    let kept = of_all.iter().map(|c| c.character).filter(|c| few.contains(c));
    assert!(found.iter().map(|c| c.character).eq(kept));
    assert!((found.iter().map(|c| c.probability).sum::<f32>() - 1.0).abs() < 1e-5);
    assert_eq!(fused.restricted(&['x']).unwrap_err(), RecognizerError::UnknownCharacter { character: 'x' });
}

#[test]
fn the_image_does_not_show_the_order_of_strokes() {
    let (online, offline) = (recognizer(), Recognizer::new(offline_model()).unwrap());
    let mut fused = [0.0, 1.0].map(|weight| {
        FusedRecognizer::new(online.clone(), offline.clone(), Fusion::new(weight, 1.0).unwrap()).unwrap()
    });
    let ink = ink(6, 7);
    let shuffled: Vec<Vec<Point>> = ink.iter().rev().map(|s| s.iter().rev().copied().collect()).collect();
    let [strokes, image] = fused
        .each_mut()
        .map(|fused| [&ink, &shuffled].map(|ink| fused.recognize(&in_box(ink, None), CLASSES).unwrap()));
    assert_ne!(strokes[0], strokes[1]);
    // Drawn from its other end a line may differ by a rounding of a grey.
    for (a, b) in image[0].iter().zip(&image[1]) {
        assert!((a.probability - b.probability).abs() < 1e-3, "{a:?} {b:?}");
    }
}

#[test]
fn what_cannot_be_fused_is_an_error() {
    let offline = Recognizer::new(offline_model()).unwrap();
    let fusion = Fusion::default();
    assert_eq!(fuse(&[1.0], &[0.5, 0.5], fusion), Err(RecognizerError::DifferentLabels));
    let mut other = offline_model().edit();
    other.set_labels(labels().into_iter().rev().collect());
    let other = Recognizer::new(other.finish().unwrap()).unwrap();
    assert_eq!(FusedRecognizer::new(recognizer(), other, fusion).err(), Some(RecognizerError::DifferentLabels));

    let mut fused = FusedRecognizer::new(recognizer(), offline, fusion).unwrap();
    let dot = in_box(&[[Point { x: 3.0, y: 4.0 }]], None);
    assert_eq!(fused.recognize(&dot, 3).unwrap().len(), 3);
}

#[test]
fn a_session_takes_no_more_points_than_an_ink() {
    let recognizer = InkRecognizer::new(online_model()).unwrap();
    let mut session = InkSession::new(&recognizer, None);
    let half = vec![Point { x: 1.0, y: 2.0 }; Ink::MAX_POINTS / 2];
    session.add_stroke(&half).unwrap();
    session.add_stroke(&half[1..]).unwrap();
    session.add_points(&half[..1]).unwrap();
    let too_long = Err(InkError::TooLong { points: Ink::MAX_POINTS + 1 });
    assert_eq!(session.add_points(&half[..1]), too_long);
    assert_eq!(session.add_stroke(&[]), too_long);
    let lengths: Vec<usize> = session.strokes().iter().map(Vec::len).collect();
    assert_eq!(lengths, [half.len(); 2]);
    assert!(session.candidates(1).is_ok());
    session.undo_stroke();
    session.add_stroke(&half).unwrap();
}
