//! Why a model could not be exported.

use std::fmt;

/// Why a model could not be exported.
#[derive(Debug)]
#[non_exhaustive]
pub enum ExportError {
    /// The export knows nothing of an operation.
    Unsupported {
        /// Name of the layer.
        layer: String,
        /// The operation.
        op: &'static str,
    },
    /// The tensors could not be written as safetensors.
    Safetensors(safetensors::SafeTensorError),
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported { layer, op } => write!(f, "layer '{layer}': the operation {op} cannot be exported"),
            Self::Safetensors(e) => write!(f, "could not write safetensors: {e}"),
        }
    }
}

impl std::error::Error for ExportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Safetensors(e) => Some(e),
            Self::Unsupported { .. } => None,
        }
    }
}

impl From<safetensors::SafeTensorError> for ExportError {
    fn from(e: safetensors::SafeTensorError) -> Self {
        Self::Safetensors(e)
    }
}
