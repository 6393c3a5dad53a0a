//! Kernels: each packs its weights once and then runs over slices of the arena. Each is an object behind the trait
//! [`Kernel`]; which of them runs a layer, `compile` decides.
//!
//! Images stand in the arena as planes with a border of zeros ([`Layout`](crate::tensor::Layout)). A convolution of
//! stride 1 whose input and output planes have rows of equal stride is a product of the weights with *flat* pixels: an
//! output pixel at flat position `i` reads the input at `i + offset`, where `offset` depends on the weight alone. What
//! it writes between the rows is cleared afterwards.
//!
//! A chunk of a sequence is such a plane too: one channel a feature, one pixel a step. A fully connected layer over its
//! steps is a convolution of 1x1 then, and each column's sum runs in the same order however many columns there are.

mod conv_pool;
pub(crate) mod f32;
mod kernel;
mod layer;
pub(crate) mod pool;
mod registry;
mod tiles;
pub(crate) mod u8;

pub(crate) use kernel::{CHUNK, Extent, GROUP, Io, Kernel, Sample};
pub(crate) use layer::{Layer, LayerKind, Registered};
pub(crate) use registry::{GROUP_KERNELS, LAYER_KERNELS};
