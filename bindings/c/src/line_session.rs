//! Several characters that are read while they are written.

use crate::arguments::{Candidate, Point, WritingBox, fill, given, points};
use crate::border::{Status, border};
use crate::recognizer::{Kind, Recognizer, hand_over, reads_images};
use std::ffi::c_char;
use std::mem::MaybeUninit;

/// The strokes of several characters while they are written, side by side from left to right or over each other, and their
/// reading.
#[derive(Debug)]
pub struct LineSession(hccr::LineSession);

/// The most candidates of a segment.
pub const SEGMENT_CANDIDATES: usize = 10;
const _: () = assert!(SEGMENT_CANDIDATES == hccr::LineSession::CANDIDATES);

/// A character of a line.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    /// The number of its first stroke, counted from 0.
    pub first_stroke: usize,
    /// The strokes from there that are its own.
    pub stroke_count: usize,
    /// The bounding box of its points, in their unit; sides may be 0.
    pub bounds: WritingBox,
    /// The likeliest characters, the likeliest first.
    pub candidates: [Candidate; SEGMENT_CANDIDATES],
    /// How many there are; none where a stroke is too long for a character.
    pub candidate_count: usize,
    /// No stroke that is still to come can change the segment.
    pub is_stable: bool,
}

impl From<&hccr::Segment> for Segment {
    fn from(segment: &hccr::Segment) -> Self {
        let mut candidates = [Candidate { codepoint: 0, probability: 0.0, utf8: [0 as c_char; 8] }; SEGMENT_CANDIDATES];
        for (place, candidate) in candidates.iter_mut().zip(&segment.candidates) {
            *place = candidate.into();
        }
        let &hccr::Segment { left, top, right, bottom, is_stable, .. } = segment;
        Self {
            first_stroke: segment.strokes.start,
            stroke_count: segment.strokes.len(),
            bounds: WritingBox { left, top, width: right - left, height: bottom - top },
            candidates,
            candidate_count: segment.candidates.len().min(SEGMENT_CANDIDATES),
            is_stable,
        }
    }
}

/// Begins a line of characters, for an online or a fused recognizer. Nobody needs to say where a character ends.
#[unsafe(no_mangle)]
pub extern "C" fn hccr_line_session_new(
    recognizer: Option<&Recognizer>,
    session: Option<&mut MaybeUninit<*mut LineSession>>,
) -> Status {
    border(|| {
        hand_over(given(session, "session")?, || match &given(recognizer, "recognizer")?.0 {
            Kind::Offline(_) => Err(reads_images()),
            Kind::Online(recognizer) => Ok(LineSession(hccr::LineSession::new(recognizer))),
            Kind::Fused(recognizer) => Ok(LineSession(hccr::LineSession::fused(recognizer))),
        })
    })
}

/// Frees a session. NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn hccr_line_session_free(session: Option<Box<LineSession>>) {
    border(|| {
        drop(session);
        Ok(())
    });
}

/// The pen has landed: begins a stroke with `count` points. `hccr_line_session_add_points` may go on with it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hccr_line_session_add_stroke(
    session: Option<&mut LineSession>,
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
pub unsafe extern "C" fn hccr_line_session_add_points(
    session: Option<&mut LineSession>,
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
pub extern "C" fn hccr_line_session_undo_stroke(session: Option<&mut LineSession>) -> Status {
    border(|| {
        given(session, "session")?.0.undo_stroke();
        Ok(())
    })
}

/// Takes all strokes back, for the next line.
#[unsafe(no_mangle)]
pub extern "C" fn hccr_line_session_clear(session: Option<&mut LineSession>) -> Status {
    border(|| {
        let session = given(session, "session")?;
        while session.0.undo_stroke().is_some() {}
        Ok(())
    })
}

/// The characters of the line so far, in the order they were written: writes the first `capacity` of them, and their number in all
/// into `count`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hccr_line_session_segments(
    session: Option<&mut LineSession>,
    segments: *mut Segment,
    capacity: usize,
    count: Option<&mut MaybeUninit<usize>>,
) -> Status {
    border(|| {
        let count = given(count, "count")?;
        count.write(0);
        let found = given(session, "session")?.0.segments()?;
        // SAFETY: the caller of this function promises it.
        unsafe { fill(found.iter().map(Segment::from), segments, capacity, "segments") }?;
        count.write(found.len());
        Ok(())
    })
}
