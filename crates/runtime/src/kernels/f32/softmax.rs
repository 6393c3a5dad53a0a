//! Softmax, with an exponential and a logarithm of its own: `core` has none, and these have the same bits on every machine.

use crate::isa::Token;
use crate::kernels::kernel::{Facts, Io, Kernel};

/// Softmax over a vector of so many features.
pub(crate) struct Softmax {
    pub(crate) features: usize,
}

impl Kernel for Softmax {
    fn facts(&self, _: Token) -> Facts {
        Facts::plain("f32_softmax")
    }

    fn run(&self, _: Token, Io { src, dst, .. }: Io<'_>) {
        softmax(&src[..self.features], 1.0, &mut dst[..self.features]);
    }
}

/// `dst_i = exp(src_i / temperature) / sum_j exp(src_j / temperature)`, for a positive temperature.
pub(crate) fn softmax(src: &[f32], temperature: f32, dst: &mut [f32]) {
    let max = src.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for (out, &x) in dst.iter_mut().zip(src) {
        *out = exp((x - max) / temperature);
        sum += *out;
    }
    for out in dst {
        *out /= sum;
    }
}

/// `e^x` for `x <= 0`, within two units in the last place; 0 where the result would be subnormal.
pub(crate) fn exp(x: f32) -> f32 {
    // x = n ln 2 + r with |r| <= ln 2 / 2, where ln 2 is split in two so that n ln 2 is exact; then e^r by the
    // polynomial of Cephes.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    if x < -87.0 {
        return 0.0;
    }
    let n = (x * core::f32::consts::LOG2_E - 0.5) as i32;
    let r = x - n as f32 * LN2_HIGH - n as f32 * LN2_LOW;
    let mut p = 1.987_569_1e-4;
    for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = p * r + c;
    }
    (p * r * r + r + 1.0) * f32::from_bits(((n + 127) as u32) << 23)
}

/// The natural logarithm, within 3e-7 of its value or of 1; that of the smallest normal number for all below it.
pub(crate) fn ln(x: f32) -> f32 {
    // x = 2^n m with sqrt(1/2) <= m < sqrt(2); then ln m = 2 artanh(s), with s = (m - 1) / (m + 1) below 0.172, by its series.
    let bits = x.max(f32::MIN_POSITIVE).to_bits();
    let n = (bits.wrapping_sub(core::f32::consts::FRAC_1_SQRT_2.to_bits()) as i32) >> 23;
    let m = f32::from_bits(bits.wrapping_sub((n << 23) as u32));
    let s = (m - 1.0) / (m + 1.0);
    let s2 = s * s;
    let mut p = 1.0 / 9.0;
    for c in [1.0 / 7.0, 0.2, 1.0 / 3.0, 1.0] {
        p = p * s2 + c;
    }
    n as f32 * core::f32::consts::LN_2 + 2.0 * s * p
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_is_close() {
        for i in 0..87_000 {
            let x = -(i as f32) / 1000.0;
            let want = f64::from(x).exp();
            assert!((f64::from(exp(x)) / want - 1.0).abs() < 3e-7, "exp({x}) = {}, want {want}", exp(x));
        }
        assert_eq!((exp(0.0), exp(-100.0)), (1.0, 0.0));
    }

    #[test]
    fn logarithm_is_close() {
        let powers = (-125..125).flat_map(|n| (0..400).map(move |i| (1.0 + i as f32 / 400.0) * (n as f32).exp2()));
        for x in powers.chain([f32::MIN_POSITIVE, f32::MAX, 0.999_999_9, 1.000_000_1]) {
            let want = f64::from(x).ln();
            assert!((f64::from(ln(x)) - want).abs() < 3e-7 * want.abs().max(1.0), "ln({x}) = {}, want {want}", ln(x));
        }
        assert_eq!((ln(1.0), ln(0.0)), (0.0, ln(f32::MIN_POSITIVE)));
    }
}
