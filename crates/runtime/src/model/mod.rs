//! The model: a graph of operations over values, and the weights that they share.

mod cost;
mod format;
mod graph;
mod op;
mod validate;

pub use cost::LayerCost;
pub use graph::{Model, ModelBuilder, Node, ValueId};
pub use op::Op;
