//! Threads of the BLAS library.

use std::fmt;

/// Why a BLAS library cannot be used under rayon.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BlasError {
    /// OpenBLAS was built with OpenMP.
    OpenMp,
}

impl fmt::Display for BlasError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenMp => write!(
                f,
                "this OpenBLAS was built with OpenMP, which falls to a tenth of its speed under rayon; \
                 install the pthread build (on Debian: apt-get install libopenblas0-pthread libopenblas-pthread-dev)"
            ),
        }
    }
}

impl std::error::Error for BlasError {}

/// Makes each BLAS call run on the thread that calls it, so that rayon alone decides on threads and results do not
/// depend on their number. To be called once, before training. Does nothing without the feature `openblas`.
///
/// # Errors
/// [`BlasError::OpenMp`] where OpenBLAS is the OpenMP build.
pub fn use_one_thread() -> Result<(), BlasError> {
    #[cfg(feature = "openblas")]
    {
        use std::ffi::c_int;
        // SAFETY: the declarations are those of OpenBLAS's cblas.h, and neither function asks for anything.
        #[allow(unsafe_code)]
        unsafe extern "C" {
            safe fn openblas_set_num_threads(threads: c_int);
            safe fn openblas_get_parallel() -> c_int;
        }
        const OPENMP: c_int = 2;
        if openblas_get_parallel() == OPENMP {
            return Err(BlasError::OpenMp);
        }
        openblas_set_num_threads(1);
    }
    Ok(())
}

/// What the BLAS library takes this CPU for, where its kernels for that do without AVX2 though the CPU has it: a library older than the CPU
/// does so, unless the environment variable `OPENBLAS_CORETYPE` names a CPU that it knows. (`xtask/src/prepare.rs` sets it, and has the same
/// list.)
pub fn slow_kernels() -> Option<String> {
    #[cfg(all(feature = "openblas", target_arch = "x86_64"))]
    if is_x86_feature_detected!("avx2") {
        use std::ffi::{CStr, c_char};
        const WITHOUT_AVX2: [&str; 7] = ["prescott", "core2", "penryn", "nehalem", "generic", "atom", "sandybridge"];
        // SAFETY: the declaration is that of OpenBLAS's cblas.h; the name that it gives is a constant string.
        #[allow(unsafe_code)]
        let core = unsafe {
            unsafe extern "C" {
                fn openblas_get_corename() -> *const c_char;
            }
            CStr::from_ptr(openblas_get_corename())
        };
        let core = core.to_string_lossy();
        return WITHOUT_AVX2.contains(&core.to_lowercase().as_str()).then(|| core.into_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    /// Of a process of its own, since OpenBLAS chooses its kernels when a program starts.
    #[test]
    #[cfg(all(feature = "openblas", target_arch = "x86_64"))]
    fn slow_kernels_are_noticed() {
        const CORE: &str = "OPENBLAS_CORETYPE";
        if std::env::var_os("HCCR_SLOW_KERNELS").is_some() {
            println!("{:?}", super::slow_kernels());
            return;
        }
        let run = |core| {
            let mut test = std::process::Command::new(std::env::current_exe().unwrap());
            test.args(["--exact", "blas::tests::slow_kernels_are_noticed", "--nocapture"]);
            let output = test.env(CORE, core).env("HCCR_SLOW_KERNELS", "1").output().unwrap();
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            let [old, new] = ["Prescott", "Haswell"].map(run);
            if old == new {
                return println!("skipped: this OpenBLAS has kernels for one CPU alone");
            }
            assert!(old.contains("Some(\"Prescott\")") && new.contains("None"), "{old}{new}");
        }
    }
}
