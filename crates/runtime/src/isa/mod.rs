//! Instruction sets: one trait over zero-sized proof tokens.
//!
//! A token exists only where its instruction set was detected, so that holding one proves that its instructions may run.
//! Each kernel is one generic [`Body`] over [`Isa`]; [`Isa::enter`] is the only door into it, and the only place where the
//! compiler is told to use the instructions. Everything below the door is `#[inline(always)]` and free of closures: a
//! function that stays outside would pass vectors through memory and cost a factor of ten.

#[cfg(all(target_arch = "x86_64", any(test, not(feature = "std"))))]
mod cpuid;
#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
mod neon;
mod scalar;
mod token;
mod tuning;
mod vector;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wasm;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use token::IsaKind;
pub(crate) use token::Token;
pub(crate) use tuning::{LEVEL_1_BYTES, LEVEL_2_BYTES, ProductTuning, Tuning};
pub(crate) use vector::{Body, Isa, MAX_LANES, TABLE, max_of_bytes, round};
