//! Weights as a model stores them, and as kernels read them.

mod integers;
mod matrix;
mod weight;

pub(crate) use integers::{Integers, MAX_INTEGER, are_integers};
pub(crate) use matrix::{Matrix, Values};
pub use weight::{Pattern, Weight, WeightData, WeightId};
