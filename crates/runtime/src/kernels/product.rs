//! A matrix times a vector, with or without zeros.

use super::gemv::DenseLinear;
use super::spmv::SparseLinear;
use crate::isa::Token;

/// A matrix to multiply vectors with.
pub(crate) enum Product {
    Dense(DenseLinear),
    Sparse(SparseLinear),
}

impl Product {
    /// The product with `src`, into `dst`.
    pub(crate) fn run(&self, token: Token, src: &[f32], dst: &mut [f32]) {
        match self {
            Self::Dense(linear) => token.enter(linear.kernel(src, dst)),
            Self::Sparse(linear) => token.enter(linear.kernel(src, dst)),
        }
    }

    /// Bytes of the packed weights.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Dense(linear) => linear.bytes(),
            Self::Sparse(linear) => linear.bytes(),
        }
    }

    /// The kind of kernel.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Dense(linear) => linear.kind(),
            Self::Sparse(_) => "spmv",
        }
    }
}
