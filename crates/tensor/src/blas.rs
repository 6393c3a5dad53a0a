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
