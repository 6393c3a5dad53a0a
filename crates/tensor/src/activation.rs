//! Sigmoid and hyperbolic tangent in single precision.
//!
//! Plain arithmetic without branches, so that loops over them become vector instructions, and without fused multiply-adds,
//! so that the results are the same on every machine.

/// `1 / (1 + exp(-x))`, to within 2e-7.
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The hyperbolic tangent, to within 2e-7 (absolute: not that close, relatively, around 0).
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (1.0 + exp(2.0 * x))
}

/// `exp(x)` as `2^n exp(r)` with a Taylor polynomial for `|r| <= ln(2) / 2`, for `x` clamped to where `2^n` is normal.
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// Adding it leaves the nearest integer in the lowest bits of the mantissa.
    const ROUND: f32 = 12_582_912.0;
    /// ln(2) in two parts; multiples of the first are exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    const EXPONENT_BIAS: u32 = 127 << 23;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * LN_2[0] - n * LN_2[1];
    let tail = 1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0));
    let polynomial = 1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * tail)));
    polynomial * f32::from_bits((shifted.to_bits() << 23).wrapping_add(EXPONENT_BIAS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_stay_within_their_bounds() {
        for i in -1_000_000..=1_000_000 {
            let x = i as f32 * 1e-4;
            let exact = f64::from(x);
            let error = f64::from(sigmoid(x)) - 1.0 / (1.0 + (-exact).exp());
            assert!(error.abs() < 2e-7, "sigmoid({x}) is off by {error}");
            let error = f64::from(tanh(x)) - exact.tanh();
            assert!(error.abs() < 2e-7, "tanh({x}) is off by {error}");
        }
    }

    #[test]
    fn extremes() {
        for x in [1e30, f32::INFINITY, f32::MAX] {
            assert_eq!([sigmoid(x), tanh(x), tanh(-x)], [1.0, 1.0, -1.0]);
            assert!((0.0..1e-37).contains(&sigmoid(-x)));
        }
        assert_eq!([sigmoid(0.0), tanh(0.0)], [0.5, 0.0]);
        assert!(sigmoid(f32::NAN).is_nan() && tanh(f32::NAN).is_nan(), "divergence must show");
    }
}
