//! Plain Rust: vectors are arrays, which the compiler turns into whatever the target has.

use super::tuning::{ProductTuning, Tuning};
use super::vector::{Body, Isa, TABLE, round};

/// Always available.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scalar;

impl Scalar {
    pub(crate) fn new() -> Option<Self> {
        Some(Self)
    }
}

impl Isa for Scalar {
    type F32 = [f32; 4];
    type I32 = [i32; 4];
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
        pooled_vectors: 1.3, block_vectors: 2, winograd_tiles: &[6, 5, 4], group_samples: 1,
    };

    #[inline(never)]
    fn enter<B: Body>(self, body: B) {
        body.run(self);
    }

    #[inline(always)]
    fn splat(self, x: f32) -> [f32; 4] {
        [x; 4]
    }

    #[inline(always)]
    fn mul_add(self, a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] {
        [a[0] * b[0] + c[0], a[1] * b[1] + c[1], a[2] * b[2] + c[2], a[3] * b[3] + c[3]]
    }

    #[inline(always)]
    fn add(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        [a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]]
    }

    #[inline(always)]
    fn mul(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        [a[0] * b[0], a[1] * b[1], a[2] * b[2], a[3] * b[3]]
    }

    #[inline(always)]
    fn div(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        [a[0] / b[0], a[1] / b[1], a[2] / b[2], a[3] / b[3]]
    }

    #[inline(always)]
    fn pow2(self, n: [f32; 4]) -> [f32; 4] {
        let pow2 = |n: f32| f32::from_bits((n as i32).wrapping_add(127).cast_unsigned() << 23);
        [pow2(n[0]), pow2(n[1]), pow2(n[2]), pow2(n[3])]
    }

    #[inline(always)]
    fn max(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        let max = |x: f32, y: f32| if x > y { x } else { y };
        [max(a[0], b[0]), max(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])]
    }

    #[inline(always)]
    fn min(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        let min = |x: f32, y: f32| if x < y { x } else { y };
        [min(a[0], b[0]), min(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])]
    }

    #[inline(always)]
    fn deinterleave(self, a: [f32; 4], b: [f32; 4]) -> ([f32; 4], [f32; 4]) {
        ([a[0], a[2], b[0], b[2]], [a[1], a[3], b[1], b[3]])
    }

    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> [f32; 4] {
        // SAFETY: the caller vouches for 4 readable elements; the read needs no more alignment than an `f32`'s.
        unsafe { p.cast::<[f32; 4]>().read() }
    }

    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: [f32; 4]) {
        // SAFETY: the caller vouches for 4 writable elements; the write needs no more alignment than an `f32`'s.
        unsafe { p.cast::<[f32; 4]>().write(v) }
    }

    #[inline(always)]
    unsafe fn gather(self, base: *const f32, indices: *const u16) -> [f32; 4] {
        // SAFETY: the caller vouches for 4 indices, and for the element at each.
        unsafe {
            let [a, b, c, d] = indices.cast::<[u16; 4]>().read();
            [*base.add(a.into()), *base.add(b.into()), *base.add(c.into()), *base.add(d.into())]
        }
    }

    #[inline(always)]
    unsafe fn lookup(self, table: &[f32; TABLE], labels: *const u8) -> [f32; 4] {
        // SAFETY: the caller vouches for 4 labels.
        let labels = unsafe { labels.cast::<[u8; 4]>().read() };
        labels.map(|label| table[usize::from(label) % TABLE])
    }

    #[inline(always)]
    fn splat_i32(self, x: i32) -> [i32; 4] {
        [x; 4]
    }

    #[inline(always)]
    fn bits(self, v: [f32; 4]) -> [i32; 4] {
        v.map(|x| x.to_bits().cast_signed())
    }

    #[inline(always)]
    fn to_f32(self, v: [i32; 4]) -> [f32; 4] {
        v.map(|x| x as f32)
    }

    #[inline(always)]
    fn dot4(self, sum: [i32; 4], x: [i32; 4], w: [i32; 4]) -> [i32; 4] {
        let dot = |sum: i32, x: i32, w: i32| {
            let (x, w) = (x.to_le_bytes(), w.to_le_bytes());
            let product = |i: usize| i32::from(x[i]) * i32::from(w[i].cast_signed());
            sum.wrapping_add(product(0) + product(1) + product(2) + product(3))
        };
        [dot(sum[0], x[0], w[0]), dot(sum[1], x[1], w[1]), dot(sum[2], x[2], w[2]), dot(sum[3], x[3], w[3])]
    }

    #[inline(always)]
    fn pack(self, parts: [[f32; 4]; 4]) -> [f32; 4] {
        let byte = |part: usize, lane: usize| round(parts[part][lane].clamp(0.0, 255.0)) as u8;
        let pack = |lane: usize| {
            f32::from_bits(u32::from_le_bytes([byte(0, lane), byte(1, lane), byte(2, lane), byte(3, lane)]))
        };
        [pack(0), pack(1), pack(2), pack(3)]
    }

    #[inline(always)]
    fn max_bytes(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        let max = |x: f32, y: f32| {
            let (x, y) = (x.to_bits().to_le_bytes(), y.to_bits().to_le_bytes());
            let max = |i: usize| if x[i] > y[i] { x[i] } else { y[i] };
            f32::from_bits(u32::from_le_bytes([max(0), max(1), max(2), max(3)]))
        };
        [max(a[0], b[0]), max(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])]
    }
}
