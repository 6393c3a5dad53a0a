//! Vectors: one trait over all instruction sets.

use super::tuning::Tuning;

/// The body of a kernel: one for every instruction set.
pub(crate) trait Body {
    /// The body; implementations are `#[inline(always)]`.
    fn run<I: Isa>(self, isa: I);
}

/// Vectors of `f32`, and of as many `i32`, `LANES` wide.
///
/// A vector of *quads* has four unsigned bytes in each lane, the first in the lowest bits.
pub(crate) trait Isa: Copy {
    /// A vector.
    type F32: Copy;
    /// A vector of integers, or of quads.
    type I32: Copy;
    /// Its lanes; at most [`MAX_LANES`].
    const LANES: usize;
    /// What the instruction set is good at.
    const TUNING: Tuning;
    /// What [`Isa::dot4`] takes away from each byte of `x` before it multiplies.
    const DOT_OFFSET: i32 = 0;
    /// True where [`Isa::compress`] and [`Isa::expand`] are instructions; others have neither.
    const EXPANDS: bool = false;

    /// Runs `body` compiled for this instruction set.
    fn enter<B: Body>(self, body: B);

    /// `x` in every lane.
    fn splat(self, x: f32) -> Self::F32;
    /// `a * b + c`, rounded once where the instruction set can.
    fn mul_add(self, a: Self::F32, b: Self::F32, c: Self::F32) -> Self::F32;
    /// `a + b`.
    fn add(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a * b`.
    fn mul(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `a / b`.
    fn div(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// `2^n`, for integers from -126 to 127; anything for NaN.
    fn pow2(self, n: Self::F32) -> Self::F32;
    /// The larger, lane by lane; `b` where one is NaN.
    fn max(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// The smaller, lane by lane; `b` where one is NaN.
    fn min(self, a: Self::F32, b: Self::F32) -> Self::F32;
    /// The elements of even and of odd index of `a` followed by `b`.
    fn deinterleave(self, a: Self::F32, b: Self::F32) -> (Self::F32, Self::F32);

    /// Reads `LANES` elements at any alignment.
    ///
    /// # Safety
    /// `p` points to `LANES` readable elements.
    unsafe fn load(self, p: *const f32) -> Self::F32;
    /// Writes `LANES` elements at any alignment.
    ///
    /// # Safety
    /// `p` points to `LANES` writable elements.
    unsafe fn store(self, p: *mut f32, v: Self::F32);

    /// Asks for the cache line at `p`, which need not be readable, to be brought near.
    #[inline(always)]
    fn prefetch(self, _p: *const f32) {}

    /// The elements of `base` at the `LANES` indices.
    ///
    /// # Safety
    /// `indices` points to `LANES` indices, and `base` to an element readable at each of them.
    unsafe fn gather(self, base: *const f32, indices: *const u16) -> Self::F32;

    /// The elements of `table` at the `LANES` labels, which count modulo its length.
    ///
    /// # Safety
    /// `labels` points to `LANES` readable labels.
    unsafe fn lookup(self, table: &[f32; TABLE], labels: *const u8) -> Self::F32;

    /// `x` in every lane.
    fn splat_i32(self, x: i32) -> Self::I32;
    /// The same bits.
    fn bits(self, v: Self::F32) -> Self::I32;
    /// The numbers as `f32`.
    fn to_f32(self, v: Self::I32) -> Self::F32;
    /// `sum` and four products of each lane: quads `x` less [`Isa::DOT_OFFSET`], times four signed bytes from -63 to 63.
    fn dot4(self, sum: Self::I32, x: Self::I32, w: Self::I32) -> Self::I32;
    /// Writes the bytes of `v` that are not zero, one after the other, and then anything; the mask of those bytes.
    ///
    /// # Safety
    /// `to` points to `4 * LANES` writable bytes.
    unsafe fn compress(self, _v: Self::I32, _to: *mut u8) -> u64 {
        unreachable!("the instruction set has no such instruction")
    }
    /// The vector that [`Isa::compress`] gave `mask` for, from what it wrote.
    ///
    /// # Safety
    /// `bytes` points to `4 * LANES` readable bytes.
    unsafe fn expand(self, _mask: u64, _bytes: *const u8) -> Self::I32 {
        unreachable!("the instruction set has no such instruction")
    }
    /// Quads of four vectors of numbers, each rounded, ties to even, and 0 below 0 and 255 above 255.
    fn pack(self, parts: [Self::F32; 4]) -> Self::F32;
    /// The larger bytes of quads.
    fn max_bytes(self, a: Self::F32, b: Self::F32) -> Self::F32;

    /// The first `LANES` of `values`; zeros where there are none.
    #[inline(always)]
    fn read(self, values: &[f32]) -> Self::F32 {
        if values.len() >= Self::LANES {
            // SAFETY: the slice has `LANES` elements.
            return unsafe { self.load(values.as_ptr()) };
        }
        const { assert!(Self::LANES <= MAX_LANES) };
        let mut lanes = [0.0; MAX_LANES];
        lanes[..values.len()].copy_from_slice(values);
        // SAFETY: `LANES` is at most `MAX_LANES`.
        unsafe { self.load(lanes.as_ptr()) }
    }

    /// Writes as much of `v` as `out` has room for.
    #[inline(always)]
    fn write(self, v: Self::F32, out: &mut [f32]) {
        if out.len() >= Self::LANES {
            // SAFETY: the slice has `LANES` elements.
            return unsafe { self.store(out.as_mut_ptr(), v) };
        }
        const { assert!(Self::LANES <= MAX_LANES) };
        let mut lanes = [0.0; MAX_LANES];
        // SAFETY: `LANES` is at most `MAX_LANES`.
        unsafe { self.store(lanes.as_mut_ptr(), v) };
        out.copy_from_slice(&lanes[..out.len()]);
    }

    /// `x` for `x > 0`, `slope * x` otherwise; a slope of 1 gives `x` itself.
    #[inline(always)]
    fn prelu(self, x: Self::F32, slope: Self::F32) -> Self::F32 {
        let zero = self.splat(0.0);
        self.mul_add(self.min(x, zero), slope, self.max(x, zero))
    }
}

/// Writes methods of an [`Isa`] as a table: `fn name(arguments) -> result = expression;`, the unsafe ones last.
///
/// Each is inlined into what lies behind the door: outside it would be a call, with its vectors in memory.
macro_rules! methods {
    (
        $(fn $safe:ident($($a:ident: $t:ty),*) $(-> $r:ty)? = $e:expr;)*
        $(unsafe fn $unsafe:ident($($ua:ident: $ut:ty),*) $(-> $ur:ty)? = $ue:expr;)*
    ) => {
        $(#[inline(always)]
        #[allow(unused_unsafe)] // plain Rust and the instructions of WebAssembly need none
        fn $safe(self, $($a: $t),*) $(-> $r)? {
            // SAFETY: the token proves that the instruction set is available.
            unsafe { $e }
        })*
        $(#[inline(always)]
        unsafe fn $unsafe(self, $($ua: $ut),*) $(-> $ur)? {
            // SAFETY: the token proves that the instruction set is available; the caller vouches for what pointers point to.
            unsafe { $ue }
        })*
    };
}
pub(super) use methods;

/// No instruction set here has wider vectors.
pub(crate) const MAX_LANES: usize = 16;

/// Elements of the table of [`Isa::lookup`]: as many as vector registers of every instruction set hold with room to spare.
pub(crate) const TABLE: usize = 32;

/// The larger bytes of two quads.
#[inline(always)]
pub(crate) fn max_of_bytes(a: f32, b: f32) -> f32 {
    let (a, b) = (a.to_le_bytes(), b.to_le_bytes());
    f32::from_le_bytes([a[0].max(b[0]), a[1].max(b[1]), a[2].max(b[2]), a[3].max(b[3])])
}

/// Adding and subtracting it rounds an `f32` below 2^22 to the nearest integer, ties to even: from 2^23 on, units are the last
/// place.
const ROUND: f32 = 12_582_912.0;

/// The nearest integer to `x`, below 2^22, ties to even.
#[inline(always)]
pub(crate) fn round(x: f32) -> f32 {
    x + ROUND - ROUND
}
