//! Pen strokes that are read while they are written.

use crate::error::error;
use crate::ink::{Rectangle, points, writing_box};
use crate::recognizers::{AnyInkRecognizer, Candidate, candidates};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The strokes of one character while they are written.
///
/// recognizer: an InkRecognizer or a FusedRecognizer.
/// writing_box: the box that is written in, (left, top, width, height); without it, the bounding box of the strokes so far. With
/// a box, an InkRecognizer does work for new points alone.
#[pyclass(frozen, module = "hccr")]
pub(crate) struct InkSession(Mutex<hccr::InkSession>);

#[pymethods]
impl InkSession {
    #[new]
    #[pyo3(signature = (recognizer, *, writing_box=None))]
    fn new(recognizer: AnyInkRecognizer<'_>, writing_box: Option<Rectangle>) -> PyResult<Self> {
        let writing_box = self::writing_box(writing_box)?;
        Ok(Self(Mutex::new(match recognizer {
            AnyInkRecognizer::Online(recognizer) => hccr::InkSession::new(recognizer.0.original(), writing_box),
            AnyInkRecognizer::Fused(recognizer) => hccr::InkSession::fused(recognizer.0.original(), writing_box),
        })))
    }

    /// The pen has landed: begins a stroke with these points, to which `add_points` may add.
    fn add_stroke(&self, py: Python<'_>, points: &Bound<'_, PyAny>) -> PyResult<()> {
        let points = self::points(points)?;
        self.lock(py).add_stroke(&points).map_err(error)
    }

    /// The pen has moved: goes on with the last stroke, or begins the first.
    fn add_points(&self, py: Python<'_>, points: &Bound<'_, PyAny>) -> PyResult<()> {
        let points = self::points(points)?;
        self.lock(py).add_points(&points).map_err(error)
    }

    /// Takes the last stroke back. Without strokes it does nothing.
    fn undo_stroke(&self, py: Python<'_>) {
        self.lock(py).undo_stroke();
    }

    /// Takes all strokes back, for the next character.
    fn clear(&self, py: Python<'_>) {
        let mut session = self.lock(py);
        while session.undo_stroke().is_some() {}
    }

    /// The `top` likeliest characters of the strokes so far, as the recognizer's `read` finds them.
    ///
    /// Raises hccr.Error before the first point.
    #[pyo3(signature = (top=10))]
    fn candidates(&self, py: Python<'_>, top: usize) -> PyResult<Vec<Candidate>> {
        py.detach(|| {
            let mut session = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            session.candidates(top).map(candidates).map_err(error)
        })
    }
}

impl InkSession {
    /// Waits without the interpreter: another thread may need it to end its turn.
    fn lock(&self, py: Python<'_>) -> MutexGuard<'_, hccr::InkSession> {
        self.0.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
    }
}
