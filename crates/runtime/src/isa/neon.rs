//! AArch64: NEON, which a target has or has not as a whole, so that there is nothing to detect.

use super::tuning::{ProductTuning, Tuning};
use super::vector::{Body, Isa, TABLE, methods};
use core::arch::aarch64::*;

/// Proof that NEON is available: the module exists only where the target has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Neon(());

impl Neon {
    pub(crate) fn new() -> Option<Self> {
        Some(Self(()))
    }
}

impl Isa for Neon {
    type F32 = float32x4_t;
    type I32 = int32x4_t;
    // The products of bytes are signed by signed.
    const DOT_OFFSET: i32 = 128;
    const LANES: usize = 4;
    #[rustfmt::skip] // a table: costs as measured with AVX2, until they are measured with NEON
    const TUNING: Tuning = Tuning {
        sparse: 1.54, block: 1.36, winograd: 0.95, transform: 15.2, line: 11.4,
        streamed: ProductTuning {
            dense: 1.625, labels: 1.0, sparse: 2.5, row: 0.0, sliced: f64::INFINITY,
            nonzero_byte: f64::INFINITY, beyond_cache: 1.0,
        },
        cached: ProductTuning {
            dense: 1.0, labels: f64::INFINITY, sparse: 12.0, row: 300.0, sliced: f64::INFINITY,
            nonzero_byte: f64::INFINITY, beyond_cache: 3.0,
        },
        pooled_vectors: 1.3, block_vectors: 2, winograd_tiles: &[6, 5, 4], group_samples: 2,
    };

    fn enter<B: Body>(self, body: B) {
        // All of the crate is compiled for NEON.
        body.run(self);
    }

    methods! {
        fn splat(x: f32) -> float32x4_t = vdupq_n_f32(x);
        fn mul_add(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t = vfmaq_f32(c, a, b);
        fn add(a: float32x4_t, b: float32x4_t) -> float32x4_t = vaddq_f32(a, b);
        fn mul(a: float32x4_t, b: float32x4_t) -> float32x4_t = vmulq_f32(a, b);
        fn div(a: float32x4_t, b: float32x4_t) -> float32x4_t = vdivq_f32(a, b);
        fn pow2(n: float32x4_t) -> float32x4_t = {
            let biased = vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127));
            vreinterpretq_f32_s32(vshlq_n_s32::<23>(biased))
        };
        // The instruction for it gives NaN where either is NaN.
        fn max(a: float32x4_t, b: float32x4_t) -> float32x4_t = vbslq_f32(vcgtq_f32(a, b), a, b);
        fn min(a: float32x4_t, b: float32x4_t) -> float32x4_t = vbslq_f32(vcltq_f32(a, b), a, b);
        fn deinterleave(a: float32x4_t, b: float32x4_t) -> (float32x4_t, float32x4_t) =
            (vuzp1q_f32(a, b), vuzp2q_f32(a, b));
        fn splat_i32(x: i32) -> int32x4_t = vdupq_n_s32(x);
        fn bits(v: float32x4_t) -> int32x4_t = vreinterpretq_s32_f32(v);
        fn to_f32(v: int32x4_t) -> float32x4_t = vcvtq_f32_s32(v);
        fn dot4(sum: int32x4_t, x: int32x4_t, w: int32x4_t) -> int32x4_t = {
            // The sign bit turned is 128 taken away. Sums of two products stay within 16 bits, as 2 * 128 * 63 does.
            let x = veorq_s8(vreinterpretq_s8_s32(x), vdupq_n_s8(i8::MIN));
            let w = vreinterpretq_s8_s32(w);
            let low = vmull_s8(vget_low_s8(x), vget_low_s8(w));
            vpadalq_s16(sum, vpaddq_s16(low, vmull_high_s8(x, w)))
        };
        fn pack(parts: [float32x4_t; 4]) -> float32x4_t = {
            let [a, b, c, d] = parts;
            // The conversion gives 0 for what is negative.
            let most = vdupq_n_f32(255.0);
            let (a, b) = (vcvtnq_u32_f32(vminq_f32(a, most)), vcvtnq_u32_f32(vminq_f32(b, most)));
            let (c, d) = (vcvtnq_u32_f32(vminq_f32(c, most)), vcvtnq_u32_f32(vminq_f32(d, most)));
            let packed = vsliq_n_u32::<16>(vsliq_n_u32::<8>(a, b), c);
            vreinterpretq_f32_u32(vsliq_n_u32::<24>(packed, d))
        };
        fn max_bytes(a: float32x4_t, b: float32x4_t) -> float32x4_t =
            vreinterpretq_f32_u8(vmaxq_u8(vreinterpretq_u8_f32(a), vreinterpretq_u8_f32(b)));

        unsafe fn load(p: *const f32) -> float32x4_t = vld1q_f32(p);
        unsafe fn store(p: *mut f32, v: float32x4_t) = vst1q_f32(p, v);
        unsafe fn gather(base: *const f32, indices: *const u16) -> float32x4_t = {
            let [a, b, c, d] = indices.cast::<[u16; 4]>().read().map(usize::from);
            let v = vld1q_dup_f32(base.add(a));
            let v = vld1q_lane_f32::<1>(base.add(b), v);
            let v = vld1q_lane_f32::<2>(base.add(c), v);
            vld1q_lane_f32::<3>(base.add(d), v)
        };
        unsafe fn lookup(table: &[f32; TABLE], labels: *const u8) -> float32x4_t = {
            let indices = labels.cast::<[u8; 4]>().read().map(|label| u16::from(label) % TABLE as u16);
            Self(()).gather(table.as_ptr(), indices.as_ptr())
        };
    }
}
