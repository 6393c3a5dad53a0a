//! Someone who never stops writing: a million points into one session take no more memory than the most that an ink may have, and the
//! session answers on. Memory is measured.

mod common;
#[path = "common/memory.rs"]
mod memory;

use common::ink::online_model;
use hccr_runtime::ink::{Ink, InkError, Point, WritingBox};
use hccr_runtime::{InkRecognizer, InkSession, LineSession};
use memory::measured;
use std::time::Instant;

const POINTS: usize = 1_000_000;

/// The most that a session may have at one time; docs/security.md names it.
const MOST: usize = 16 << 20;

/// Writes a million points, one by one, in strokes of `length` points: from one side of the box to the other and back, which makes the
/// most time steps. After every `asked` points an answer is wanted. Gives how many points were taken.
fn write<S>(
    session: &mut S,
    [length, asked]: [usize; 2],
    add: impl Fn(&mut S, Point, bool) -> Result<(), InkError>,
    ask: impl Fn(&mut S),
) -> usize {
    let mut taken = 0;
    for i in 0..POINTS {
        let point = Point { x: (i % 2 * 100) as f32, y: (i % 1000) as f32 / 10.0 };
        match add(session, point, i % length == 0) {
            Ok(()) => taken += 1,
            Err(InkError::TooLong { .. } | InkError::TooManyStrokes) => {}
            Err(other) => panic!("{other}"),
        }
        if i % asked == asked - 1 {
            ask(session);
        }
    }
    taken
}

/// Holds what a session takes to [`MOST`].
fn hold<T>(name: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let (result, most) = measured(work);
    println!("{name}: {most} bytes, {:.1} s", start.elapsed().as_secs_f64());
    assert!(most <= MOST, "{name}: {most} bytes");
    result
}

#[test]
fn an_ink_that_never_ends() {
    let recognizer = InkRecognizer::new(online_model()).unwrap();
    let frame = WritingBox::new(0.0, 0.0, 100.0, 100.0).unwrap();
    let add = |session: &mut InkSession, point, begins| {
        if begins { session.add_stroke(&[point]) } else { session.add_points(&[point]) }
    };
    for [length, asked] in [[POINTS, 1000], [POINTS, POINTS], [16, 1000], [1, 1000]] {
        let taken = hold(&format!("ink, {length} points per stroke, {asked} per answer"), || {
            let mut session = InkSession::new(&recognizer, Some(frame));
            let ask = |session: &mut InkSession| assert_eq!(session.candidates(3).unwrap().len(), 3);
            write(&mut session, [length, asked], add, ask)
        });
        assert_eq!(taken, Ink::MAX_POINTS);
    }
}

#[test]
fn a_line_that_never_ends() {
    let recognizer = InkRecognizer::new(online_model()).unwrap();
    let add = |session: &mut LineSession, point, begins| {
        if begins { session.add_stroke(&[point]) } else { session.add_points(&[point]) }
    };
    for [length, asked] in [[POINTS, 1000], [POINTS, POINTS], [16, 1000], [1, 1000]] {
        let taken = hold(&format!("line, {length} points per stroke, {asked} per answer"), || {
            let mut session = LineSession::new(&recognizer);
            let ask = |session: &mut LineSession| assert!(!session.segments().unwrap().is_empty());
            write(&mut session, [length, asked], add, ask)
        });
        assert_eq!(taken, if length == 1 { LineSession::MAX_STROKES } else { Ink::MAX_POINTS });
    }
}
