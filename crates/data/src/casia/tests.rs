//! What the tests of both formats need.

use super::{CasiaError, CasiaReason};
use proptest::prelude::*;
use std::{
    fmt, fs,
    io::{Cursor, Write},
    path::Path,
};
use zip::{ZipWriter, write::SimpleFileOptions};

/// An archive of members with these names and bytes.
pub(crate) fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, SimpleFileOptions::default()).expect("start member");
        writer.write_all(bytes).expect("write member");
    }
    writer.finish().expect("finish archive").into_inner()
}

/// What `read` makes of a file named `x` with these bytes.
pub(crate) fn with_file<T>(bytes: &[u8], read: impl FnOnce(&Path) -> T) -> T {
    let dir = tempfile::tempdir().expect("temporary folder");
    let path = dir.path().join("x");
    fs::write(&path, bytes).expect("write file");
    read(&path)
}

/// Why a file made by [`with_file`] was refused, and at which offset.
pub(crate) fn refusal<T: fmt::Debug>(loaded: Result<T, CasiaError>) -> (u64, CasiaReason) {
    match loaded {
        Err(CasiaError::Malformed { offset, reason, file }) => {
            assert!(file.contains('x'), "{file}");
            (offset, reason)
        }
        other => panic!("{other:?}"),
    }
}

/// Copies of `file`, or of an archive of it and of `other`, with a few bytes changed, perhaps cut.
pub(crate) fn mutations(file: Vec<u8>, other: &[u8]) -> impl Strategy<Value = Vec<u8>> {
    let archive = zip(&[("a", &file), ("b", other)]);
    let changes = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (any::<bool>(), changes, any::<prop::sample::Index>()).prop_map(move |(packed, changes, end)| {
        let mut bytes = if packed { archive.clone() } else { file.clone() };
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(end.index(2 * bytes.len()));
        bytes
    })
}
