//! Products of bytes: activations of 8 bits, as [`Op::FakeQuantize`](crate::Op::FakeQuantize) makes them, times weights that are
//! integers of 7.
//!
//! Values stand in planes of *quads* ([`Elements`](crate::tensor::Elements)). A quad is as wide as an `f32`, so that layouts,
//! borders and flat pixels are those of all other kernels, with a quarter of the planes.

pub(crate) mod conv;
pub(crate) mod conv_pool;
mod epilogue;
mod layer;
pub(crate) mod linear;
pub(crate) mod quantize;
