//! Which instruction sets there are, and the proofs that one may be used.

#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
use super::neon;
use super::scalar;
use super::tuning::Tuning;
use super::vector::{Body, Isa};
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
use super::wasm;
#[cfg(target_arch = "x86_64")]
use super::x86;
use alloc::vec::Vec;
use core::fmt;

/// An instruction set that the runtime has kernels for.
///
/// ```
/// use hccr_runtime::IsaKind;
///
/// let names: Vec<_> = IsaKind::available().into_iter().map(IsaKind::name).collect();
/// assert_eq!(names[0], "scalar");
/// ```
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

    /// The costs that kernels are chosen by, where this machine has the instruction set: for `cargo xtask tune`.
    #[doc(hidden)]
    pub fn tuning(self) -> Option<impl fmt::Debug> {
        Token::new(self).map(Token::tuning)
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

            /// See [`Isa::TUNING`].
            pub(crate) fn tuning(self) -> &'static Tuning {
                match self {
                    $($(#[$has])? Self::$kind(_) => const { &<$proof>::TUNING },)*
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

            /// Runs `body` compiled for the instruction set.
            pub(crate) fn enter<B: Body>(self, body: B) {
                match self {
                    $($(#[$has])? Self::$kind(isa) => isa.enter(body),)*
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
