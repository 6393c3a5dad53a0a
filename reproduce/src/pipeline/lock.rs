//! One run at a time in an output directory.

use anyhow::{Context, Result, anyhow, bail};
use std::fs::{File, TryLockError};
use std::path::Path;

/// Takes the directory `out` for this run, until the result is dropped or the process ends in whatever way. An error where another
/// run has it.
pub(crate) fn lock(out: &Path) -> Result<File> {
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let path = out.join("lock");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            bail!("another run writes to {}: wait for its end, or give another --out", out.display())
        }
        Err(TryLockError::Error(error)) => Err(anyhow!(error).context(format!("cannot lock {}", path.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_is_refused_until_the_first_ends() {
        let out = std::env::temp_dir().join(format!("hccr-lock-{}", std::process::id()));
        let first = lock(&out).unwrap();
        let error = lock(&out).unwrap_err().to_string();
        assert!(error.contains("another run") && error.contains(&out.display().to_string()), "{error}");
        drop(first);
        drop(lock(&out).unwrap());
        std::fs::remove_dir_all(&out).unwrap();
    }
}
