//! What the targets of GNT and POT files share.

use hccr_data::{CasiaFilter, CasiaLimits};
use std::path::PathBuf;
use tempfile::TempDir;

/// Calls `load` with a file of these bytes.
pub(crate) fn load<T>(bytes: &[u8], load: impl FnOnce(&[PathBuf], &CasiaFilter) -> T) -> T {
    thread_local! {
        static FOLDER: TempDir = tempfile::tempdir().expect("a temporary folder");
    }
    let path = FOLDER.with(|folder| folder.path().join("file"));
    std::fs::write(&path, bytes).expect("a temporary file");
    let limits = CasiaLimits { member_bytes: 1 << 20, total_bytes: 1 << 21, samples: 1000 };
    load(&[path], &CasiaFilter { limits, ..CasiaFilter::default() })
}
