//! Dense and sparse arrays, matrix products, im2col, SVD and random numbers for training.

mod rng;

pub use rng::Rng;
