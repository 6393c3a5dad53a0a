//! Parts of reports: numbers as text, tables, charts in SVG, pages of HTML that need no other file, and on what machine and
//! commit figures were measured.
#![forbid(unsafe_code)]

pub mod chart;
pub mod machine;
pub mod markup;
pub mod number;
pub mod page;
pub mod reading;
pub mod sheet;
pub mod table;

mod picture;

use anyhow::{Context, Result};
use std::path::Path;

/// Writes files of these names and contents into the directory `out`, which is made where it is missing, with those below it; each
/// file whole or not at all.
///
/// # Errors
/// Where a directory cannot be made or a file cannot be written.
pub fn write_files(out: &Path, files: impl IntoIterator<Item = (String, String)>) -> Result<()> {
    for (name, text) in files {
        let path = out.join(name);
        let directory = path.parent().unwrap_or(out);
        std::fs::create_dir_all(directory)
            .with_context(|| format!("cannot make the directory {}", directory.display()))?;
        hccr_files::replace(&path, &[text.as_bytes()]).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
