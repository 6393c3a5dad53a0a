//! What is wrong with a graph, or with the bytes of a model file.

use crate::messages::messages;
use alloc::string::String;
use core::fmt;

/// A graph that is not valid: an operation does not fit what it reads, a weight contradicts itself, a value is missing.
///
/// ```
/// use hccr_runtime::{ModelBuilder, Op};
///
/// let mut network = ModelBuilder::new(&[1, 96, 96]);
/// network.push("probabilities", Op::Softmax);
/// let error = network.finish().unwrap_err();
/// assert_eq!(error.place, "probabilities");
/// assert_eq!(error.reason, "Softmax: input shape 1x96x96 is not a vector");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelError {
    /// Name of the layer or weight, or which of the inputs, outputs and labels.
    pub place: String,
    /// What is wrong.
    pub reason: String,
}

impl ModelError {
    pub(crate) fn new(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { place: place.into(), reason: reason.into() }
    }
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid model at '{}': {}", self.place, self.reason)
    }
}

impl core::error::Error for ModelError {}

/// Bytes that are no model file.
///
/// ```
/// use hccr_runtime::{FormatError, Model};
///
/// assert_eq!(Model::from_bytes(b"PNG").unwrap_err(), FormatError::NotAModel);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FormatError {
    /// The bytes do not start with the magic of a model file.
    NotAModel,
    /// The file has a version that this crate does not read.
    UnsupportedVersion {
        /// The version found.
        found: u32,
    },
    /// The bytes end before `what` is complete.
    Truncated {
        /// Byte offset at which more was expected.
        offset: usize,
        /// What was being read.
        what: &'static str,
    },
    /// The bytes contradict themselves.
    Corrupt {
        /// Byte offset near the contradiction.
        offset: usize,
        /// What is wrong.
        reason: String,
    },
    /// The weights take more memory than the caller's [`Limits`](crate::Limits) grant.
    TooLarge {
        /// Bytes that they may take.
        limit: usize,
    },
    /// The bytes hold a graph that is not valid.
    InvalidModel(ModelError),
}

messages! { FormatError:
    NotAModel => "not a model file: it does not start with the magic bytes",
    UnsupportedVersion { found } => "model file version {found} is not supported",
    Truncated { offset, what } => "model file ends at byte {offset} within {what}",
    Corrupt { offset, reason } => "model file is corrupt near byte {offset}: {reason}",
    TooLarge { limit } => "the weights of the model file take more than the limit of {limit} bytes",
    InvalidModel(error: ModelError) => "the model file holds a graph that is not valid",
}
