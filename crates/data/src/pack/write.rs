//! Packs the records of GNT or POT files.

use super::index::{Block, Entry, footer};
use super::{HEADER_BYTES, PackRecord, header};
use crate::casia::{self, CasiaError, CasiaLimits, CasiaReason, RecordError, Source};
use crate::{gnt, pot};
use rayon::prelude::*;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Records are checked together once they hold so many bytes.
const BATCH_BYTES: usize = 8 << 20;

/// What was packed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// Files of records: in CASIA's data, writers.
    pub files: usize,
    /// Files that an earlier run had packed already.
    pub resumed_files: usize,
    /// Records in the set.
    pub records: usize,
    /// Records that were left out by this run.
    pub unusable: Vec<Unusable>,
}

/// A record that nothing can be learnt from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// Its file, with that of the archive before it.
    pub file: String,
    /// Its number in the file, from 0.
    pub record: usize,
    /// What is wrong with it.
    pub reason: CasiaReason,
}

/// Packs the GNT files in `paths` (files, folders, zip archives) into the file `out`.
///
/// A run that was stopped leaves `out` with `.part` and `.part-index` behind its name: the next run with the same paths goes on after the
/// last file that is complete in them. `progress` hears how many records were packed, now and then.
///
/// # Errors
/// [`CasiaError`] for data that is malformed, but for records without ink or of no known character: those are left out, and named in
/// what was packed. [`CasiaError::Io`] where a file cannot be read, [`CasiaError::Write`] where one cannot be written, where `out` is there,
/// where another run packs into it, or where what an earlier run has left was made from other paths.
pub fn pack_gnt(
    paths: &[PathBuf],
    limits: &CasiaLimits,
    out: &Path,
    progress: &dyn Fn(usize),
) -> Result<Packed, CasiaError> {
    pack::<gnt::Record>(paths, limits, out, progress)
}

/// As [`pack_gnt`], of POT files.
///
/// # Errors
/// As of [`pack_gnt`].
pub fn pack_pot(
    paths: &[PathBuf],
    limits: &CasiaLimits,
    out: &Path,
    progress: &dyn Fn(usize),
) -> Result<Packed, CasiaError> {
    pack::<pot::Record>(paths, limits, out, progress)
}

fn pack<R: PackRecord>(
    paths: &[PathBuf],
    limits: &CasiaLimits,
    out: &Path,
    progress: &dyn Fn(usize),
) -> Result<Packed, CasiaError> {
    let io = |path: &Path| {
        let file = path.display().to_string();
        move |error: io::Error| CasiaError::Write { file: file.clone(), error }
    };
    if out.exists() {
        let reason = "it is there already: remove it, or give another name";
        return Err(io(out)(io::Error::new(io::ErrorKind::AlreadyExists, reason)));
    }
    let parts = Parts { data: beside(out, "part"), index: beside(out, "part-index") };
    let failed = io(&parts.data);
    let (mut packer, done) = Packer::<R>::open(&parts, inputs(paths)?).map_err(&failed)?;
    let file = parts.data.display().to_string();
    casia::visit_from(&done, paths, limits, R::read, &mut |source, record| {
        packer.add(source, record).map_err(|error| RecordError::Write { file: file.clone(), error })?;
        progress(packer.packed.records);
        Ok(())
    })?;
    packer.finish(&parts, out).map_err(&failed)
}

/// Where a set is while it is packed.
struct Parts {
    data: PathBuf,
    /// A block that says what is packed, and one for each file that is complete in the data.
    index: PathBuf,
}

/// The path with another ending behind its name.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

/// A name for what the paths hold: it changes with them, and with the times of their last changes.
fn inputs(paths: &[PathBuf]) -> Result<String, CasiaError> {
    let mut hasher = crc32fast::Hasher::new();
    for path in paths {
        let name = path.display().to_string();
        let metadata = fs::metadata(path).map_err(|error| CasiaError::Io { file: name.clone(), error })?;
        let changed =
            metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        hasher.update(format!("{name}\0{}\0{}\0", metadata.len(), changed.as_nanos()).as_bytes());
    }
    Ok(format!("of files {:08x}", hasher.finalize()))
}

struct Packer<R> {
    data: BufWriter<File>,
    index: File,
    /// The file that is being packed, its number among all, and its records so far, those left out included.
    block: Block,
    file: Option<u32>,
    seen: usize,
    /// Records that are not checked yet.
    batch: Vec<(R, Vec<u8>)>,
    batch_bytes: usize,
    packed: Packed,
}

