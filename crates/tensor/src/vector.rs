//! Values that one or two instructions compute with.
//!
//! Loops over these are vector instructions as they stand. Left to find vectors in plain loops, LLVM takes half of AVX-512's on Intel's CPUs.

use crate::Scalar;
use std::ops::{Add, Mul, Sub};

/// Some values side by side: as many as an instruction takes, or two on narrow instruction sets.
pub trait Vector<T>:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Send + Sync + 'static
{
    /// Number of values.
    const LANES: usize;

    /// The same value everywhere.
    fn splat(value: T) -> Self;

    /// At most [`LANES`](Self::LANES) values, and zeros behind them.
    fn load(values: &[T]) -> Self;

    /// Writes the first values, at most [`LANES`](Self::LANES).
    fn store(self, to: &mut [T]);

    /// `self + a * b`, in one instruction where there is one.
    #[must_use]
    fn add_product(self, a: Self, b: Self) -> Self;

    /// Of each value, that of `yes` where `self` is greater than `other`, and that of `no` elsewhere.
    #[must_use]
    fn choose_greater(self, other: Self, yes: Self, no: Self) -> Self;

    /// The same where `self` equals `other`.
    #[must_use]
    fn choose_equal(self, other: Self, yes: Self, no: Self) -> Self;
}

macro_rules! vector {
    ($scalar:ty, $vector:ty) => {
        impl Vector<$scalar> for $vector {
            const LANES: usize = size_of::<$vector>() / size_of::<$scalar>();

            #[inline(always)]
            fn splat(value: $scalar) -> Self {
                Self::splat(value)
            }

            #[inline(always)]
            fn load(values: &[$scalar]) -> Self {
                let all = values.try_into().unwrap_or_else(|_| {
                    let mut padded = [0.0; <$vector as Vector<$scalar>>::LANES];
                    padded[..values.len()].copy_from_slice(values);
                    padded
                });
                Self::new(all)
            }

            #[inline(always)]
            fn store(self, to: &mut [$scalar]) {
                let all = self.to_array();
                // A copy of a known length is no call.
                match <&mut [$scalar; <$vector as Vector<$scalar>>::LANES]>::try_from(&mut *to) {
                    Ok(to) => *to = all,
                    Err(_) => to.copy_from_slice(&all[..to.len()]),
                }
            }

            #[inline(always)]
            fn add_product(self, a: Self, b: Self) -> Self {
                a.mul_add(b, self)
            }

            #[inline(always)]
            fn choose_greater(self, other: Self, yes: Self, no: Self) -> Self {
                self.simd_gt(other).select(yes, no)
            }

            #[inline(always)]
            fn choose_equal(self, other: Self, yes: Self, no: Self) -> Self {
                self.simd_eq(other).select(yes, no)
            }
        }
    };
}

/// The vectors of the instruction set that this is built for.
pub(crate) mod native {
    #[cfg(not(target_feature = "avx512f"))]
    pub(crate) use wide::{f32x8 as F32, f64x4 as F64};
    #[cfg(target_feature = "avx512f")]
    pub(crate) use wide::{f32x16 as F32, f64x8 as F64};
}

vector!(f32, native::F32);
vector!(f64, native::F64);

/// The first values of a slice, at most `V` vectors of them, and zeros behind them.
#[inline(always)]
pub(crate) fn load<T: Scalar, const V: usize>(values: &[T]) -> [T::Vector; V] {
    let lanes = T::Vector::LANES;
    if values.len() >= V * lanes {
        let values = &values[..V * lanes];
        return std::array::from_fn(|v| T::Vector::load(&values[v * lanes..(v + 1) * lanes]));
    }
    let mut vectors = [T::Vector::splat(T::zero()); V];
    for (vector, values) in vectors.iter_mut().zip(values.chunks(lanes)) {
        *vector = T::Vector::load(values);
    }
    vectors
}
