//! WebAssembly: simd128. An engine refuses a module with instructions that it lacks, so that there is nothing to detect.

use super::tuning::{ProductTuning, Tuning};
use super::vector::{Body, Isa, TABLE};
use core::arch::wasm32::*;

/// Proof that simd128 is available: the module exists only where the crate was compiled for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Simd128 {
    _private: (),
}

impl Simd128 {
    pub(crate) fn new() -> Option<Self> {
        Some(Self { _private: () })
    }
}

impl Isa for Simd128 {
    type F32 = v128;
    type I32 = v128;
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
        // All of the crate is compiled for simd128.
        body.run(self);
    }

    #[inline(always)]
    fn splat(self, x: f32) -> v128 {
        f32x4_splat(x)
    }

    #[inline(always)]
    fn mul_add(self, a: v128, b: v128, c: v128) -> v128 {
        f32x4_add(f32x4_mul(a, b), c)
    }

    #[inline(always)]
    fn add(self, a: v128, b: v128) -> v128 {
        f32x4_add(a, b)
    }

    #[inline(always)]
    fn mul(self, a: v128, b: v128) -> v128 {
        f32x4_mul(a, b)
    }

    #[inline(always)]
    fn div(self, a: v128, b: v128) -> v128 {
        f32x4_div(a, b)
    }

    #[inline(always)]
    fn pow2(self, n: v128) -> v128 {
        i32x4_shl(i32x4_add(i32x4_trunc_sat_f32x4(n), i32x4_splat(127)), 23)
    }

    #[inline(always)]
    fn max(self, a: v128, b: v128) -> v128 {
        // `b < a ? a : b`
        f32x4_pmax(b, a)
    }

    #[inline(always)]
    fn min(self, a: v128, b: v128) -> v128 {
        // `a < b ? a : b`
        f32x4_pmin(b, a)
    }

    #[inline(always)]
    fn deinterleave(self, a: v128, b: v128) -> (v128, v128) {
        (i32x4_shuffle::<0, 2, 4, 6>(a, b), i32x4_shuffle::<1, 3, 5, 7>(a, b))
    }

    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> v128 {
        // SAFETY: the caller vouches for 4 readable elements; the load needs no alignment.
        unsafe { v128_load(p.cast()) }
    }

    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: v128) {
        // SAFETY: the caller vouches for 4 writable elements; the store needs no alignment.
        unsafe { v128_store(p.cast(), v) }
    }

    #[inline(always)]
    unsafe fn gather(self, base: *const f32, indices: *const u16) -> v128 {
        // SAFETY: the caller vouches for 4 indices, and for the element at each.
        unsafe {
            let [a, b, c, d] = indices.cast::<[u16; 4]>().read();
            f32x4(*base.add(a.into()), *base.add(b.into()), *base.add(c.into()), *base.add(d.into()))
        }
    }

    #[inline(always)]
    unsafe fn lookup(self, table: &[f32; TABLE], labels: *const u8) -> v128 {
        // SAFETY: the caller vouches for 4 labels.
        let [a, b, c, d] = unsafe { labels.cast::<[u8; 4]>().read() };
        let [a, b, c, d] = [a, b, c, d].map(|label| table[usize::from(label) % TABLE]);
        f32x4(a, b, c, d)
    }

    #[inline(always)]
    fn splat_i32(self, x: i32) -> v128 {
        i32x4_splat(x)
    }

    #[inline(always)]
    fn bits(self, v: v128) -> v128 {
        v
    }

    #[inline(always)]
    fn to_f32(self, v: v128) -> v128 {
        f32x4_convert_i32x4(v)
    }

    #[inline(always)]
    fn dot4(self, sum: v128, x: v128, w: v128) -> v128 {
        let low = i32x4_dot_i16x8(u16x8_extend_low_u8x16(x), i16x8_extend_low_i8x16(w));
        let high = i32x4_dot_i16x8(u16x8_extend_high_u8x16(x), i16x8_extend_high_i8x16(w));
        let (even, odd) = self.deinterleave(low, high);
        i32x4_add(sum, i32x4_add(even, odd))
    }

    #[inline(always)]
    fn pack(self, [a, b, c, d]: [v128; 4]) -> v128 {
        let integers = |v: v128| u32x4_trunc_sat_f32x4(f32x4_nearest(self.min(v, f32x4_splat(255.0))));
        let low = v128_or(integers(a), i32x4_shl(integers(b), 8));
        let high = v128_or(integers(c), i32x4_shl(integers(d), 8));
        v128_or(low, i32x4_shl(high, 16))
    }

    #[inline(always)]
    fn max_bytes(self, a: v128, b: v128) -> v128 {
        u8x16_max(a, b)
    }
}
