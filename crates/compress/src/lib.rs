#![forbid(unsafe_code)]
//! Compresses trained networks.

mod trainer;

pub use trainer::{Constraint, LayerInfo, LayerKind, TrainStats, Trainer};
