//! Finds the GNT files in files, folders and archives.

use super::{
    GntError, GntReason, Record,
    record::{RecordError, Records},
};
use std::{
    fs::{self, File},
    io::{self, BufReader, Cursor, Read, Seek},
    path::{Path, PathBuf},
};
use zip::ZipArchive;

/// The signature of a zip archive; as the size of a first GNT record it would be far too large.
const ZIP: [u8; 4] = *b"PK\x03\x04";
/// How deep folders and archives may lie in each other.
const MAX_DEPTH: usize = 8;

/// What archives may unpack to. Counted while unpacking: what their headers claim is not trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GntLimits {
    /// The bytes of one member.
    pub member_bytes: u64,
    /// The bytes of all members of all archives.
    pub total_bytes: u64,
    /// The images that are kept; each takes 9216 bytes of memory.
    pub images: usize,
}

impl Default for GntLimits {
    /// 512 MiB a member, 8 GiB in all, a million images: each of HWDB's archives, but not all of them at once.
    fn default() -> Self {
        Self { member_bytes: 512 << 20, total_bytes: 8 << 30, images: 1_000_000 }
    }
}

/// Calls `each` with every record of the GNT files in `paths` (files, folders, zip archives), and with the number of
/// the file it is in: counted from 0 over all files, folders in the order of names, archives in their own. Hidden files
/// inside folders and archives are passed over.
///
/// # Errors
/// [`GntError`] at the first file that is neither GNT nor an archive of GNT files, or what `each` returns: a reason is
/// completed with file and offset.
pub fn visit_gnt(
    paths: &[PathBuf],
    limits: &GntLimits,
    each: &mut dyn FnMut(u32, Record) -> Result<(), GntReason>,
) -> Result<(), GntError> {
    let mut walk = Walk { limits, left: limits.total_bytes, files: 0, each };
    paths.iter().try_for_each(|path| walk.path(path, 0))
}

struct Walk<'a> {
    limits: &'a GntLimits,
    /// The bytes that may still be unpacked.
    left: u64,
    files: u32,
    each: &'a mut dyn FnMut(u32, Record) -> Result<(), GntReason>,
}

impl Walk<'_> {
    fn path(&mut self, path: &Path, depth: usize) -> Result<(), GntError> {
        let name = path.display().to_string();
        let io = |error| GntError::Io { file: name.clone(), error };
        if depth > MAX_DEPTH {
            return Err(GntError::TooDeep { file: name });
        }
        if fs::metadata(path).map_err(io)?.is_dir() {
            let entries = fs::read_dir(path).and_then(|dir| dir.map(|e| Ok(e?.path())).collect::<io::Result<Vec<_>>>());
            let mut entries = entries.map_err(io)?;
            entries.sort();
            entries.retain(|entry| !is_hidden(&entry.to_string_lossy()));
            return entries.iter().try_for_each(|entry| self.path(entry, depth + 1));
        }
        let mut reader = BufReader::with_capacity(1 << 16, File::open(path).map_err(io)?);
        let mut start = Vec::new();
        reader.by_ref().take(4).read_to_end(&mut start).map_err(io)?;
        reader.rewind().map_err(io)?;
        if start == ZIP { self.archive(reader, &name, depth) } else { self.records(reader, &name) }
    }

    fn archive<R: Read + Seek>(&mut self, reader: R, name: &str, depth: usize) -> Result<(), GntError> {
        let io = |file: &str, error: zip::result::ZipError| GntError::Io { file: file.into(), error: error.into() };
        if depth > MAX_DEPTH {
            return Err(GntError::TooDeep { file: name.into() });
        }
        let mut archive = ZipArchive::new(reader).map_err(|e| io(name, e))?;
        for i in 0..archive.len() {
            let member = archive.by_index(i).map_err(|e| io(name, e))?;
            if member.is_dir() || is_hidden(member.name()) {
                continue;
            }
            let name = format!("{name}/{}", member.name());
            let (limits, mut left) = (self.limits, self.left);
            let mut reader = Metered { reader: member, read: 0, left: &mut left, limits };
            let failed = |error: io::Error| of_record(&name, 0, error.into());
            let mut start = Vec::new();
            reader.by_ref().take(4).read_to_end(&mut start).map_err(failed)?;
            let result = if start == ZIP {
                let mut bytes = start;
                reader.read_to_end(&mut bytes).map_err(failed)?;
                self.left = left;
                self.archive(Cursor::new(bytes), &name, depth + 1)
            } else {
                let result = self.records(BufReader::with_capacity(1 << 16, Cursor::new(start).chain(reader)), &name);
                self.left = left;
                result
            };
            result?;
        }
        Ok(())
    }

    fn records<R: Read>(&mut self, reader: R, name: &str) -> Result<(), GntError> {
        let mut records = Records::new(reader);
        while let Some(record) = records.next().map_err(|e| of_record(name, records.offset(), e))? {
            let offset = record.offset;
            (self.each)(self.files, record).map_err(|e| of_record(name, offset, RecordError::Malformed(e)))?;
        }
        self.files += 1;
        Ok(())
    }
}

fn of_record(file: &str, offset: u64, error: RecordError) -> GntError {
    match error {
        RecordError::Malformed(reason) => GntError::Malformed { file: file.into(), offset, reason },
        RecordError::Io(error) => GntError::Io { file: file.into(), error },
    }
}

/// Names that systems add to folders and archives: `.DS_Store`, `__MACOSX/...`.
fn is_hidden(name: &str) -> bool {
    let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
    last.starts_with('.') || name.starts_with("__MACOSX")
}

/// A member of an archive, within limits.
struct Metered<'a, R> {
    reader: R,
    read: u64,
    left: &'a mut u64,
    limits: &'a GntLimits,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(buffer)?;
        self.read += n as u64;
        if self.read > self.limits.member_bytes {
            return Err(io::Error::other(GntReason::MemberBytes(self.limits.member_bytes)));
        }
        *self.left = self
            .left
            .checked_sub(n as u64)
            .ok_or_else(|| io::Error::other(GntReason::TotalBytes(self.limits.total_bytes)))?;
        Ok(n)
    }
}
