//! Why a run fails.

use core::fmt;

/// A run of a session or a batch that failed.
///
/// ```
/// use hccr_runtime::{ModelBuilder, Op, Plan, RunError, Session};
///
/// let mut network = ModelBuilder::new(&[3]);
/// network.push("softmax", Op::Softmax);
/// let mut session = Session::new(Plan::new(&network.finish()?)?.into());
/// assert_eq!(session.run(&[1.0]), Err(RunError::InputLength { expected: 3, found: 1 }));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunError {
    /// An input has another number of elements than the network expects.
    InputLength {
        /// Elements that the network expects.
        expected: usize,
        /// Elements given.
        found: usize,
    },
    /// Another number of output elements than a batch needs.
    OutputLength {
        /// Elements that it needs.
        expected: usize,
        /// Elements given.
        found: usize,
    },
    /// An input element is NaN or infinite.
    NonFiniteInput {
        /// Its index.
        index: usize,
    },
    /// The elements given are no whole number of a sequence's steps.
    StepLength {
        /// Features of a step.
        features: usize,
        /// Elements given.
        found: usize,
    },
    /// A sequence without steps: nothing to answer.
    EmptySequence,
    /// The plan's input is not a sequence.
    NotASequence,
    /// The plan's input is a sequence, of which there are no batches.
    IsASequence,
    /// A saved state belongs to another plan.
    ForeignState,
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InputLength { expected, found } => {
                write!(f, "the input has {found} elements, the network expects {expected}")
            }
            Self::OutputLength { expected, found } => {
                write!(f, "room for {found} output elements, the batch needs {expected}")
            }
            Self::NonFiniteInput { index } => write!(f, "input element {index} is NaN or infinite"),
            Self::StepLength { features, found } => {
                write!(f, "{found} elements are no whole number of steps of {features} features")
            }
            Self::EmptySequence => write!(f, "the sequence has no steps"),
            Self::NotASequence => write!(f, "the input of the network is not a sequence"),
            Self::IsASequence => {
                write!(f, "sequences make no batch, since they differ in length; give each thread a session")
            }
            Self::ForeignState => write!(f, "the saved state belongs to another network"),
        }
    }
}

impl core::error::Error for RunError {}
