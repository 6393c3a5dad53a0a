//! Finds the records in files, folders and archives.

use super::{
    error::{CasiaError, CasiaReason, RecordError},
    filter::CasiaLimits,
    kind::{Kind, START_BYTES},
};
use std::{
    fs::{self, File},
    io::{self, BufReader, Cursor, Read, Seek},
    path::{Path, PathBuf},
};
use zip::ZipArchive;

/// How deep folders and archives may lie in each other.
const MAX_DEPTH: usize = 8;
/// What archives inside of an archive may unpack to: so many bytes, and so many per byte of the archive. They are held in
/// memory, and hardly shrink in it.
const NESTED_BYTES: u64 = 16 << 20;
const NESTED_PER_BYTE: u64 = 16;

/// Reads the next record of a file, `None` at its end. It allocates no more than about twice the bytes that it reads.
type ReadRecord<T> = fn(&mut dyn Read) -> Result<Option<T>, RecordError>;

/// What a record was read from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    /// The number of the file, counted from 0 over all files, folders in the order of names, archives in their own.
    pub(crate) file: u32,
    /// The path of the file, with that of the archive before it.
    pub(crate) name: &'a str,
}

/// What is done with each record.
type Each<'a, T> = dyn FnMut(Source<'_>, T) -> Result<(), RecordError> + 'a;

/// Calls `each` with every record of the files in `paths` (files, folders, zip archives). Hidden files inside folders and archives are
/// passed over. Archives in archives are held in memory, within a limit.
///
/// # Errors
/// [`CasiaError`] at the first file of which `read` refuses a record, or what `each` returns: both are completed with file and
/// offset.
pub(crate) fn visit<T>(
    paths: &[PathBuf],
    limits: &CasiaLimits,
    read: ReadRecord<T>,
    each: &mut Each<'_, T>,
) -> Result<(), CasiaError> {
    visit_from(&[], paths, limits, read, each)
}

/// As [`visit`], without the records of the first files, which have these names.
pub(crate) fn visit_from<T>(
    done: &[String],
    paths: &[PathBuf],
    limits: &CasiaLimits,
    read: ReadRecord<T>,
    each: &mut Each<'_, T>,
) -> Result<(), CasiaError> {
    let mut walk = Walk { limits, left: limits.total_bytes, files: 0, done, read, each };
    for path in paths {
        let before = walk.files;
        walk.path(path, 0)?;
        if walk.files == before {
            return Err(RecordError::from(CasiaReason::NoFiles).at(&path.display().to_string(), 0));
        }
    }
    match done.get(walk.files as usize) {
        Some(missing) => Err(CasiaError::Io { file: missing.clone(), error: io::ErrorKind::NotFound.into() }),
        None => Ok(()),
    }
}

/// The header of the next record, `None` at the end of the file.
pub(crate) fn read_header<const N: usize>(reader: &mut dyn Read) -> Result<Option<[u8; N]>, RecordError> {
    let bytes = read_up_to(reader, N)?;
    match bytes.first_chunk() {
        Some(&header) => Ok(Some(header)),
        None if bytes.is_empty() => Ok(None),
        None => Err(CasiaReason::TruncatedHeader { expected: N, found: bytes.len() }.into()),
    }
}

/// What follows a header that asks for `expected` bytes.
pub(crate) fn read_body(reader: &mut dyn Read, expected: usize) -> Result<Vec<u8>, RecordError> {
    let body = read_up_to(reader, expected)?;
    let found = body.len();
    if found == expected { Ok(body) } else { Err(CasiaReason::TruncatedBody { expected, found }.into()) }
}

/// The next `bytes` bytes, or as many as there are before the end.
fn read_up_to(reader: &mut dyn Read, bytes: usize) -> io::Result<Vec<u8>> {
    let mut read = Vec::new();
    reader.take(bytes as u64).read_to_end(&mut read)?;
    Ok(read)
}

struct Walk<'a, T> {
    limits: &'a CasiaLimits,
    /// The bytes that may still be unpacked.
    left: u64,
    files: u32,
    /// The names of the files whose records are passed over.
    done: &'a [String],
    read: ReadRecord<T>,
    each: &'a mut Each<'a, T>,
}

