//! The model: a graph of operations over values, and the weights that they share.

mod builder;
mod cost;
mod error;
mod format;
mod fusion;
mod graph;
mod op;
mod validate;

pub use builder::ModelBuilder;
pub use cost::LayerCost;
pub use error::{FormatError, ModelError};
pub use fusion::Fusion;
pub use graph::{Model, Node, ValueId};
pub use op::Op;
