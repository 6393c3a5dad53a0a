//! Why a release file could not be imported.

use hccr_runtime::ModelError;
use std::fmt;

/// Why the bytes are not the thesis's released network. Offsets count bytes from the start of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScutError {
    /// The file is larger than any file of this format that the importer reads.
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The largest that is read.
        max_bytes: usize,
    },
    /// The bytes end before `what` is complete.
    Truncated {
        /// Where `what` begins.
        offset: usize,
        /// Name of the section, as far as it is known.
        section: String,
        /// What was being read.
        what: &'static str,
    },
    /// The bytes contradict themselves, or describe something other than the released network's layers.
    Invalid {
        /// Where the wrong item begins.
        offset: usize,
        /// Name of the section, as far as it is known.
        section: String,
        /// What is wrong.
        reason: String,
    },
    /// The sections are well-formed, the network that they describe is not.
    Model(ModelError),
}

impl fmt::Display for ScutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes, max_bytes } => {
                write!(f, "not the released network: {bytes} bytes, at most {max_bytes} are read")
            }
            Self::Truncated { offset, section, what } => {
                write!(
                    f,
                    "section '{section}' ends within {what}, which begins at byte {offset}: the file is cut short"
                )
            }
            Self::Invalid { offset, section, reason } => write!(f, "section '{section}', byte {offset}: {reason}"),
            Self::Model(e) => write!(f, "{e}"),
        }
    }
}

impl std::error::Error for ScutError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Model(e) => Some(e),
            _ => None,
        }
    }
}

impl From<ModelError> for ScutError {
    fn from(e: ModelError) -> Self {
        Self::Model(e)
    }
}