impl<T> Walk<'_, T> {
    fn path(&mut self, path: &Path, depth: usize) -> Result<(), CasiaError> {
        let name = path.display().to_string();
        let io = |error| CasiaError::Io { file: name.clone(), error };
        if depth > MAX_DEPTH {
            return Err(CasiaError::TooDeep { file: name });
        }
        let metadata = fs::metadata(path).map_err(io)?;
        if metadata.is_dir() {
            let entries = fs::read_dir(path).and_then(|dir| dir.map(|e| Ok(e?.path())).collect::<io::Result<Vec<_>>>());
            let mut entries = entries.map_err(io)?;
            entries.sort();
            entries.retain(|entry| !is_hidden(&entry.to_string_lossy()));
            return entries.iter().try_for_each(|entry| self.path(entry, depth + 1));
        }
        if !metadata.is_file() {
            // A pipe would be waited for.
            return Err(io(io::Error::new(io::ErrorKind::InvalidInput, "neither a file nor a folder")));
        }
        let mut reader = BufReader::with_capacity(1 << 16, File::open(path).map_err(io)?);
        let start = read_up_to(&mut reader, START_BYTES).map_err(io)?;
        reader.rewind().map_err(io)?;
        match Kind::of(&start) {
            Kind::Zip => {
                let most = NESTED_BYTES + NESTED_PER_BYTE * metadata.len();
                self.archive(reader, &name, depth, Nested { left: most, most })
            }
            kind => self.records(reader, &name, kind),
        }
    }

    fn archive<R: Read + Seek>(
        &mut self,
        reader: R,
        name: &str,
        depth: usize,
        nested: Nested,
    ) -> Result<(), CasiaError> {
        let io = |file: &str, error: zip::result::ZipError| CasiaError::Io { file: file.into(), error: error.into() };
        if depth > MAX_DEPTH {
            return Err(CasiaError::TooDeep { file: name.into() });
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
            let failed = |error: io::Error| RecordError::from(error).at(&name, 0);
            let start = read_up_to(&mut reader, START_BYTES).map_err(failed)?;
            let result = match Kind::of(&start) {
                Kind::Zip => {
                    let mut bytes = start;
                    reader.take(nested.left + 1).read_to_end(&mut bytes).map_err(failed)?;
                    self.left = left;
                    let nested = nested.with(bytes.len()).map_err(|reason| RecordError::from(reason).at(&name, 0))?;
                    self.archive(Cursor::new(bytes), &name, depth + 1, nested)
                }
                kind => {
                    let reader = BufReader::with_capacity(1 << 16, Cursor::new(start).chain(reader));
                    let result = self.records(reader, &name, kind);
                    self.left = left;
                    result
                }
            };
            result?;
        }
        Ok(())
    }

    fn records<R: Read>(&mut self, reader: R, name: &str, kind: Kind) -> Result<(), CasiaError> {
        if let Some(done) = self.done.get(self.files as usize) {
            if done != name {
                return Err(RecordError::from(CasiaReason::PackedOther(done.clone())).at(name, 0));
            }
            self.files += 1;
            return Ok(());
        }
        let mut reader = Counted { reader, read: 0 };
        loop {
            let offset = reader.read;
            let record = (self.read)(&mut reader).map_err(|error| match (kind, error) {
                (Kind::Foreign(kind), RecordError::Malformed(_)) if offset == 0 => CasiaReason::Foreign(kind).into(),
                (_, error) => error,
            });
            match record.map_err(|error| error.at(name, offset))? {
                Some(record) => {
                    (self.each)(Source { file: self.files, name }, record).map_err(|e| e.at(name, offset))?
                }
                None if offset == 0 => return Err(RecordError::from(CasiaReason::NoRecords).at(name, 0)),
                None => break,
            }
        }
        self.files += 1;
        Ok(())
    }
}

/// Bytes that the archives that lie in each other may still take.
#[derive(Clone, Copy)]
struct Nested {
    left: u64,
    most: u64,
}

impl Nested {
    /// What is left beside an archive of so many bytes.
    fn with(self, bytes: usize) -> Result<Self, CasiaReason> {
        let left = self.left.checked_sub(bytes as u64).ok_or(CasiaReason::NestedBytes(self.most))?;
        Ok(Self { left, ..self })
    }
}

/// A reader that knows where it is.
struct Counted<R> {
    reader: R,
    read: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(buffer)?;
        self.read += n as u64;
        Ok(n)
    }
}

/// Names that systems add to folders and archives: `.DS_Store`, `__MACOSX/...`, `Thumbs.db`.
fn is_hidden(name: &str) -> bool {
    let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
    last.starts_with('.') || name.starts_with("__MACOSX") || ["Thumbs.db", "desktop.ini"].contains(&last)
}

/// A member of an archive, within limits.
struct Metered<'a, R> {
    reader: R,
    read: u64,
    left: &'a mut u64,
    limits: &'a CasiaLimits,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(buffer)?;
        self.read += n as u64;
        if self.read > self.limits.member_bytes {
            return Err(io::Error::other(CasiaReason::MemberBytes(self.limits.member_bytes)));
        }
        *self.left = self
            .left
            .checked_sub(n as u64)
            .ok_or_else(|| io::Error::other(CasiaReason::TotalBytes(self.limits.total_bytes)))?;
        Ok(n)
    }
}
