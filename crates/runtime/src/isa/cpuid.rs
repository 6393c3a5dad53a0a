//! What CPU and operating system can do on x86-64, where there is no `std` to ask.

use core::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};

/// True where `feature` may be used: those alone that the instruction sets here name.
pub(super) fn has(feature: &str) -> bool {
    /// The registers that the operating system keeps for a process, in XCR0: of SSE and AVX, and of AVX-512 too.
    const YMM: u64 = 0b110;
    const ZMM: u64 = 0b1110_0110;

    #[allow(unused_unsafe)] // safe in newer compilers
    // SAFETY: every x86-64 has `cpuid`.
    let (leaf0, leaf1) = unsafe { (__cpuid(0), __cpuid(1)) };
    if leaf0.eax < 7 || leaf1.ecx & 1 << 27 == 0 {
        return false;
    }
    #[allow(unused_unsafe)] // as above
    // SAFETY: the CPU has leaf 7, and the operating system uses `xsave` and so lets `xgetbv` be read.
    let (leaf7, kept) = unsafe { (__cpuid_count(7, 0), _xgetbv(0)) };
    let (present, needed) = match feature {
        "fma" => (leaf1.ecx & 1 << 12, YMM),
        "popcnt" => (leaf1.ecx & 1 << 23, 0),
        "avx2" => (leaf7.ebx & 1 << 5, YMM),
        "avx512f" => (leaf7.ebx & 1 << 16, ZMM),
        "avx512bw" => (leaf7.ebx & 1 << 30, ZMM),
        "avx512vbmi2" => (leaf7.ecx & 1 << 6, ZMM),
        "avx512vnni" => (leaf7.ecx & 1 << 11, ZMM),
        _ => (0, 0),
    };
    present != 0 && kept & needed == needed
}

#[cfg(test)]
mod tests {
    use super::has;

    #[test]
    #[cfg(feature = "std")]
    fn agrees_with_std() {
        assert_eq!(has("fma"), std::arch::is_x86_feature_detected!("fma"));
        assert_eq!(has("popcnt"), std::arch::is_x86_feature_detected!("popcnt"));
        assert_eq!(has("avx2"), std::arch::is_x86_feature_detected!("avx2"));
        assert_eq!(has("avx512f"), std::arch::is_x86_feature_detected!("avx512f"));
        assert_eq!(has("avx512bw"), std::arch::is_x86_feature_detected!("avx512bw"));
        assert_eq!(has("avx512vbmi2"), std::arch::is_x86_feature_detected!("avx512vbmi2"));
        assert_eq!(has("avx512vnni"), std::arch::is_x86_feature_detected!("avx512vnni"));
        assert!(!has("no such feature"));
    }
}
