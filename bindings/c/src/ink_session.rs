//! Pen strokes that are read while they are written.

use crate::arguments::{Candidate, Point, WritingBox, convert, given, points};
use crate::border::{Failure, Status, border};
use crate::recognizer::{Kind, Recognizer, answer, hand_over, reads_images};
use hccr::ink;
use std::mem::MaybeUninit;

/// The strokes of one character while they are written, and their reading.
#[derive(Debug)]
pub struct InkSession(hccr::InkSession);

impl InkSession {
    fn new(recognizer: &Recognizer, writing_box: Option<ink::WritingBox>) -> Result<Self, Failure> {
        Ok(Self(match &recognizer.0 {
            Kind::Offline(_) => return Err(reads_images()),
            Kind::Online(recognizer) => hccr::InkSession::new(recognizer, writing_box),
            Kind::Fused(recognizer) => hccr::InkSession::fused(recognizer, writing_box),
        }))
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
        Ok(given(session, "session")?.0.add_stroke(&points)?)
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
        Ok(given(session, "session")?.0.add_points(&points)?)
    })
}

/// Takes the last stroke back. Without strokes it does nothing.
#[unsafe(no_mangle)]
pub extern "C" fn hccr_ink_session_undo_stroke(session: Option<&mut InkSession>) -> Status {
    border(|| {
        given(session, "session")?.0.undo_stroke();
        Ok(())
    })
}

/// Takes all strokes back, for the next character.
#[unsafe(no_mangle)]
pub extern "C" fn hccr_ink_session_clear(session: Option<&mut InkSession>) -> Status {
    border(|| {
        let session = given(session, "session")?;
        while session.0.undo_stroke().is_some() {}
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
    unsafe { answer(|| Ok(given(session, "session")?.0.candidates(capacity)?), candidates, capacity, count) }
}
