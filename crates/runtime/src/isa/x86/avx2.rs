//! AVX2 with FMA: 8 lanes.

use super::has;
use crate::isa::tuning::{ProductTuning, Tuning};
use crate::isa::vector::{Body, Isa, TABLE, methods};
use core::arch::x86_64::*;

/// Proof that AVX2 and FMA are available.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(());

impl Avx2 {
    pub(crate) fn new() -> Option<Self> {
        has!("avx2", "fma").then_some(Self(()))
    }
}

impl Isa for Avx2 {
    type F32 = __m256;
    type I32 = __m256i;
    const LANES: usize = 8;
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
        #[target_feature(enable = "avx2,fma")]
        fn door<B: Body>(isa: Avx2, body: B) {
            body.run(isa);
        }
        // SAFETY: the token proves that AVX2 and FMA are available.
        unsafe { door(self, body) }
    }

    methods! {
        fn splat(x: f32) -> __m256 = _mm256_set1_ps(x);
        fn mul_add(a: __m256, b: __m256, c: __m256) -> __m256 = _mm256_fmadd_ps(a, b, c);
        fn add(a: __m256, b: __m256) -> __m256 = _mm256_add_ps(a, b);
        fn mul(a: __m256, b: __m256) -> __m256 = _mm256_mul_ps(a, b);
        fn div(a: __m256, b: __m256) -> __m256 = _mm256_div_ps(a, b);
        fn pow2(n: __m256) -> __m256 = {
            let biased = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
            _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased))
        };
        fn max(a: __m256, b: __m256) -> __m256 = _mm256_max_ps(a, b);
        fn min(a: __m256, b: __m256) -> __m256 = _mm256_min_ps(a, b);
        fn deinterleave(a: __m256, b: __m256) -> (__m256, __m256) = {
            // Shuffles stay within 128-bit halves: the pairs then stand in the order a0 b0 a1 b1.
            let even = _mm256_castps_pd(_mm256_shuffle_ps::<0b10_00_10_00>(a, b));
            let odd = _mm256_castps_pd(_mm256_shuffle_ps::<0b11_01_11_01>(a, b));
            (
                _mm256_castpd_ps(_mm256_permute4x64_pd::<0b11_01_10_00>(even)),
                _mm256_castpd_ps(_mm256_permute4x64_pd::<0b11_01_10_00>(odd)),
            )
        };
        fn prefetch(p: *const f32) = _mm_prefetch::<_MM_HINT_T0>(p.cast());
        fn splat_i32(x: i32) -> __m256i = _mm256_set1_epi32(x);
        fn bits(v: __m256) -> __m256i = _mm256_castps_si256(v);
        fn to_f32(v: __m256i) -> __m256 = _mm256_cvtepi32_ps(v);
        fn dot4(sum: __m256i, x: __m256i, w: __m256i) -> __m256i = {
            // Sums of two products stay within 16 bits, as 2 * 255 * 63 does.
            let pairs = _mm256_maddubs_epi16(x, w);
            _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
        };
        fn pack(parts: [__m256; 4]) -> __m256 = {
            let [a, b, c, d] = parts;
            // Too large a number would become a negative integer; packing holds all others to their range.
            let most = _mm256_set1_ps(255.0);
            let (a, b) = (_mm256_cvtps_epi32(_mm256_min_ps(a, most)), _mm256_cvtps_epi32(_mm256_min_ps(b, most)));
            let (c, d) = (_mm256_cvtps_epi32(_mm256_min_ps(c, most)), _mm256_cvtps_epi32(_mm256_min_ps(d, most)));
            let bytes = _mm256_packus_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
            // Within 128 bits there are now four bytes of each part.
            let turn = _mm256_setr_epi8(
                0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15,
                0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15,
            );
            _mm256_castsi256_ps(_mm256_shuffle_epi8(bytes, turn))
        };
        fn max_bytes(a: __m256, b: __m256) -> __m256 =
            _mm256_castsi256_ps(_mm256_max_epu8(_mm256_castps_si256(a), _mm256_castps_si256(b)));

        unsafe fn load(p: *const f32) -> __m256 = _mm256_loadu_ps(p);
        unsafe fn store(p: *mut f32, v: __m256) = _mm256_storeu_ps(p, v);
        // Eight loads and their shuffles were measured a quarter faster than the gather instruction of 8 lanes.
        unsafe fn gather(base: *const f32, indices: *const u16) -> __m256 = {
            let [a, b, c, d, e, f, g, h] = indices.cast::<[u16; 8]>().read();
            _mm256_setr_ps(
                *base.add(a.into()), *base.add(b.into()), *base.add(c.into()), *base.add(d.into()),
                *base.add(e.into()), *base.add(f.into()), *base.add(g.into()), *base.add(h.into()),
            )
        };
        unsafe fn lookup(table: &[f32; TABLE], labels: *const u8) -> __m256 = {
            let labels = _mm256_cvtepu8_epi32(_mm_loadl_epi64(labels.cast()));
            // One after the other: a closure would stay a call, and pass its vectors through memory.
            let parts = table.as_ptr();
            let part0 = _mm256_permutevar8x32_ps(_mm256_loadu_ps(parts), labels);
            let part1 = _mm256_permutevar8x32_ps(_mm256_loadu_ps(parts.add(8)), labels);
            let part2 = _mm256_permutevar8x32_ps(_mm256_loadu_ps(parts.add(16)), labels);
            let part3 = _mm256_permutevar8x32_ps(_mm256_loadu_ps(parts.add(24)), labels);
            // Bits 3 and 4 of a label choose the vector; a blend looks at the sign.
            let bit3 = _mm256_castsi256_ps(_mm256_slli_epi32::<28>(labels));
            let bit4 = _mm256_castsi256_ps(_mm256_slli_epi32::<27>(labels));
            let low = _mm256_blendv_ps(part0, part1, bit3);
            let high = _mm256_blendv_ps(part2, part3, bit3);
            _mm256_blendv_ps(low, high, bit4)
        };
    }
}
