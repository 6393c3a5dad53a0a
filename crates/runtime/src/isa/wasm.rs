//! WebAssembly: simd128. An engine refuses a module with instructions that it lacks, so that there is nothing to detect.

use super::tuning::{ProductTuning, Tuning};
use super::vector::{Body, Isa, TABLE, methods};
use core::arch::wasm32::*;

/// Proof that simd128 is available: the module exists only where the crate was compiled for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Simd128(());

impl Simd128 {
    pub(crate) fn new() -> Option<Self> {
        Some(Self(()))
    }
}

impl Isa for Simd128 {
    type F32 = v128;
    type I32 = v128;
    const LANES: usize = 4;
    #[rustfmt::skip] // a table: costs as measured with AVX2, until they are measured with simd128
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

    methods! {
        fn splat(x: f32) -> v128 = f32x4_splat(x);
        fn mul_add(a: v128, b: v128, c: v128) -> v128 = f32x4_add(f32x4_mul(a, b), c);
        fn add(a: v128, b: v128) -> v128 = f32x4_add(a, b);
        fn mul(a: v128, b: v128) -> v128 = f32x4_mul(a, b);
        fn div(a: v128, b: v128) -> v128 = f32x4_div(a, b);
        fn pow2(n: v128) -> v128 = i32x4_shl(i32x4_add(i32x4_trunc_sat_f32x4(n), i32x4_splat(127)), 23);
        // `b < a ? a : b`
        fn max(a: v128, b: v128) -> v128 = f32x4_pmax(b, a);
        // `a < b ? a : b`
        fn min(a: v128, b: v128) -> v128 = f32x4_pmin(b, a);
        fn deinterleave(a: v128, b: v128) -> (v128, v128) =
            (i32x4_shuffle::<0, 2, 4, 6>(a, b), i32x4_shuffle::<1, 3, 5, 7>(a, b));
        fn splat_i32(x: i32) -> v128 = i32x4_splat(x);
        fn bits(v: v128) -> v128 = v;
        fn to_f32(v: v128) -> v128 = f32x4_convert_i32x4(v);
        fn dot4(sum: v128, x: v128, w: v128) -> v128 = {
            let low = i32x4_dot_i16x8(u16x8_extend_low_u8x16(x), i16x8_extend_low_i8x16(w));
            let high = i32x4_dot_i16x8(u16x8_extend_high_u8x16(x), i16x8_extend_high_i8x16(w));
            let (even, odd) = (i32x4_shuffle::<0, 2, 4, 6>(low, high), i32x4_shuffle::<1, 3, 5, 7>(low, high));
            i32x4_add(sum, i32x4_add(even, odd))
        };
        fn pack(parts: [v128; 4]) -> v128 = {
            let [a, b, c, d] = parts;
            let integers = |v: v128| u32x4_trunc_sat_f32x4(f32x4_nearest(f32x4_pmin(f32x4_splat(255.0), v)));
            let low = v128_or(integers(a), i32x4_shl(integers(b), 8));
            let high = v128_or(integers(c), i32x4_shl(integers(d), 8));
            v128_or(low, i32x4_shl(high, 16))
        };
        fn max_bytes(a: v128, b: v128) -> v128 = u8x16_max(a, b);

        unsafe fn load(p: *const f32) -> v128 = v128_load(p.cast());
        unsafe fn store(p: *mut f32, v: v128) = v128_store(p.cast(), v);
        unsafe fn gather(base: *const f32, indices: *const u16) -> v128 = {
            let [a, b, c, d] = indices.cast::<[u16; 4]>().read();
            f32x4(*base.add(a.into()), *base.add(b.into()), *base.add(c.into()), *base.add(d.into()))
        };
        unsafe fn lookup(table: &[f32; TABLE], labels: *const u8) -> v128 = {
            let [a, b, c, d] = labels.cast::<[u8; 4]>().read().map(|label| table[usize::from(label) % TABLE]);
            f32x4(a, b, c, d)
        };
    }
}
