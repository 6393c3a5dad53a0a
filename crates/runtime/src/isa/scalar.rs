//! Plain Rust: vectors are arrays, which the compiler turns into whatever the target has.

use super::tuning::{ProductTuning, Tuning};
use super::vector::{Body, Isa, TABLE, max_of_bytes, methods, round};

/// Always available.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scalar;

impl Scalar {
    pub(crate) fn new() -> Option<Self> {
        Some(Self)
    }
}

/// `f` of each lane of `a` and the same of `b`.
#[inline(always)]
fn zip(a: [f32; 4], b: [f32; 4], f: impl Fn(f32, f32) -> f32) -> [f32; 4] {
    [f(a[0], b[0]), f(a[1], b[1]), f(a[2], b[2]), f(a[3], b[3])]
}

impl Isa for Scalar {
    type F32 = [f32; 4];
    type I32 = [i32; 4];
    const LANES: usize = 4;
    #[rustfmt::skip] // a table: costs as measured with AVX2, so that plain Rust takes the same kernels
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
        pooled_vectors: 1.3, block_vectors: 2, winograd_tiles: &[4], group_samples: 1,
    };

    #[inline(never)]
    fn enter<B: Body>(self, body: B) {
        body.run(self);
    }

    methods! {
        fn splat(x: f32) -> [f32; 4] = [x; 4];
        fn mul_add(a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] =
            [a[0] * b[0] + c[0], a[1] * b[1] + c[1], a[2] * b[2] + c[2], a[3] * b[3] + c[3]];
        fn add(a: [f32; 4], b: [f32; 4]) -> [f32; 4] = zip(a, b, |a, b| a + b);
        fn mul(a: [f32; 4], b: [f32; 4]) -> [f32; 4] = zip(a, b, |a, b| a * b);
        fn div(a: [f32; 4], b: [f32; 4]) -> [f32; 4] = zip(a, b, |a, b| a / b);
        fn pow2(n: [f32; 4]) -> [f32; 4] =
            n.map(|n| f32::from_bits((n as i32).wrapping_add(127).cast_unsigned() << 23));
        fn max(a: [f32; 4], b: [f32; 4]) -> [f32; 4] = zip(a, b, |a, b| if a > b { a } else { b });
        fn min(a: [f32; 4], b: [f32; 4]) -> [f32; 4] = zip(a, b, |a, b| if a < b { a } else { b });
        fn deinterleave(a: [f32; 4], b: [f32; 4]) -> ([f32; 4], [f32; 4]) =
            ([a[0], a[2], b[0], b[2]], [a[1], a[3], b[1], b[3]]);
        fn splat_i32(x: i32) -> [i32; 4] = [x; 4];
        fn bits(v: [f32; 4]) -> [i32; 4] = v.map(|x| x.to_bits().cast_signed());
        fn to_f32(v: [i32; 4]) -> [f32; 4] = v.map(|x| x as f32);
        fn dot4(sum: [i32; 4], x: [i32; 4], w: [i32; 4]) -> [i32; 4] = {
            let dot = |sum: i32, x: i32, w: i32| {
                let (x, w) = (x.to_le_bytes(), w.to_le_bytes());
                let product = |i: usize| i32::from(x[i]) * i32::from(w[i].cast_signed());
                sum.wrapping_add(product(0) + product(1) + product(2) + product(3))
            };
            [dot(sum[0], x[0], w[0]), dot(sum[1], x[1], w[1]), dot(sum[2], x[2], w[2]), dot(sum[3], x[3], w[3])]
        };
        fn pack(parts: [[f32; 4]; 4]) -> [f32; 4] = {
            let byte = |part: usize, lane: usize| round(parts[part][lane].clamp(0.0, 255.0)) as u8;
            [0, 1, 2, 3].map(|lane| f32::from_le_bytes([byte(0, lane), byte(1, lane), byte(2, lane), byte(3, lane)]))
        };
        fn max_bytes(a: [f32; 4], b: [f32; 4]) -> [f32; 4] = zip(a, b, max_of_bytes);

        unsafe fn load(p: *const f32) -> [f32; 4] = p.cast::<[f32; 4]>().read();
        unsafe fn store(p: *mut f32, v: [f32; 4]) = p.cast::<[f32; 4]>().write(v);
        unsafe fn gather(base: *const f32, indices: *const u16) -> [f32; 4] = {
            let [a, b, c, d] = indices.cast::<[u16; 4]>().read();
            [*base.add(a.into()), *base.add(b.into()), *base.add(c.into()), *base.add(d.into())]
        };
        unsafe fn lookup(table: &[f32; TABLE], labels: *const u8) -> [f32; 4] =
            labels.cast::<[u8; 4]>().read().map(|label| table[usize::from(label) % TABLE]);
    }
}
