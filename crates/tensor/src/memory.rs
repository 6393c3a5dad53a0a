//! What the C library does with memory that is freed.

/// Keeps freed memory for the next allocation, instead of giving it back to the system: each step of a training wants as much as the
/// one before, and to get it anew takes a tenth of a step. For programs that train, to be called once. Does nothing without glibc.
pub fn keep_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        use std::ffi::c_int;
        // SAFETY: the declaration is that of glibc's malloc.h; the function takes any two numbers.
        #[allow(unsafe_code)]
        unsafe extern "C" {
            safe fn mallopt(option: c_int, value: c_int) -> c_int;
        }
        const TRIM_THRESHOLD: c_int = -1;
        const MMAP_THRESHOLD: c_int = -3;
        mallopt(TRIM_THRESHOLD, c_int::MAX);
        // The largest that glibc accepts; what is larger is still given back.
        mallopt(MMAP_THRESHOLD, 32 << 20);
    }
}
