//! Pen strokes that are read while they are written.

use crate::error::error;
use crate::ink::{Rectangle, in_box, points, writing_box};
use crate::recognizers::{AnyInkRecognizer, Candidate, candidates};
use hccr::ink::{Ink, InkError, Point, WritingBox};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The strokes of one character while they are written.
///
/// recognizer: an InkRecognizer or a FusedRecognizer.
/// writing_box: the box that is written in, (left, top, width, height); without it, the bounding box of the strokes so far. With
/// a box, an InkRecognizer does work for new points alone.
#[pyclass(frozen, module = "hccr")]
pub(crate) struct InkSession(Mutex<Reader>);

enum Reader {
    /// Runs for new points alone, where it can.
    Online(hccr::InkSession),
    /// Reads all strokes anew for each answer.
    Fused { recognizer: hccr::FusedRecognizer, writing_box: Option<WritingBox>, strokes: Vec<Vec<Point>> },
}

#[pymethods]
impl InkSession {
    #[new]
    #[pyo3(signature = (recognizer, *, writing_box=None))]
    fn new(recognizer: AnyInkRecognizer<'_>, writing_box: Option<Rectangle>) -> PyResult<Self> {
        let writing_box = self::writing_box(writing_box)?;
        Ok(Self(Mutex::new(match recognizer {
            AnyInkRecognizer::Online(recognizer) => {
                Reader::Online(hccr::InkSession::new(recognizer.0.original(), writing_box))
            }
            AnyInkRecognizer::Fused(recognizer) => {
                Reader::Fused { recognizer: recognizer.0.original().clone(), writing_box, strokes: Vec::new() }
            }
        })))
    }

    /// The pen has landed: begins a stroke with these points, to which `add_points` may add.
    fn add_stroke(&self, py: Python<'_>, points: &Bound<'_, PyAny>) -> PyResult<()> {
        let points = self::points(points)?;
        match &mut *self.lock(py) {
            Reader::Online(session) => session.add_stroke(&points).map_err(error)?,
            Reader::Fused { strokes, .. } => *strokes = checked([&strokes[..], &[points]].concat()).map_err(error)?,
        }
        Ok(())
    }

    /// The pen has moved: goes on with the last stroke, or begins the first.
    fn add_points(&self, py: Python<'_>, points: &Bound<'_, PyAny>) -> PyResult<()> {
        let points = self::points(points)?;
        match &mut *self.lock(py) {
            Reader::Online(session) => session.add_points(&points).map_err(error)?,
            Reader::Fused { strokes, .. } => {
                let mut longer = strokes.clone();
                match longer.last_mut() {
                    Some(stroke) => stroke.extend(points),
                    None => longer.push(points),
                }
                *strokes = checked(longer).map_err(error)?;
            }
        }
        Ok(())
    }

    /// Takes the last stroke back. Without strokes it does nothing.
    fn undo_stroke(&self, py: Python<'_>) {
        self.lock(py).undo_stroke();
    }

    /// Takes all strokes back, for the next character.
    fn clear(&self, py: Python<'_>) {
        let mut reader = self.lock(py);
        while reader.undo_stroke() {}
    }

    /// The `top` likeliest characters of the strokes so far, as the recognizer's `read` finds them.
    ///
    /// Raises hccr.Error before the first point.
    #[pyo3(signature = (top=10))]
    fn candidates(&self, py: Python<'_>, top: usize) -> PyResult<Vec<Candidate>> {
        py.detach(|| {
            let mut reader = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match &mut *reader {
                Reader::Online(session) => session.candidates(top).map(candidates).map_err(error),
                Reader::Fused { recognizer, writing_box, strokes } => {
                    let ink = in_box(strokes, *writing_box)?;
                    recognizer.recognize(&ink, top).map(candidates).map_err(error)
                }
            }
        })
    }
}

impl InkSession {
    /// Waits without the interpreter: another thread may need it to end its turn.
    fn lock(&self, py: Python<'_>) -> MutexGuard<'_, Reader> {
        self.0.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader {
    /// Whether there was a stroke to take back.
    fn undo_stroke(&mut self) -> bool {
        match self {
            Self::Online(session) => session.undo_stroke().is_some(),
            Self::Fused { strokes, .. } => strokes.pop().is_some(),
        }
    }
}

/// The strokes of an ink that is not finished, where they could be one.
fn checked(strokes: Vec<Vec<Point>>) -> Result<Vec<Vec<Point>>, InkError> {
    match Ink::new(&strokes) {
        Ok(_) | Err(InkError::Empty) => Ok(strokes),
        Err(error) => Err(error),
    }
}