impl<R: PackRecord> Packer<R> {
    /// Begins, or goes on after what an earlier run with the same `inputs` has left: also gives the names of the files that it packed.
    fn open(parts: &Parts, inputs: String) -> io::Result<(Self, Vec<String>)> {
        let open = |path| OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut data = open(&parts.data)?;
        // Until the result is dropped or the process ends.
        data.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::new(io::ErrorKind::WouldBlock, "another run packs into it"),
            TryLockError::Error(error) => error,
        })?;
        let mut index = open(&parts.index)?;
        let mut known = Vec::new();
        index.read_to_end(&mut known)?;
        let (mut packed, mut done) = (Packed::default(), Vec::new());
        let mut end = HEADER_BYTES as u64;
        let mut rest = &known[..];
        let of = Block { name: inputs, entries: Vec::new() };
        match Block::split_first(rest) {
            Some((found, behind)) if found == of => rest = behind,
            Some(_) => {
                let reason = format!(
                    "an earlier run has packed other files, or these before they were changed; remove this and {} to begin anew",
                    parts.index.display()
                );
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, reason));
            }
            None => {
                index.set_len(0)?;
                index.rewind()?;
                index.write_all(&of.to_bytes())?;
                known = of.to_bytes();
                rest = &[];
            }
        }
        let len = data.metadata()?.len();
        while let Some((block, behind)) =
            Block::split_first(rest).filter(|(block, _)| end + block.record_bytes() <= len)
        {
            end += block.record_bytes();
            packed.records += block.entries.len();
            packed.resumed_files += 1;
            done.push(block.name);
            rest = behind;
        }
        let whole = (known.len() - rest.len()) as u64;
        index.set_len(whole)?;
        index.seek(SeekFrom::End(0))?;
        if packed.resumed_files == 0 {
            data.set_len(0)?;
            data.write_all(&header(R::KIND))?;
        }
        data.set_len(end)?;
        data.seek(SeekFrom::End(0))?;
        packed.files = packed.resumed_files;
        let data = BufWriter::with_capacity(1 << 20, data);
        let block = Block::default();
        Ok((Self { data, index, block, file: None, seen: 0, batch: Vec::new(), batch_bytes: 0, packed }, done))
    }

    fn add(&mut self, Source { file, name }: Source<'_>, record: R) -> io::Result<()> {
        if self.file != Some(file) {
            self.end_file()?;
            self.file = Some(file);
            self.block.name = name.into();
        }
        let bytes = record.to_bytes();
        self.batch_bytes += bytes.len();
        self.batch.push((record, bytes));
        if self.batch_bytes >= BATCH_BYTES { self.write_batch() } else { Ok(()) }
    }

    fn write_batch(&mut self) -> io::Result<()> {
        let faults: Vec<_> = self.batch.par_iter().map(|(record, _)| record.fault()).collect();
        for ((record, bytes), fault) in self.batch.drain(..).zip(faults) {
            let number = self.seen;
            self.seen += 1;
            if let Some(reason) = fault {
                self.packed.unusable.push(Unusable { file: self.block.name.clone(), record: number, reason });
                continue;
            }
            self.data.write_all(&bytes)?;
            let len = u32::try_from(bytes.len()).expect("a record is shorter than 2^32 bytes");
            self.block.entries.push(Entry { len, tag: record.tag(), checksum: crc32fast::hash(&bytes) });
            self.packed.records += 1;
        }
        self.batch_bytes = 0;
        Ok(())
    }

    /// Writes the index of the file under way, once its records are safe.
    fn end_file(&mut self) -> io::Result<()> {
        self.write_batch()?;
        if self.file.is_some() {
            self.data.flush()?;
            self.data.get_ref().sync_data()?;
            self.index.write_all(&std::mem::take(&mut self.block).to_bytes())?;
            self.packed.files += 1;
            self.seen = 0;
        }
        Ok(())
    }

    fn finish(mut self, parts: &Parts, out: &Path) -> io::Result<Packed> {
        self.end_file()?;
        let start = self.data.stream_position()?;
        let blocks = fs::read(&parts.index)?;
        let (_, blocks) = Block::split_first(&blocks).ok_or(io::ErrorKind::InvalidData)?;
        self.data.write_all(blocks)?;
        self.data.write_all(&footer(start))?;
        self.data.flush()?;
        self.data.get_ref().sync_all()?;
        hccr_files::rename(&parts.data, out)?;
        fs::remove_file(&parts.index)?;
        Ok(self.packed)
    }
}
