//! Where errors and panics end.

use hccr::RecognizerError;
use hccr::image::ImageError;
use hccr::ink::InkError;
use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What came of a call.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// All is well.
    Ok = 0,
    /// A pointer is NULL, a length or a format is impossible, a text is no UTF-8, or the recognizer is of another kind.
    Argument = 1,
    /// The bytes are no model file, or not one of such a recognizer.
    Model = 2,
    /// There is nothing to read: the image has no ink, or the ink no points.
    Empty = 3,
    /// An error of the library's own. Please report it; free the handle that was used.
    Internal = 4,
}

/// An error on its way to the caller.
#[derive(Debug)]
pub(crate) struct Failure {
    status: Status,
    message: String,
}

impl Failure {
    pub(crate) fn argument(message: impl Display) -> Self {
        Self { status: Status::Argument, message: message.to_string() }
    }
}

impl From<ImageError> for Failure {
    fn from(error: ImageError) -> Self {
        let status = if error == ImageError::Empty { Status::Empty } else { Status::Argument };
        Self { status, message: error.to_string() }
    }
}

impl From<InkError> for Failure {
    fn from(error: InkError) -> Self {
        let status = if error == InkError::Empty { Status::Empty } else { Status::Argument };
        Self { status, message: error.to_string() }
    }
}

impl From<RecognizerError> for Failure {
    fn from(error: RecognizerError) -> Self {
        let status = match error {
            RecognizerError::UnknownCharacter { .. } | RecognizerError::NoCharacters => Status::Argument,
            _ => Status::Model,
        };
        let reason = std::error::Error::source(&error).map(|reason| format!(": {reason}")).unwrap_or_default();
        Self { status, message: format!("{error}{reason}") }
    }
}

thread_local! {
    static MESSAGE: RefCell<CString> = RefCell::default();
}

/// Runs the body of a function that C calls.
pub(crate) fn border(body: impl FnOnce() -> Result<(), Failure>) -> Status {
    // After a panic only the handle in use may be in disorder, never its memory: its owner is told to free it.
    let result = catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        // Dropping what was thrown may throw again.
        std::mem::forget(panic);
        Err(Failure { status: Status::Internal, message: "an error of the library's own".into() })
    });
    let Err(failure) = result else { return Status::Ok };
    let message = CString::new(failure.message.replace('\0', " ")).unwrap_or_default();
    // There is no message left to set where a thread ends.
    _ = MESSAGE.try_with(|last| last.replace(message));
    failure.status
}

/// What went wrong in the last call on this thread that failed, in English; "" before the first. The text stands until another
/// call fails on this thread, or it ends.
#[unsafe(no_mangle)]
pub extern "C" fn hccr_message() -> *const c_char {
    MESSAGE.try_with(|message| message.borrow().as_ptr()).unwrap_or(c"".as_ptr())
}
