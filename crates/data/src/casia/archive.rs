//! Records written as an archive of files, one file for each writer.

use super::error::CasiaError;
use std::{
    collections::BTreeMap,
    io::{Cursor, Write},
};
use zip::{ZipWriter, write::SimpleFileOptions};

/// A zip archive of the files of all writers, named by their numbers and `extension`; `records` has each record's writer. What a
/// writer wrote stays in its order.
pub(crate) fn archive(
    records: impl Iterator<Item = Result<(u32, Vec<u8>), CasiaError>>,
    extension: &str,
) -> Result<Vec<u8>, CasiaError> {
    let mut files: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
    for record in records {
        let (writer, bytes) = record?;
        files.entry(writer).or_default().extend(bytes);
    }
    let pack = || {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        for (writer, bytes) in &files {
            zip.start_file(format!("{writer:08}.{extension}"), SimpleFileOptions::default())?;
            zip.write_all(bytes)?;
        }
        Ok::<_, zip::result::ZipError>(zip.finish()?.into_inner())
    };
    pack().map_err(|error| CasiaError::Io { file: format!("archive of .{extension} files"), error: error.into() })
}
