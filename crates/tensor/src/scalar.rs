//! The element types that everything here is generic over.

use crate::activation;
use crate::lines::{Lines, Panels, multiply_of};
use crate::outer::{Columns, multiply_transposed_of};
use crate::vector::{Vector, native};
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
    /// Values side by side.
    type Vector: Vector<Self>;

    /// The nearest value of this type.
    fn of(value: f64) -> Self;

    /// The value as `f64`, exactly.
    fn as_f64(self) -> f64;

    /// `1 / (1 + exp(-x))`: in `f32` fast and to within 2e-7, in `f64` as exact as the system's `exp`.
    fn sigmoid(self) -> Self;

    /// The hyperbolic tangent: in `f32` fast and to within 2e-7, in `f64` the system's.
    fn fast_tanh(self) -> Self;

    /// [`multiply`](crate::multiply): a method, so that it is compiled in this crate for each type, and is as fast in a build for tests.
    #[doc(hidden)]
    fn multiply(w: &Panels<Self>, lines: Lines<'_, Self>, y: &mut [Self], stride: usize);

    /// [`multiply_transposed`](crate::multiply_transposed): a method for the same reason.
    #[doc(hidden)]
    fn multiply_transposed(size: [usize; 2], parts: &[Columns<'_, Self>]) -> Vec<Self>;
}

impl Scalar for f32 {
    type Vector = native::F32;

    fn of(value: f64) -> Self {
        value as f32
    }
    fn as_f64(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn sigmoid(self) -> Self {
        activation::sigmoid(self)
    }
    #[inline(always)]
    fn fast_tanh(self) -> Self {
        activation::tanh(self)
    }
    fn multiply(w: &Panels<Self>, lines: Lines<'_, Self>, y: &mut [Self], stride: usize) {
        multiply_of(w, lines, y, stride);
    }
    fn multiply_transposed(size: [usize; 2], parts: &[Columns<'_, Self>]) -> Vec<Self> {
        multiply_transposed_of(size, parts)
    }
}

impl Scalar for f64 {
    type Vector = native::F64;

    fn of(value: f64) -> Self {
        value
    }
    fn as_f64(self) -> f64 {
        self
    }
    fn sigmoid(self) -> Self {
        1.0 / (1.0 + (-self).exp())
    }
    fn fast_tanh(self) -> Self {
        self.tanh()
    }
    fn multiply(w: &Panels<Self>, lines: Lines<'_, Self>, y: &mut [Self], stride: usize) {
        multiply_of(w, lines, y, stride);
    }
    fn multiply_transposed(size: [usize; 2], parts: &[Columns<'_, Self>]) -> Vec<Self> {
        multiply_transposed_of(size, parts)
    }
}
