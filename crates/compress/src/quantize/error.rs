//! Why a network cannot be quantised.

use hccr_runtime::{LoadError, PlanError, RunError};
use std::fmt;

/// Why a network cannot be quantised.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QuantizeError {
    /// The model is not valid, or its weights leave no valid one.
    Model(LoadError),
    /// The model cannot run.
    Plan(PlanError),
    /// The model does not take a sample.
    Run(RunError),
    /// The model reads a sequence: an LSTM's state goes through many products, of which rounding would add up.
    Sequence,
    /// There are no samples to measure ranges on.
    NoSamples,
    /// A layer reads values that are rounded already.
    Quantized {
        /// Name of the operation that rounds them.
        layer: String,
    },
    /// Values that are not finite, or so large that 256 of them cannot span their range.
    TooLarge {
        /// Name of the operation that makes them, or `input`.
        layer: String,
    },
}

impl fmt::Display for QuantizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model(e) => write!(f, "{e}"),
            Self::Plan(e) => write!(f, "{e}"),
            Self::Run(e) => write!(f, "a sample does not fit: {e}"),
            Self::Sequence => write!(f, "the model reads a sequence; only models of images can be quantised"),
            Self::NoSamples => write!(f, "no samples: the ranges of a network's values are measured on some"),
            Self::Quantized { layer } => write!(f, "layer '{layer}': its values are rounded already"),
            Self::TooLarge { layer } => write!(f, "layer '{layer}': its values are too large on the samples"),
        }
    }
}

impl std::error::Error for QuantizeError {}

impl From<LoadError> for QuantizeError {
    fn from(e: LoadError) -> Self {
        Self::Model(e)
    }
}

impl From<PlanError> for QuantizeError {
    fn from(e: PlanError) -> Self {
        Self::Plan(e)
    }
}

impl From<RunError> for QuantizeError {
    fn from(e: RunError) -> Self {
        Self::Run(e)
    }
}
