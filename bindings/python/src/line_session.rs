//! Several characters that are read while they are written.

use crate::error::error;
use crate::ink::{Rectangle, points};
use crate::recognizers::{AnyInkRecognizer, Candidate, candidates};
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The strokes of several characters while they are written, side by side from left to right or over each other. Nobody needs to
/// say where a character ends.
///
/// recognizer: an InkRecognizer, or a FusedRecognizer, which is slower, and right more often.
#[pyclass(frozen, module = "hccr")]
pub(crate) struct LineSession(Mutex<hccr::LineSession>);

/// A character of a line.
#[pyclass(frozen, get_all, module = "hccr")]
pub(crate) struct Segment {
    /// Its strokes: the number of the first, counted from 0, and of the first that is not its own.
    strokes: (usize, usize),
    /// The bounding box of its points: left, top, width, height.
    bounds: Rectangle,
    /// The likeliest characters, at most 10, the likeliest first; none where a stroke is too long for a character.
    candidates: Vec<Py<Candidate>>,
    /// No stroke that is still to come can change the segment.
    is_stable: bool,
}

#[pymethods]
impl Segment {
    fn __repr__(&self) -> String {
        let best = self.candidates.first().map_or(' ', |candidate| candidate.get().character);
        format!("Segment({best}, strokes={:?}, is_stable={})", self.strokes, self.is_stable)
    }
}

fn segment(py: Python<'_>, found: hccr::Segment) -> PyResult<Segment> {
    let hccr::Segment { strokes, left, top, right, bottom, is_stable, candidates: likeliest, .. } = found;
    let likeliest: PyResult<_> = candidates(likeliest).into_iter().map(|candidate| Py::new(py, candidate)).collect();
    Ok(Segment {
        strokes: (strokes.start, strokes.end),
        bounds: (left, top, right - left, bottom - top),
        candidates: likeliest?,
        is_stable,
    })
}

#[pymethods]
impl LineSession {
    #[new]
    fn new(recognizer: AnyInkRecognizer<'_>) -> Self {
        Self(Mutex::new(match recognizer {
            AnyInkRecognizer::Online(recognizer) => hccr::LineSession::new(recognizer.0.original()),
            AnyInkRecognizer::Fused(recognizer) => hccr::LineSession::fused(recognizer.0.original()),
        }))
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

    /// Takes all strokes back, for the next line.
    fn clear(&self, py: Python<'_>) {
        let mut session = self.lock(py);
        while session.undo_stroke().is_some() {}
    }

    /// The characters of the line so far, in the order they were written.
    ///
    /// Raises hccr.Error before the first point.
    fn segments(&self, py: Python<'_>) -> PyResult<Vec<Segment>> {
        let found = py.detach(|| self.0.lock().unwrap_or_else(PoisonError::into_inner).segments()).map_err(error)?;
        found.into_iter().map(|one| segment(py, one)).collect()
    }

    /// The likeliest character of each segment.
    ///
    /// Raises as `segments`.
    fn text(&self, py: Python<'_>) -> PyResult<String> {
        py.detach(|| self.0.lock().unwrap_or_else(PoisonError::into_inner).text()).map_err(error)
    }
}

impl LineSession {
    /// Waits without the interpreter: another thread may need it to end its turn.
    fn lock(&self, py: Python<'_>) -> MutexGuard<'_, hccr::LineSession> {
        self.0.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner)
    }
}
