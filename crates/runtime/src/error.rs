//! Errors of plans and of their runs: each names the place and the reason.

use alloc::string::String;
use core::fmt;

/// A plan that could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlanError {
    /// The plan would need more memory than this crate grants.
    TooLarge {
        /// Name of the layer.
        layer: String,
        /// Elements wanted.
        elements: usize,
    },
    /// The wanted instruction set is not available on this CPU.
    IsaUnavailable {
        /// Its name.
        isa: &'static str,
    },
    /// There is no kernel of the wanted name.
    UnknownKernel {
        /// The name.
        kernel: String,
    },
}

/// A run of a session or a batch that failed.
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

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { layer, elements } => {
                write!(f, "layer '{layer}' needs {elements} elements, too many to plan")
            }
            Self::IsaUnavailable { isa } => write!(f, "instruction set {isa} is not available on this CPU"),
            Self::UnknownKernel { kernel } => write!(f, "there is no kernel {kernel}"),
        }
    }
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

impl core::error::Error for PlanError {}
impl core::error::Error for RunError {}
