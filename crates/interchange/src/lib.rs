//! Models in the formats of other tools.
//!
//! - [`onnx`]: for graph viewers and other engines; [`safetensors`]: for tensor viewers. Both write every weight dense, with
//!   the factors of `scale` multiplied in, and name it after its node.
//! - [`scut`]: reads the network that was released with the thesis.
#![forbid(unsafe_code)]

mod error;
pub mod onnx;
mod protobuf;
pub mod safetensors;
pub mod scut;
mod tensors;
#[cfg(test)]
mod tests;

pub use error::ExportError;
