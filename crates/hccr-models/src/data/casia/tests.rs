//! What the tests of both formats need.

use std::{
    fs,
    io::{Cursor, Write},
    path::Path,
};
use zip::{ZipWriter, write::SimpleFileOptions};

/// An archive of members with these names and bytes.
pub(in crate::data) fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, SimpleFileOptions::default()).expect("start member");
        writer.write_all(bytes).expect("write member");
    }
    writer.finish().expect("finish archive").into_inner()
}

/// What `read` makes of a file named `x` with these bytes.
pub(in crate::data) fn with_file<T>(bytes: &[u8], read: impl FnOnce(&Path) -> T) -> T {
    let dir = tempfile::tempdir().expect("temporary folder");
    let path = dir.path().join("x");
    fs::write(&path, bytes).expect("write file");
    read(&path)
}
