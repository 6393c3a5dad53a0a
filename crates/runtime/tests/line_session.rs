//! Lines of ink, with random weights: while they are written and at once, what is stable, what it costs, hostile ink.

mod common;

use common::Rng;
use common::ink::{ink, offline_model, online_model};
use hccr_runtime::ink::{Ink, InkError, Point};
use hccr_runtime::{FusedRecognizer, Fusion, InkRecognizer, LineSession, Recognizer, Segment};

fn recognizer() -> InkRecognizer {
    InkRecognizer::new(online_model()).unwrap()
}

fn fused() -> FusedRecognizer {
    FusedRecognizer::new(recognizer(), Recognizer::new(offline_model()).unwrap(), Fusion::default()).unwrap()
}

/// Short strokes in a square of about 100; it moves to the right every few strokes, but for lines over each other.
fn line(seed: u64, strokes: usize, is_over: bool) -> Vec<Vec<Point>> {
    let mut line = ink(seed, strokes);
    for (i, stroke) in line.iter_mut().enumerate() {
        let start = stroke[0];
        let shift = if is_over { 0.0 } else { 130.0 * (i / 4) as f32 };
        stroke.iter_mut().for_each(|p| *p = Point { x: p.x - 0.7 * start.x + shift, y: p.y - 0.7 * start.y });
    }
    line
}

fn at_once(mut session: LineSession, strokes: &[Vec<Point>]) -> Result<Vec<Segment>, InkError> {
    strokes.iter().for_each(|stroke| session.add_stroke(stroke).unwrap());
    session.segments()
}

#[test]
fn segments_are_those_of_the_line_at_once() {
    let (online, fused) = (recognizer(), fused());
    let new: [&dyn Fn() -> LineSession; 2] = [&|| LineSession::new(&online), &|| LineSession::fused(&fused)];
    for (seed, (new, is_over)) in (1..).zip(new.iter().flat_map(|new| [(new, false), (new, true)])) {
        let mut rng = Rng(seed);
        let mut session = new();
        assert_eq!((session.segments(), session.text()), (Err(InkError::Empty), Err(InkError::Empty)));
        let mut strokes: Vec<Vec<Point>> = Vec::new();
        for mut stroke in line(seed, 60, is_over) {
            match rng.next() % 6 {
                0 => assert_eq!(session.undo_stroke(), strokes.pop()),
                1 if !strokes.is_empty() => {
                    session.add_points(&stroke).unwrap();
                    strokes.last_mut().unwrap().append(&mut stroke);
                }
                2 => {
                    session.add_stroke(&[]).unwrap();
                    session.add_points(&stroke[..1]).unwrap();
                    session.add_points(&stroke[1..]).unwrap();
                    strokes.push(stroke);
                }
                3 => {
                    session.add_stroke(&[]).unwrap();
                    strokes.push(Vec::new());
                }
                _ => {
                    session.add_stroke(&stroke).unwrap();
                    strokes.push(stroke);
                }
            }
            assert_eq!(session.strokes(), strokes);
            if rng.next().is_multiple_of(3) {
                let segments = session.segments();
                assert_eq!(segments, at_once(new(), &strokes));
                assert_eq!(segments, session.segments(), "asked again");
            }
        }
    }
}

#[test]
fn segments_cover_the_strokes_and_read_them() {
    let mut online = recognizer();
    let mut session = LineSession::new(&online);
    let strokes = line(5, 30, false);
    let segments = at_once(LineSession::new(&online), &strokes).unwrap();
    assert!(segments.len() > 2);
    let mut next = 0;
    for segment in &segments {
        assert_eq!(segment.strokes.start, next);
        next = segment.strokes.end;
        let own = &strokes[segment.strokes.clone()];
        assert_eq!(segment.candidates, online.recognize(&Ink::new(own).unwrap(), LineSession::CANDIDATES));
        let edge =
            |value: fn(&Point) -> f32, pick: fn(f32, f32) -> f32| own.iter().flatten().map(value).reduce(pick).unwrap();
        let edges =
            [edge(|p| p.x, f32::min), edge(|p| p.y, f32::min), edge(|p| p.x, f32::max), edge(|p| p.y, f32::max)];
        assert_eq!([segment.left, segment.top, segment.right, segment.bottom], edges);
    }
    assert_eq!(next, strokes.len());
    strokes.iter().for_each(|stroke| session.add_stroke(stroke).unwrap());
    let text: String = segments.iter().map(|segment| segment.candidates[0].character).collect();
    assert_eq!(session.text().unwrap(), text);
}

