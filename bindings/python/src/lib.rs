//! The Python module `hccr`, as `hccr.pyi` declares it.
#![forbid(unsafe_code)]

mod error;
mod image;
mod ink;
mod ink_session;
mod line_session;
mod pool;
mod recognizers;

use pyo3::prelude::*;

/// Reads handwritten Chinese characters, from images of one, and from pen strokes of one or of several.
///
/// >>> import hccr
/// >>> hccr.Recognizer().read("character.png", top=3)
#[pymodule(name = "hccr")]
mod module {
    #[pymodule_export]
    use super::error::Error;
    #[pymodule_export]
    use super::ink_session::InkSession;
    #[pymodule_export]
    use super::line_session::{LineSession, Segment};
    #[pymodule_export]
    use super::recognizers::{Candidate, FusedRecognizer, InkRecognizer, Recognizer};
}
