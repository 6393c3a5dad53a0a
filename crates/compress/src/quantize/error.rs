//! Why a network cannot be quantized.

use hccr_runtime::{ModelError, PlanError, RunError};
use std::fmt;

/// Why a network cannot be quantized.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QuantizeError {
    /// Its weights are so large that no valid model is left.
    Model(ModelError),
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
            Self::Model(_) => write!(f, "the model in integers is not valid"),
            Self::Plan(_) => write!(f, "the model cannot be planned"),
            Self::Run(_) => write!(f, "a sample does not fit the model"),
            Self::Sequence => write!(f, "the model reads a sequence; only models of images can be quantized"),
            Self::NoSamples => write!(f, "no samples: the ranges of a network's values are measured on some"),
            Self::Quantized { layer } => write!(f, "layer '{layer}': its values are rounded already"),
            Self::TooLarge { layer } => write!(f, "layer '{layer}': its values are too large on the samples"),
        }
    }
}

impl std::error::Error for QuantizeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Model(e) => Some(e),
            Self::Plan(e) => Some(e),
            Self::Run(e) => Some(e),
            _ => None,
        }
    }
}

impl From<ModelError> for QuantizeError {
    fn from(e: ModelError) -> Self {
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
