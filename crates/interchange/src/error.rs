//! Why a model could not be exported.

use hccr_runtime::LoadError;
use std::fmt;

/// Why a model could not be exported.
#[derive(Debug)]
#[non_exhaustive]
pub enum ExportError {
    /// The model is not valid.
    Model(LoadError),
    /// The tensors could not be written as safetensors.
    Safetensors(safetensors::SafeTensorError),
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model(e) => write!(f, "{e}"),
            Self::Safetensors(e) => write!(f, "could not write safetensors: {e}"),
        }
    }
}

impl std::error::Error for ExportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Model(e) => Some(e),
            Self::Safetensors(e) => Some(e),
        }
    }
}

impl From<LoadError> for ExportError {
    fn from(e: LoadError) -> Self {
        Self::Model(e)
    }
}

impl From<safetensors::SafeTensorError> for ExportError {
    fn from(e: safetensors::SafeTensorError) -> Self {
        Self::Safetensors(e)
    }
}
