//! The Python module `hccr`, as `hccr.pyi` declares it.
#![forbid(unsafe_code)]

mod error;
mod image;
mod ink;
mod ink_session;
mod pool;
mod recognizers;

use pyo3::prelude::*;

/// Reads handwritten Chinese characters, one at a time: from images, and from pen strokes.
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
    use super::recognizers::{Candidate, FusedRecognizer, InkRecognizer, Recognizer};
}
