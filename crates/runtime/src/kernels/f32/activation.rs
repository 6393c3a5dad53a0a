//! Sigmoid and tanh as vector code.
//!
//! Both rest on `e^x = 2^n (1 + q)` with `q = e^r - 1`, `x = n ln 2 + r`, `|r| <= ln 2 / 2`: `q` is a Taylor polynomial
//! without a constant term, so that tanh loses no digits near 0. NaN gives NaN, and infinities the limits.

use crate::isa::Isa;

/// Adding and subtracting it rounds a small `f32` to the nearest integer: at 1.5 * 2^23, units are the last place.
const ROUND: f32 = 12_582_912.0;
/// ln 2 in two parts: the product of the first with a small integer is exact.
const LN2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
/// 1 / 7!, ..., 1 / 2!.
const TAYLOR: [f32; 6] = [1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5];

/// `2^n` and `q`, for `|x| <= 87`.
#[inline(always)]
fn exp_parts<I: Isa>(isa: I, x: I::F32) -> (I::F32, I::F32) {
    let n = isa.mul_add(x, isa.splat(core::f32::consts::LOG2_E), isa.splat(ROUND));
    let n = isa.add(n, isa.splat(-ROUND));
    let r = isa.mul_add(n, isa.splat(-LN2[0]), x);
    let r = isa.mul_add(n, isa.splat(-LN2[1]), r);
    let mut p = isa.splat(TAYLOR[0]);
    let mut i = 1;
    while i < TAYLOR.len() {
        p = isa.mul_add(p, r, isa.splat(TAYLOR[i]));
        i += 1;
    }
    (isa.pow2(n), isa.mul_add(isa.mul(p, r), r, r))
}

/// `x` within -`limit` and `limit`; NaN stays NaN, as `min` and `max` give their second argument where one is NaN.
#[inline(always)]
fn clamp<I: Isa>(isa: I, x: I::F32, limit: f32) -> I::F32 {
    isa.max(isa.splat(-limit), isa.min(isa.splat(limit), x))
}

/// `1 / (1 + e^-x)`, within 1.5e-7; above -87 also within 4e-7 of the value.
#[inline(always)]
pub(crate) fn sigmoid<I: Isa>(isa: I, x: I::F32) -> I::F32 {
    let one = isa.splat(1.0);
    let x = clamp(isa, x, 87.0);
    let (power, q) = exp_parts(isa, isa.mul(x, isa.splat(-1.0)));
    let exp = isa.mul_add(power, q, power);
    isa.div(one, isa.add(one, exp))
}

/// `(e^2x - 1) / (e^2x + 1)`, within 4e-7 of the value.
#[inline(always)]
pub(crate) fn tanh<I: Isa>(isa: I, x: I::F32) -> I::F32 {
    // Beyond 9.02 the nearest f32 is 1.
    let x = clamp(isa, x, 9.1);
    let (power, q) = exp_parts(isa, isa.add(x, x));
    let exp_minus_1 = isa.mul_add(power, q, isa.add(power, isa.splat(-1.0)));
    isa.div(exp_minus_1, isa.add(exp_minus_1, isa.splat(2.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::{Body, IsaKind, MAX_LANES, Token};
    use alloc::vec::Vec;

    /// Both functions over `x`, a multiple of `MAX_LANES`.
    struct Both<'a> {
        x: &'a [f32],
        sigmoid: &'a mut Vec<f32>,
        tanh: &'a mut Vec<f32>,
    }

    impl Body for Both<'_> {
        #[inline(always)]
        fn run<I: Isa>(self, isa: I) {
            assert!(self.x.len().is_multiple_of(MAX_LANES));
            for x in self.x.chunks_exact(I::LANES) {
                let mut y = [[0.0; MAX_LANES]; 2];
                // SAFETY: a chunk has `LANES` elements, and `LANES` is at most `MAX_LANES`.
                unsafe {
                    let x = isa.load(x.as_ptr());
                    isa.store(y[0].as_mut_ptr(), sigmoid(isa, x));
                    isa.store(y[1].as_mut_ptr(), tanh(isa, x));
                }
                self.sigmoid.extend(&y[0][..I::LANES]);
                self.tanh.extend(&y[1][..I::LANES]);
            }
        }
    }

    fn both(isa: IsaKind, x: &[f32]) -> [Vec<f32>; 2] {
        let [mut sigmoid, mut tanh] = [Vec::new(), Vec::new()];
        Token::new(isa).unwrap().enter(Both { x, sigmoid: &mut sigmoid, tanh: &mut tanh });
        [sigmoid, tanh]
    }

    #[test]
    fn bounds_hold_over_the_whole_range() {
        // Every exponent, subnormals included, with 2048 mantissas each; and densely where the functions bend.
        let all = (0..1u32 << 20).map(|i| f32::from_bits(i << 12)).filter(|x| x.is_finite());
        let dense = (-400_000..400_000).map(|i| i as f32 * 2.5e-4);
        let mut x: Vec<f32> = all.chain(dense).collect();
        x.truncate(x.len() / MAX_LANES * MAX_LANES);
        for isa in IsaKind::available() {
            let [sigmoid, tanh] = both(isa, &x);
            for (i, &x) in x.iter().enumerate() {
                let wide = f64::from(x);
                let (want, found) = (1.0 / (1.0 + (-wide).exp()), f64::from(sigmoid[i]));
                assert!((found - want).abs() <= 1.5e-7, "{isa} sigmoid({x}) = {found}, want {want}");
                assert!(x < -87.0 || (found - want).abs() <= 4e-7 * want, "{isa} sigmoid({x}) = {found}, want {want}");
                let (want, found) = (wide.tanh(), f64::from(tanh[i]));
                assert!((found - want).abs() <= 4e-7 * want.abs() + 1e-44, "{isa} tanh({x}) = {found}, want {want}");
                assert!(found.abs() <= 1.0);
            }
        }
    }

    #[test]
    fn limits_and_nan() {
        let mut x = [0.0; MAX_LANES];
        x[..6].copy_from_slice(&[f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MAX, f32::MIN, 0.0]);
        for isa in IsaKind::available() {
            let [sigmoid, tanh] = both(isa, &x);
            assert_eq!((sigmoid[0], sigmoid[3], sigmoid[5]), (1.0, 1.0, 0.5), "{isa}");
            assert!(sigmoid[1] < 2e-38 && sigmoid[4] < 2e-38, "{isa}");
            assert_eq!([tanh[0], tanh[1], tanh[3], tanh[4], tanh[5]], [1.0, -1.0, 1.0, -1.0, 0.0], "{isa}");
            assert!(sigmoid[2].is_nan() && tanh[2].is_nan(), "{isa}");
        }
    }
}
