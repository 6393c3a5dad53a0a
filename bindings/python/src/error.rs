//! What Python is told when something is wrong.

use hccr::RecognizerError;
use hccr_picture::{PictureError, PictureReason};
use pyo3::PyErr;
use pyo3::exceptions::PyValueError;
use std::fmt::Display;
use std::io;

pyo3::create_exception!(
    hccr,
    Error,
    PyValueError,
    "What cannot be read: an image without ink, an ink without points, a file that is no picture or no model."
);

pub(crate) fn error(reason: impl Display) -> PyErr {
    Error::new_err(reason.to_string())
}

/// As Python's own error of the file system, `FileNotFoundError` for one.
pub(crate) fn file_error(kind: io::ErrorKind, message: impl Display) -> PyErr {
    io::Error::new(kind, message.to_string()).into()
}

pub(crate) fn recognizer_error(reason: RecognizerError) -> PyErr {
    match std::error::Error::source(&reason) {
        Some(source) => error(format!("{reason}: {source}")),
        None => error(reason),
    }
}

pub(crate) fn picture_error(reason: PictureError) -> PyErr {
    match &reason.reason {
        PictureReason::Io(source) => file_error(source.kind(), &reason),
        _ => error(reason),
    }
}
