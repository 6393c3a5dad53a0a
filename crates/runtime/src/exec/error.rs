//! Why a run fails.

use crate::messages::messages;

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
    /// Sums overflowed: an element of the first output is NaN or infinite. Which one it is may depend on the instruction set.
    NonFiniteOutput {
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

messages! { RunError:
    InputLength { expected, found } => "the input has {found} elements, the network expects {expected}",
    OutputLength { expected, found } => "room for {found} output elements, the batch needs {expected}",
    NonFiniteInput { index } => "input element {index} is NaN or infinite",
    NonFiniteOutput { index } => "output element {index} is NaN or infinite: sums of the network overflow",
    StepLength { features, found } => "{found} elements are no whole number of steps of {features} features",
    EmptySequence => "the sequence has no steps",
    NotASequence => "the input of the network is not a sequence",
    IsASequence => "sequences make no batch, since they differ in length; give each thread a session",
    ForeignState => "the saved state belongs to another network",
}
