//! Errors: each names the place (op, layer or byte) and the reason.

use alloc::string::String;
use core::fmt;

/// Why a model could not be read, or is not valid.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadError {
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
    /// The graph is not one that can run.
    InvalidModel {
        /// Name of the layer, weight or input.
        layer: String,
        /// What is wrong.
        reason: String,
    },
}

/// Why a plan could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlanError {
    /// The model is not valid.
    InvalidModel(LoadError),
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

/// Why a run failed.
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
    /// An image has no pixels, or its size does not fit the bytes given.
    InvalidImage {
        /// Width given, in pixels.
        width: usize,
        /// Height given, in pixels.
        height: usize,
        /// Bytes given.
        bytes: usize,
    },
    /// An image without ink: nothing to recognise.
    EmptyImage,
    /// A point of an ink is NaN or infinite.
    NonFinitePoint {
        /// The number of its stroke.
        stroke: usize,
        /// Its number in the stroke.
        point: usize,
    },
    /// An ink without points: nothing to recognise.
    EmptyInk,
    /// A writing box with a side that is not positive, or not finite.
    InvalidBox,
    /// Two recognisers to be fused know different characters, or the same ones in another order.
    DifferentLabels,
    /// The weight of a fusion is not from 0 to 1.
    InvalidWeight,
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAModel => write!(f, "not a model file: it does not start with the magic bytes"),
            Self::UnsupportedVersion { found } => write!(f, "model file version {found} is not supported"),
            Self::Truncated { offset, what } => write!(f, "model file ends at byte {offset} within {what}"),
            Self::Corrupt { offset, reason } => write!(f, "model file is corrupt near byte {offset}: {reason}"),
            Self::InvalidModel { layer, reason } => write!(f, "invalid model at '{layer}': {reason}"),
        }
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidModel(e) => write!(f, "{e}"),
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
            Self::InvalidImage { width, height, bytes } => {
                write!(f, "an image of {width}x{height} pixels cannot have {bytes} bytes")
            }
            Self::EmptyImage => write!(f, "the image has no ink"),
            Self::NonFinitePoint { stroke, point } => {
                write!(f, "point {point} of stroke {stroke} is NaN or infinite")
            }
            Self::EmptyInk => write!(f, "the ink has no points"),
            Self::InvalidBox => write!(f, "a writing box needs finite edges and positive sides"),
            Self::DifferentLabels => write!(f, "the recognisers to be fused have different labels"),
            Self::InvalidWeight => write!(f, "the weight of a fusion must lie from 0 to 1"),
        }
    }
}

impl core::error::Error for LoadError {}
impl core::error::Error for PlanError {}
impl core::error::Error for RunError {}

impl From<LoadError> for PlanError {
    fn from(e: LoadError) -> Self {
        Self::InvalidModel(e)
    }
}
