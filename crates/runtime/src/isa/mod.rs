//! Instruction sets: one trait over zero-sized proof tokens.
//!
//! A token exists only where its instruction set was detected, so that holding one proves that its instructions may run.
//! Each kernel is one generic body over [`Isa`]; [`Isa::enter`] is the only door into it, and the only place where the
//! compiler is told to use the instructions. Everything below the door is `#[inline(always)]` and free of closures: a
//! function that stays outside would pass vectors through memory and cost a factor of ten.

#[cfg(all(target_arch = "x86_64", any(test, not(feature = "std"))))]
mod cpuid;
#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
mod neon;
mod scalar;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm;
#[cfg(target_arch = "x86_64")]
mod x86;

use alloc::vec::Vec;
use core::fmt;

/// An instruction set that the runtime has kernels for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IsaKind {
    /// Plain Rust, for every machine.
    Scalar,
    /// x86-64 with AVX2 and FMA: 8 lanes of `f32`.
    Avx2,
    /// x86-64 with AVX-512 F, BW, VNNI and VBMI2, as from Ice Lake and Zen 4 on: 16 lanes of `f32`.
    Avx512,
    /// AArch64 with NEON: 4 lanes of `f32`.
    Neon,
    /// WebAssembly compiled with `simd128`: 4 lanes of `f32`.
    Simd128,
}

impl IsaKind {
    const ALL: [Self; 5] = [Self::Scalar, Self::Avx2, Self::Avx512, Self::Neon, Self::Simd128];

    /// The instruction sets that this machine has, the slowest first.
    pub fn available() -> Vec<Self> {
        Self::ALL.into_iter().filter(|&kind| Token::new(kind).is_some()).collect()
    }

    /// Short name, as in the names of kernels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Neon => "neon",
            Self::Simd128 => "simd128",
        }
    }
}

impl fmt::Display for IsaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Makes [`Token`] from the kinds that the target can have, each with the type of its proof.
macro_rules! tokens {
    ($($(#[$has:meta])? $kind:ident: $proof:ty,)*) => {
        /// The proof that an instruction set may be used, kept in a plan.
        #[derive(Clone, Copy, Debug)]
        pub(crate) enum Token {
            $($(#[$has])? $kind($proof),)*
        }

        impl Token {
            pub(crate) fn new(kind: IsaKind) -> Option<Self> {
                match kind {
                    $($(#[$has])? IsaKind::$kind => <$proof>::new().map(Self::$kind),)*
                    _ => None, // no target can have them all
                }
            }

            pub(crate) fn kind(self) -> IsaKind {
                match self {
                    $($(#[$has])? Self::$kind(_) => IsaKind::$kind,)*
                }
            }

            /// Lanes of `f32` in a vector.
            pub(crate) fn lanes(self) -> usize {
                match self {
                    $($(#[$has])? Self::$kind(_) => <$proof>::LANES,)*
                }
            }

            /// See [`Isa::DOT_OFFSET`].
            pub(crate) fn dot_offset(self) -> i32 {
                match self {
                    $($(#[$has])? Self::$kind(_) => <$proof>::DOT_OFFSET,)*
                }
            }

            /// See [`Isa::EXPANDS`].
            pub(crate) fn expands(self) -> bool {
                match self {
                    $($(#[$has])? Self::$kind(_) => <$proof>::EXPANDS,)*
                }
            }

            pub(crate) fn enter<K: Kernel>(self, kernel: K) {
                match self {
                    $($(#[$has])? Self::$kind(isa) => isa.enter(kernel),)*
                }
            }
        }
    };
}

tokens! {
    Scalar: scalar::Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2: x86::Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512: x86::Avx512,
    #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
    Neon: neon::Neon,
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    Simd128: wasm::Simd128,
}

impl Token {
    /// The fastest one that this machine has.
    pub(crate) fn best() -> Self {
        IsaKind::ALL.into_iter().rev().find_map(Self::new).unwrap_or(Self::Scalar(scalar::Scalar))
    }
}

/// A kernel: one body for every instruction set.
pub(crate) trait Kernel {
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
    /// What [`Isa::dot4`] takes away from each byte of `x` before it multiplies.
    const DOT_OFFSET: i32 = 0;
    /// True where [`Isa::compress`] and [`Isa::expand`] are instructions; others have neither.
    const EXPANDS: bool = false;

    /// Runs `kernel` compiled for this instruction set.
    fn enter<K: Kernel>(self, kernel: K);

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

    /// `x` for `x > 0`, `slope * x` otherwise; a slope of 1 gives `x` itself.
    #[inline(always)]
    fn prelu(self, x: Self::F32, slope: Self::F32) -> Self::F32 {
        let zero = self.splat(0.0);
        self.mul_add(self.min(x, zero), slope, self.max(x, zero))
    }
}

/// No instruction set here has wider vectors.
pub(crate) const MAX_LANES: usize = 16;

/// Elements of the table of [`Isa::lookup`]: as many as vector registers of every instruction set hold with room to spare.
pub(crate) const TABLE: usize = 32;

/// Adding and subtracting it rounds an `f32` below 2^22 to the nearest integer, ties to even: from 2^23 on, units are the last
/// place.
const ROUND: f32 = 12_582_912.0;

/// The nearest integer to `x`, below 2^22, ties to even.
#[inline(always)]
pub(crate) fn round(x: f32) -> f32 {
    x + ROUND - ROUND
}
