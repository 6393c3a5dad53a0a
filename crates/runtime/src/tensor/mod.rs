//! The lowest floor: memory, and where values stand in it. It knows nothing of networks.

mod aligned;
mod elements;
mod layout;
pub mod shape;

pub(crate) use aligned::Aligned;
pub(crate) use elements::{Elements, Quantization};
pub(crate) use layout::Layout;

/// Elements in a cache line.
pub(crate) const LINE: usize = 16;
