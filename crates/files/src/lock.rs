//! One run at a time in a folder.

use std::fs::{self, File, TryLockError};
use std::io::{Error, ErrorKind, Result};
use std::path::Path;

/// Takes the folder `out`, which is made where it is missing, for this run, until the result is dropped or the process ends in
/// whatever way.
///
/// # Errors
/// Where another run has it, or the folder or the file `lock` in it cannot be made; the error names it.
pub fn lock(out: &Path) -> Result<File> {
    let path = out.join("lock");
    let named = |what: &str, path: &Path, error: Error| {
        Error::new(error.kind(), format!("cannot {what} {}: {error}", path.display()))
    };
    fs::create_dir_all(out).map_err(|error| named("make", out, error))?;
    let file = File::create(&path).map_err(|error| named("write", &path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::new(
            ErrorKind::WouldBlock,
            format!("another run writes to {}: wait for its end, or give another --out", out.display()),
        )),
        Err(TryLockError::Error(error)) => Err(named("lock", &path, error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_is_refused_until_the_first_ends() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("deep/out");
        let first = lock(&out).unwrap();
        let error = lock(&out).unwrap_err().to_string();
        assert!(error.contains("another run") && error.contains(&out.display().to_string()), "{error}");
        drop(first);
        drop(lock(&out).unwrap());
        let error = lock(&out.join("lock")).unwrap_err().to_string();
        assert!(error.contains("cannot make"), "{error}");
    }
}
