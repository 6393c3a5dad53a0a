//! Errors.

use hccr_tensor::SvdError;
use std::fmt;

/// Why a configuration or a weight cannot be used.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum InputError {
    /// A configuration value makes no sense.
    Config {
        /// Name of the value.
        field: &'static str,
        /// What is wrong, and what it should be.
        reason: String,
    },
    /// A layer cannot be compressed as asked.
    Layer {
        /// Its name.
        layer: String,
        /// What is wrong.
        reason: String,
    },
    /// A layer's kernel has no singular value decomposition.
    Svd(SvdError),
    /// The budget is out of reach.
    OverBudget {
        /// Multiply-accumulates on non-zero weights at the highest sparsities allowed.
        nonzero_macs: u64,
        /// Non-zero weights at the highest sparsities allowed.
        nonzeros: u64,
    },
}

/// Why a compression step failed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CompressError<E> {
    /// The trainer failed.
    Trainer(E),
    /// The trainer's network and the configuration do not go together.
    Input(InputError),
}

impl InputError {
    pub(crate) fn config(field: &'static str, reason: impl Into<String>) -> Self {
        Self::Config { field, reason: reason.into() }
    }

    pub(crate) fn layer(layer: &str, reason: impl Into<String>) -> Self {
        Self::Layer { layer: layer.into(), reason: reason.into() }
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config { field, reason } => write!(f, "{field}: {reason}"),
            Self::Layer { layer, reason } => write!(f, "layer '{layer}': {reason}"),
            Self::Svd(e) => write!(f, "{e}"),
            Self::OverBudget { nonzero_macs, nonzeros } => write!(
                f,
                "the budget is out of reach: at the highest sparsities allowed, {nonzero_macs} MACs on \
                 {nonzeros} non-zero weights are left; raise the budget, or max_sparsity"
            ),
        }
    }
}

impl<E: fmt::Display> fmt::Display for CompressError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trainer(e) => write!(f, "{e}"),
            Self::Input(e) => write!(f, "{e}"),
        }
    }
}

impl std::error::Error for InputError {}

impl<E: fmt::Debug + fmt::Display> std::error::Error for CompressError<E> {}

impl From<SvdError> for InputError {
    fn from(e: SvdError) -> Self {
        Self::Svd(e)
    }
}

impl<E> From<InputError> for CompressError<E> {
    fn from(e: InputError) -> Self {
        Self::Input(e)
    }
}