#[test]
fn what_is_stable_stays() {
    for (seed, is_over) in (1..).zip([false, true, false, true]) {
        let mut session = LineSession::new(&recognizer());
        let mut stable: Vec<Segment> = Vec::new();
        for (i, stroke) in line(seed, 120, is_over).iter().enumerate() {
            // The stroke under way may change what is around it, too.
            let (first, rest) = stroke.split_at(stroke.len().div_ceil(2));
            session.add_stroke(first).unwrap();
            for _ in 0..2 {
                let segments = session.segments().unwrap();
                assert_eq!(segments[..stable.len()], stable, "{i} strokes");
                stable = segments.into_iter().take_while(|segment| segment.is_stable).collect();
                session.add_points(rest).unwrap();
            }
        }
        let strokes = stable.last().map_or(0, |segment| segment.strokes.end);
        assert!(strokes > 20, "only {strokes} of 120 strokes are stable");
    }
}

#[test]
fn a_stroke_costs_no_more_after_many() {
    let mut session = LineSession::new(&recognizer());
    for (i, stroke) in line(3, 200, true).iter().enumerate() {
        let before = session.recognitions();
        session.add_stroke(stroke).unwrap();
        assert_eq!(session.recognitions(), before, "paid when asked");
        session.segments().unwrap();
        session.text().unwrap();
        let cost = session.recognitions() - before;
        assert!((1..=LineSession::CHARACTER_STROKES.min(i + 1)).contains(&cost), "{cost}");
    }
    let before = session.recognitions();
    (0..199).for_each(|_| assert!(session.undo_stroke().is_some()));
    session.segments().unwrap();
    assert_eq!(session.recognitions(), before);
}

#[test]
fn bad_points_change_nothing() {
    let mut session = LineSession::new(&recognizer());
    let strokes = line(1, 5, false);
    strokes.iter().for_each(|stroke| session.add_stroke(stroke).unwrap());
    let want = session.segments();
    let bad = Point { x: 1.0, y: f32::INFINITY };
    assert_eq!(session.add_stroke(&[strokes[0][0], bad]), Err(InkError::NonFinitePoint { stroke: 5, point: 1 }));
    let point = strokes[4].len();
    assert_eq!(session.add_points(&[bad]), Err(InkError::NonFinitePoint { stroke: 4, point }));
    let many = vec![Point::default(); Ink::MAX_POINTS];
    assert!(matches!(session.add_stroke(&many), Err(InkError::TooLong { .. })));
    assert!(matches!(session.add_points(&many), Err(InkError::TooLong { .. })));
    assert_eq!((session.segments(), session.strokes()), (want, &strokes[..]));
}

#[test]
fn hostile_lines_stay_within_their_limits() {
    // Dots in one place, and as many strokes as there may be.
    let mut session = LineSession::fused(&fused());
    for _ in 0..LineSession::MAX_STROKES {
        session.add_stroke(&[Point { x: 3.0, y: 3.0 }]).unwrap();
    }
    assert_eq!(session.add_stroke(&[]), Err(InkError::TooManyStrokes));
    assert_eq!(session.strokes().len(), LineSession::MAX_STROKES);
    let segments = session.segments().unwrap();
    assert_eq!(segments.iter().map(|segment| segment.strokes.len()).sum::<usize>(), LineSession::MAX_STROKES);

    // A scribble that is no character, as long as it may be: it is not recognized, and keeps nothing else from it.
    let zigzag = |i: usize| Point { x: if i.is_multiple_of(2) { -f32::MAX } else { f32::MAX }, y: i as f32 };
    let mut session = LineSession::new(&recognizer());
    session.add_stroke(&line(1, 1, true)[0]).unwrap();
    session.add_stroke(&(0..Ink::MAX_POINTS - 100).map(zigzag).collect::<Vec<_>>()).unwrap();
    session.add_stroke(&line(2, 1, true)[0]).unwrap();
    let segments = session.segments().unwrap();
    let known: Vec<bool> = segments.iter().map(|segment| !segment.candidates.is_empty()).collect();
    assert_eq!((known, session.recognitions()), (vec![true, false, true], 2));
    assert_eq!(session.text().unwrap().chars().count(), 2);

    // Points at the ends of what numbers can hold.
    let mut rng = Rng(9);
    let mut session = LineSession::new(&recognizer());
    for i in 0..60 {
        let scale = [f32::MIN_POSITIVE, 1e-30, 1.0, 1e30, f32::MAX][i % 5];
        let point = |_| Point { x: scale * rng.value(), y: scale * rng.value() };
        session.add_stroke(&(0..3).map(point).collect::<Vec<_>>()).unwrap();
    }
    assert!(session.segments().unwrap().iter().all(|segment| segment.left <= segment.right));
}
