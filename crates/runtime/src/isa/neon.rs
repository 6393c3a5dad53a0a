//! AArch64: NEON, which a target has or has not as a whole, so that there is nothing to detect.

use super::tuning::{ProductTuning, Tuning};
use super::vector::{Body, Isa, TABLE};
use core::arch::aarch64::*;

/// Proof that NEON is available: the module exists only where the target has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Neon {
    _private: (),
}

impl Neon {
    pub(crate) fn new() -> Option<Self> {
        Some(Self { _private: () })
    }
}

impl Isa for Neon {
    type F32 = float32x4_t;
    type I32 = int32x4_t;
    // The products of bytes are signed by signed.
    const DOT_OFFSET: i32 = 128;
    const LANES: usize = 4;
    #[rustfmt::skip] // a table
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

    #[inline(always)]
    fn splat(self, x: f32) -> float32x4_t {
        // SAFETY: the token proves that NEON is available.
        unsafe { vdupq_n_f32(x) }
    }

    #[inline(always)]
    fn mul_add(self, a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves that NEON is available.
        unsafe { vfmaq_f32(c, a, b) }
    }

    #[inline(always)]
    fn add(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves that NEON is available.
        unsafe { vaddq_f32(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves that NEON is available.
        unsafe { vmulq_f32(a, b) }
    }

    #[inline(always)]
    fn div(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves that NEON is available.
        unsafe { vdivq_f32(a, b) }
    }

    #[inline(always)]
    fn pow2(self, n: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves that NEON is available.
        unsafe {
            let biased = vaddq_s32(vcvtq_s32_f32(n), vdupq_n_s32(127));
            vreinterpretq_f32_s32(vshlq_n_s32::<23>(biased))
        }
    }

    #[inline(always)]
    fn max(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves that NEON is available.
        // The instruction for it gives NaN where either is NaN.
        unsafe { vbslq_f32(vcgtq_f32(a, b), a, b) }
    }

    #[inline(always)]
    fn min(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves that NEON is available.
        unsafe { vbslq_f32(vcltq_f32(a, b), a, b) }
    }

    #[inline(always)]
    fn deinterleave(self, a: float32x4_t, b: float32x4_t) -> (float32x4_t, float32x4_t) {
        // SAFETY: the token proves that NEON is available.
        unsafe { (vuzp1q_f32(a, b), vuzp2q_f32(a, b)) }
    }

    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> float32x4_t {
        // SAFETY: the token proves NEON; the caller vouches for 4 readable elements.
        unsafe { vld1q_f32(p) }
    }

    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: float32x4_t) {
        // SAFETY: the token proves NEON; the caller vouches for 4 writable elements.
        unsafe { vst1q_f32(p, v) }
    }

    #[inline(always)]
    unsafe fn gather(self, base: *const f32, indices: *const u16) -> float32x4_t {
        // SAFETY: the token proves NEON; the caller vouches for 4 indices, and for the element at each.
        unsafe {
            let [a, b, c, d] = indices.cast::<[u16; 4]>().read().map(usize::from);
            let v = vld1q_dup_f32(base.add(a));
            let v = vld1q_lane_f32::<1>(base.add(b), v);
            let v = vld1q_lane_f32::<2>(base.add(c), v);
            vld1q_lane_f32::<3>(base.add(d), v)
        }
    }

    #[inline(always)]
    unsafe fn lookup(self, table: &[f32; TABLE], labels: *const u8) -> float32x4_t {
        // SAFETY: the caller vouches for 4 labels; an index modulo `TABLE` lies within the table.
        unsafe {
            let indices = labels.cast::<[u8; 4]>().read().map(|label| u16::from(label) % TABLE as u16);
            self.gather(table.as_ptr(), indices.as_ptr())
        }
    }

    #[inline(always)]
    fn splat_i32(self, x: i32) -> int32x4_t {
        // SAFETY: the token proves that NEON is available.
        unsafe { vdupq_n_s32(x) }
    }

    #[inline(always)]
    fn bits(self, v: float32x4_t) -> int32x4_t {
        // SAFETY: the token proves that NEON is available.
        unsafe { vreinterpretq_s32_f32(v) }
    }

    #[inline(always)]
    fn to_f32(self, v: int32x4_t) -> float32x4_t {
        // SAFETY: the token proves that NEON is available.
        unsafe { vcvtq_f32_s32(v) }
    }

    #[inline(always)]
    fn dot4(self, sum: int32x4_t, x: int32x4_t, w: int32x4_t) -> int32x4_t {
        // SAFETY: the token proves that NEON is available.
        unsafe {
            // The sign bit turned is 128 taken away. Sums of two products stay within 16 bits, as 2 * 128 * 63 does.
            let x = veorq_s8(vreinterpretq_s8_s32(x), vdupq_n_s8(i8::MIN));
            let w = vreinterpretq_s8_s32(w);
            let low = vmull_s8(vget_low_s8(x), vget_low_s8(w));
            vpadalq_s16(sum, vpaddq_s16(low, vmull_high_s8(x, w)))
        }
    }

    #[inline(always)]
    fn pack(self, [a, b, c, d]: [float32x4_t; 4]) -> float32x4_t {
        // SAFETY: the token proves that NEON is available.
        unsafe {
            // The conversion gives 0 for what is negative.
            let most = vdupq_n_f32(255.0);
            let (a, b) = (vcvtnq_u32_f32(vminq_f32(a, most)), vcvtnq_u32_f32(vminq_f32(b, most)));
            let (c, d) = (vcvtnq_u32_f32(vminq_f32(c, most)), vcvtnq_u32_f32(vminq_f32(d, most)));
            let packed = vsliq_n_u32::<16>(vsliq_n_u32::<8>(a, b), c);
            vreinterpretq_f32_u32(vsliq_n_u32::<24>(packed, d))
        }
    }

    #[inline(always)]
    fn max_bytes(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: the token proves that NEON is available.
        unsafe { vreinterpretq_f32_u8(vmaxq_u8(vreinterpretq_u8_f32(a), vreinterpretq_u8_f32(b))) }
    }
}
