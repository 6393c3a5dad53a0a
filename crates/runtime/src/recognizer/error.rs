//! Why there is no recognizer.

use crate::compile::PlanError;
use crate::model::FormatError;
use core::fmt;

/// A recognizer that could not be made.
///
/// ```
/// use hccr_runtime::{FormatError, Recognizer, RecognizerError};
///
/// let error = Recognizer::from_bytes(b"PNG").unwrap_err();
/// assert_eq!(error, RecognizerError::Format(FormatError::NotAModel));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecognizerError {
    /// The bytes are no model file.
    Format(FormatError),
    /// The model is not one of such a recognizer.
    Unfit {
        /// What the recognizer needs.
        needs: &'static str,
    },
    /// The model cannot be planned.
    Plan(PlanError),
    /// A character to restrict the answer to is not one of the recognizer's labels.
    UnknownCharacter {
        /// The character.
        character: char,
    },
    /// There is no character to restrict the answer to.
    NoCharacters,
    /// Two recognizers to be fused know different characters, or the same ones in another order.
    DifferentLabels,
    /// The weight of a fusion is not from 0 to 1.
    Weight,
}

impl fmt::Display for RecognizerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format(_) => write!(f, "the bytes are no model file"),
            Self::Unfit { needs } => write!(f, "the model is not one of this recognizer, which needs {needs}"),
            Self::Plan(_) => write!(f, "the model cannot be planned"),
            Self::UnknownCharacter { character } => {
                write!(f, "the recognizer does not know the character '{character}'")
            }
            Self::NoCharacters => write!(f, "an answer cannot be restricted to no characters"),
            Self::DifferentLabels => write!(f, "the recognizers to be fused have different labels"),
            Self::Weight => write!(f, "the weight of a fusion must lie from 0 to 1"),
        }
    }
}

impl core::error::Error for RecognizerError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Format(error) => Some(error),
            Self::Plan(error) => Some(error),
            _ => None,
        }
    }
}

impl From<FormatError> for RecognizerError {
    fn from(error: FormatError) -> Self {
        Self::Format(error)
    }
}

impl From<PlanError> for RecognizerError {
    fn from(error: PlanError) -> Self {
        Self::Plan(error)
    }
}
