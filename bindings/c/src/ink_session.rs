//! Pen strokes that are read while they are written.

use crate::arguments::{Candidate, Point, WritingBox, convert, given, in_box, points};
use crate::border::{Failure, Status, border};
use crate::recognizer::{Kind, Recognizer, answer, hand_over, reads_images};
use hccr::FusedRecognizer;
use hccr::ink::{self, Ink};
use std::mem::MaybeUninit;

/// The strokes of one character while they are written, and their reading.
#[derive(Debug)]
pub struct InkSession(Reader);

#[derive(Debug)]
enum Reader {
    /// Runs for new points alone, where it can.
    Online(hccr::InkSession),
    /// Reads all strokes anew for each answer.
    Fused { recognizer: FusedRecognizer, writing_box: Option<ink::WritingBox>, strokes: Vec<Vec<ink::Point>> },
}

impl InkSession {
    fn new(recognizer: &Recognizer, writing_box: Option<ink::WritingBox>) -> Result<Self, Failure> {
        Ok(Self(match &recognizer.0 {
            Kind::Offline(_) => return Err(reads_images()),
            Kind::Online(recognizer) => Reader::Online(hccr::InkSession::new(recognizer, writing_box)),
            Kind::Fused(recognizer) => {
                Reader::Fused { recognizer: recognizer.clone(), writing_box, strokes: Vec::new() }
            }
        }))
    }

    fn add_stroke(&mut self, points: Vec<ink::Point>) -> Result<(), Failure> {
        match &mut self.0 {
            Reader::Online(session) => session.add_stroke(&points)?,
            Reader::Fused { strokes, .. } => *strokes = checked([&strokes[..], &[points]].concat())?,
        }
        Ok(())
    }

    fn add_points(&mut self, points: Vec<ink::Point>) -> Result<(), Failure> {
        match &mut self.0 {
            Reader::Online(session) => session.add_points(&points)?,
            Reader::Fused { strokes, .. } => {
                let mut longer = strokes.clone();
                match longer.last_mut() {
                    Some(stroke) => stroke.extend(points),
                    None => longer.push(points),
                }
                *strokes = checked(longer)?;
            }
        }
        Ok(())
    }

    /// Whether there was a stroke to take back.
    fn undo_stroke(&mut self) -> bool {
        match &mut self.0 {
            Reader::Online(session) => session.undo_stroke().is_some(),
            Reader::Fused { strokes, .. } => strokes.pop().is_some(),
        }
    }

    fn candidates(&mut self, capacity: usize) -> Result<Vec<hccr::Candidate>, Failure> {
        match &mut self.0 {
            Reader::Online(session) => Ok(session.candidates(capacity)?),
            Reader::Fused { recognizer, writing_box, strokes } => {
                Ok(recognizer.recognize(&in_box(Ink::new(strokes)?, *writing_box), capacity)?)
            }
        }
    }
}

/// The strokes of an ink that is not finished, where they could be one.
fn checked(strokes: Vec<Vec<ink::Point>>) -> Result<Vec<Vec<ink::Point>>, ink::InkError> {
    match Ink::new(&strokes) {
        Ok(_) | Err(ink::InkError::Empty) => Ok(strokes),
        Err(error) => Err(error),
    }
}

/// Begins a character, for an online or a fused recognizer. `writing_box` may be NULL: the bounding box of the strokes so far. With
/// a box, an online recognizer does work for new points alone.
#[unsafe(no_mangle)]
pub extern "C" fn hccr_ink_session_new(
    recognizer: Option<&Recognizer>,
    writing_box: Option<&WritingBox>,
    session: Option<&mut MaybeUninit<*mut InkSession>>,
) -> Status {
    border(|| {
        hand_over(given(session, "session")?, || {
            InkSession::new(given(recognizer, "recognizer")?, convert(writing_box)?)
        })
    })
}

/// Frees a session. NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn hccr_ink_session_free(session: Option<Box<InkSession>>) {
    border(|| {
        drop(session);
        Ok(())
    });
}

/// The pen has landed: begins a stroke with `count` points. `hccr_ink_session_add_points` may go on with it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hccr_ink_session_add_stroke(
    session: Option<&mut InkSession>,
    points: *const Point,
    count: usize,
) -> Status {
    border(|| {
        // SAFETY: the caller of this function promises it.
        let points = unsafe { self::points(points, count) }?;
        given(session, "session")?.add_stroke(points)
    })
}

/// The pen has moved: goes on with the last stroke, or begins the first.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hccr_ink_session_add_points(
    session: Option<&mut InkSession>,
    points: *const Point,
    count: usize,
) -> Status {
    border(|| {
        // SAFETY: the caller of this function promises it.
        let points = unsafe { self::points(points, count) }?;
        given(session, "session")?.add_points(points)
    })
}

/// Takes the last stroke back. Without strokes it does nothing.
#[unsafe(no_mangle)]
pub extern "C" fn hccr_ink_session_undo_stroke(session: Option<&mut InkSession>) -> Status {
    border(|| {
        given(session, "session")?.undo_stroke();
        Ok(())
    })
}

/// Takes all strokes back, for the next character.
#[unsafe(no_mangle)]
pub extern "C" fn hccr_ink_session_clear(session: Option<&mut InkSession>) -> Status {
    border(|| {
        let session = given(session, "session")?;
        while session.undo_stroke() {}
        Ok(())
    })
}

/// The likeliest characters of the strokes so far, as `hccr_read_ink` finds them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hccr_ink_session_candidates(
    session: Option<&mut InkSession>,
    candidates: *mut Candidate,
    capacity: usize,
    count: Option<&mut MaybeUninit<usize>>,
) -> Status {
    // SAFETY: the caller of this function promises it.
    unsafe { answer(|| given(session, "session")?.candidates(capacity), candidates, capacity, count) }
}
