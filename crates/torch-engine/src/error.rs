//! What goes wrong between this process and Python.

use hccr_models::SampleError;
use std::fmt;
use std::io;
use std::process::ExitStatus;

/// Why PyTorch did not train.
#[derive(Debug)]
#[non_exhaustive]
pub enum TorchError {
    /// The interpreter cannot be started.
    Start {
        /// The interpreter.
        python: String,
        /// Why.
        source: io::Error,
    },
    /// Python raised an exception.
    Exception {
        /// Its traceback.
        traceback: String,
    },
    /// A sample cannot be read from its file.
    Sample(SampleError),
    /// Python ended without a word.
    Ended(Option<ExitStatus>),
    /// Python answered something else than asked for.
    Reply(String),
}

impl fmt::Display for TorchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start { python, source } => write!(f, "cannot start {python}: {source}"),
            Self::Exception { traceback } => write!(f, "PyTorch failed:\n{}", traceback.trim_end()),
            Self::Sample(error) => write!(f, "{error}"),
            Self::Ended(Some(status)) => write!(f, "Python ended while it trained: {status}"),
            Self::Ended(None) => write!(f, "Python closed its output while it trained"),
            Self::Reply(reason) => write!(f, "Python's answer makes no sense: {reason}"),
        }
    }
}

impl std::error::Error for TorchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Start { source, .. } => Some(source),
            Self::Sample(error) => error.source(),
            Self::Exception { .. } | Self::Ended(_) | Self::Reply(_) => None,
        }
    }
}

impl From<SampleError> for TorchError {
    fn from(error: SampleError) -> Self {
        Self::Sample(error)
    }
}
