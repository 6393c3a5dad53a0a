//! Why there is no recognizer.

use crate::compile::PlanError;
use crate::messages::messages;
use crate::model::FormatError;

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
}

messages! { RecognizerError:
    Format(error: FormatError) => "the bytes are no model file",
    Unfit { needs } => "the model is not one of this recognizer, which needs {needs}",
    Plan(error: PlanError) => "the model cannot be planned",
    UnknownCharacter { character } => "the recognizer does not know the character '{character}'",
    NoCharacters => "an answer cannot be restricted to no characters",
    DifferentLabels => "the recognizers to be fused have different labels",
}
