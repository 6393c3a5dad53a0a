//! The element types that everything here is generic over.

use ndarray::LinalgScalar;
use num_traits::{Float, FromPrimitive, ToPrimitive};
use std::iter::Sum;
use std::ops::{AddAssign, MulAssign, SubAssign};

/// `f32`, in which networks train, or `f64`, in which gradients are checked.
pub trait Scalar:
    Float
    + LinalgScalar
    + FromPrimitive
    + ToPrimitive
    + AddAssign
    + SubAssign
    + MulAssign
    + Sum
    + Send
    + Sync
    + Default
    + std::fmt::Debug
{
    /// The nearest value of this type.
    fn of(value: f64) -> Self;

    /// The value as `f64`, exactly.
    fn as_f64(self) -> f64;
}

impl Scalar for f32 {
    fn of(value: f64) -> Self {
        value as f32
    }
    fn as_f64(self) -> f64 {
        f64::from(self)
    }
}

impl Scalar for f64 {
    fn of(value: f64) -> Self {
        value
    }
    fn as_f64(self) -> f64 {
        self
    }
}
