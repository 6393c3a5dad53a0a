//! Dense and sparse arrays, matrix products, im2col, SVD and regression for training.
//!
//! The only crate that knows BLAS. Its default feature `openblas` links the system's OpenBLAS;
//! `default-features = false` leaves the backend to the final binary.
#![deny(unsafe_code)] // allowed for the FFI to BLAS and malloc alone

#[cfg(feature = "openblas")]
extern crate openblas_src as _;

mod activation;
pub mod blas;
mod convolution;
mod im2col;
mod lines;
mod matrix;
pub mod memory;
mod outer;
mod regression;
mod scalar;
mod svd;
pub mod threads;
mod vector;
mod winograd;

pub use convolution::{Convolution, Weight};
pub use im2col::{Window, col2im, im2col};
pub use lines::{Lines, Panels, multiply, multiply_add};
pub use matrix::{Transpose, gemm};
pub use outer::{Columns, multiply_transposed};
pub use regression::LinearFit;
pub use scalar::Scalar;
pub use svd::{Svd, SvdError, svd};
pub use vector::Vector;
