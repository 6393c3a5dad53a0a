//! Runs compressed handwriting recognition networks on one CPU thread, without dependencies.
#![cfg_attr(not(feature = "std"), no_std)]
#![deny(unsafe_code)] // allowed in `isa` and `kernels` alone

extern crate alloc;

pub mod error;
pub mod model;
pub mod shape;

pub use error::{LoadError, PlanError, RunError};
pub use model::{Model, ModelBuilder, Node, Op, ValueId, Weight, WeightData, WeightId};
