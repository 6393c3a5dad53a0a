//! `cargo xtask sanitize`: tests of what is `unsafe` or shared among threads, under Miri, AddressSanitizer and ThreadSanitizer.

use crate::optional::SANITIZERS;
use crate::steps::Steps;
use anyhow::Result;
use std::path::Path;

/// Runs all steps, and skips those for which something is missing.
pub(crate) fn run(root: &Path) -> Result<()> {
    let mut steps = Steps::stopping(root, None);
    SANITIZERS.iter().try_for_each(|step| steps.optional(step))?;
    steps.summary()
}
