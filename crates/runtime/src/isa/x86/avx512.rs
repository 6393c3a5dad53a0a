//! AVX-512: 16 lanes.

use super::has;
use crate::isa::tuning::{ProductTuning, Tuning};
use crate::isa::vector::{Body, Isa, TABLE, methods};
use core::arch::x86_64::*;

/// Proof that AVX-512 is available, with products of bytes (VNNI) and masks that leave bytes out (VBMI2), as it is from Ice Lake
/// and Zen 4 on; and with it AVX2, FMA and POPCNT.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512(());

impl Avx512 {
    pub(crate) fn new() -> Option<Self> {
        has!("avx512f", "avx512bw", "avx512vnni", "avx512vbmi2", "avx2", "fma", "popcnt").then_some(Self(()))
    }
}

impl Isa for Avx512 {
    type F32 = __m512;
    type I32 = __m512i;
    const LANES: usize = 16;
    #[rustfmt::skip] // a table
    const TUNING: Tuning = Tuning {
        sparse: 2.0, block: 1.0, winograd: 0.7, transform: 11.2, line: 8.4,
        streamed: ProductTuning {
            dense: 2.5, labels: 1.0, sparse: 5.0, row: 0.0, sliced: 2.0,
            nonzero_byte: 1.25 * 2.5, beyond_cache: 1.0,
        },
        cached: ProductTuning {
            dense: 1.0, labels: f64::INFINITY, sparse: 12.0, row: 300.0, sliced: 2.0,
            nonzero_byte: f64::INFINITY, beyond_cache: 3.0,
        },
        pooled_vectors: 1.3, block_vectors: 6, winograd_tiles: &[12, 9, 6, 4], group_samples: 4,
    };
    const EXPANDS: bool = true;

    fn enter<B: Body>(self, body: B) {
        #[target_feature(enable = "avx512f,avx512bw,avx512vnni,avx512vbmi2,avx2,fma,popcnt")]
        fn door<B: Body>(isa: Avx512, body: B) {
            body.run(isa);
        }
        // SAFETY: the token proves that AVX-512 is available.
        unsafe { door(self, body) }
    }

    methods! {
        fn splat(x: f32) -> __m512 = _mm512_set1_ps(x);
        fn mul_add(a: __m512, b: __m512, c: __m512) -> __m512 = _mm512_fmadd_ps(a, b, c);
        fn add(a: __m512, b: __m512) -> __m512 = _mm512_add_ps(a, b);
        fn mul(a: __m512, b: __m512) -> __m512 = _mm512_mul_ps(a, b);
        fn div(a: __m512, b: __m512) -> __m512 = _mm512_div_ps(a, b);
        fn pow2(n: __m512) -> __m512 = {
            let biased = _mm512_add_epi32(_mm512_cvtps_epi32(n), _mm512_set1_epi32(127));
            _mm512_castsi512_ps(_mm512_slli_epi32::<23>(biased))
        };
        fn max(a: __m512, b: __m512) -> __m512 = _mm512_max_ps(a, b);
        fn min(a: __m512, b: __m512) -> __m512 = _mm512_min_ps(a, b);
        fn deinterleave(a: __m512, b: __m512) -> (__m512, __m512) = {
            let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            let odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
            (_mm512_permutex2var_ps(a, even, b), _mm512_permutex2var_ps(a, odd, b))
        };
        fn prefetch(p: *const f32) = _mm_prefetch::<_MM_HINT_T0>(p.cast());
        fn splat_i32(x: i32) -> __m512i = _mm512_set1_epi32(x);
        fn bits(v: __m512) -> __m512i = _mm512_castps_si512(v);
        fn to_f32(v: __m512i) -> __m512 = _mm512_cvtepi32_ps(v);
        fn dot4(sum: __m512i, x: __m512i, w: __m512i) -> __m512i = _mm512_dpbusd_epi32(sum, x, w);
        fn pack(parts: [__m512; 4]) -> __m512 = {
            let [a, b, c, d] = parts;
            // Too large a number would become a negative integer; packing holds all others to their range.
            let most = _mm512_set1_ps(255.0);
            let (a, b) = (_mm512_cvtps_epi32(_mm512_min_ps(a, most)), _mm512_cvtps_epi32(_mm512_min_ps(b, most)));
            let (c, d) = (_mm512_cvtps_epi32(_mm512_min_ps(c, most)), _mm512_cvtps_epi32(_mm512_min_ps(d, most)));
            let bytes = _mm512_packus_epi16(_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d));
            // Within 128 bits there are now four bytes of each part.
            let turn = _mm512_set4_epi32(0x0f0b_0703, 0x0e0a_0602, 0x0d09_0501, 0x0c08_0400);
            _mm512_castsi512_ps(_mm512_shuffle_epi8(bytes, turn))
        };
        fn max_bytes(a: __m512, b: __m512) -> __m512 =
            _mm512_castsi512_ps(_mm512_max_epu8(_mm512_castps_si512(a), _mm512_castps_si512(b)));

        unsafe fn load(p: *const f32) -> __m512 = _mm512_loadu_ps(p);
        unsafe fn store(p: *mut f32, v: __m512) = _mm512_storeu_ps(p, v);
        unsafe fn gather(base: *const f32, indices: *const u16) -> __m512 =
            _mm512_i32gather_ps::<4>(_mm512_cvtepu16_epi32(_mm256_loadu_si256(indices.cast())), base);
        unsafe fn lookup(table: &[f32; TABLE], labels: *const u8) -> __m512 = {
            let labels = _mm512_cvtepu8_epi32(_mm_loadu_si128(labels.cast()));
            let (low, high) = (_mm512_loadu_ps(table.as_ptr()), _mm512_loadu_ps(table.as_ptr().add(16)));
            _mm512_permutex2var_ps(low, labels, high)
        };
        unsafe fn compress(v: __m512i, to: *mut u8) -> u64 = {
            let mask = _mm512_test_epi8_mask(v, v);
            _mm512_storeu_si512(to.cast(), _mm512_maskz_compress_epi8(mask, v));
            mask
        };
        // To load and expand in one instruction was measured a tenth slower.
        unsafe fn expand(mask: u64, bytes: *const u8) -> __m512i =
            _mm512_maskz_expand_epi8(mask, _mm512_loadu_si512(bytes.cast()));
    }
}
