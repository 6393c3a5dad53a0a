//! Kernels for numbers.

mod activation;
pub(crate) mod bspmm;
pub(crate) mod conv;
pub(crate) mod conv_pool;
pub(crate) mod gemv;
mod labels;
pub(crate) mod lstm;
pub(crate) mod over_time;
pub(crate) mod pointwise;
#[cfg(test)]
mod product_tests;
pub(crate) mod sell;
pub(crate) mod softmax;
pub(crate) mod spmm;
pub(crate) mod spmv;
pub(crate) mod strided;
mod tile;
pub(crate) mod winograd;
