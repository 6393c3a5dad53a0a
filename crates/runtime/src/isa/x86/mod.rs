//! x86-64: AVX2 with FMA, and AVX-512.

mod avx2;
mod avx512;

pub(crate) use avx2::Avx2;
pub(crate) use avx512::Avx512;

/// True where the CPU has all features.
macro_rules! has {
    ($($feature:tt),+) => {{
        #[cfg(feature = "std")]
        { $(std::arch::is_x86_feature_detected!($feature))&&+ }
        #[cfg(not(feature = "std"))]
        { $(crate::isa::cpuid::has($feature))&&+ }
    }};
}
use has;
