//! Reads the records of a packed set in any order.

use super::index::{Block, Entry, FOOTER_BYTES, index_start};
use super::{HEADER_BYTES, MAGIC, PackRecord, header};
use crate::casia::{CasiaError, CasiaFilter, CasiaReason, Labeller, RecordError};
use crate::{IMAGE_SIZE, ImageSet, gnt};
use rayon::prelude::*;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

/// Whether the file begins as packed sets do; not where it cannot be read.
pub fn is_packed(path: &Path) -> bool {
    let mut start = [0; MAGIC.len()];
    File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == *MAGIC
}

/// A packed set of images, of which only the index is in memory: 32 bytes per image.
#[derive(Clone, Debug)]
pub struct PackedImages {
    pack: Arc<Pack>,
    /// The record of each image.
    records: Vec<u32>,
    /// The class of each image: an index into `classes`.
    pub labels: Vec<u16>,
    /// The writer of each image: the number of its file.
    pub writers: Vec<u32>,
    /// The character of each class.
    pub classes: Vec<char>,
    /// Records of other characters that were passed over.
    pub passed_over: usize,
}

impl PackedImages {
    /// The images of the file `path` that `filter` chooses, as [`load_gnt`](crate::load_gnt) does; of its limits that of samples holds.
    ///
    /// # Errors
    /// [`CasiaError`] where the file cannot be read, is no packed set of images, or is damaged, and for more images than allowed.
    pub fn open(path: &Path, filter: &CasiaFilter) -> Result<Self, CasiaError> {
        let pack = Pack::open(path, gnt::Record::KIND)?;
        let mut labeller = Labeller::new(filter)?;
        let mut records = Vec::new();
        for (number, place) in (0..).zip(&pack.places) {
            let chosen = labeller.chooses(place.file, place.entry.tag);
            if chosen.map_err(|reason| RecordError::from(reason).at(&pack.name, place.offset))? {
                records.push(number);
            }
        }
        let labels = labeller.finish();
        Ok(Self {
            pack: Arc::new(pack),
            records,
            labels: labels.labels,
            writers: labels.writers,
            classes: labels.classes,
            passed_over: labels.passed_over,
        })
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Reads image `i` and normalizes it: `out` has `IMAGE_SIZE * IMAGE_SIZE` values, ink bright on 0.
    ///
    /// # Errors
    /// [`CasiaError`] where the file cannot be read, or the record is damaged.
    ///
    /// # Panics
    /// From `len()` on, and where `out` has another length.
    pub fn image(&self, i: usize, out: &mut [u8]) -> Result<(), CasiaError> {
        assert_eq!(out.len(), IMAGE_SIZE * IMAGE_SIZE, "the values of an image");
        let place = &self.pack.places[self.records[i] as usize];
        let record: gnt::Record = self.pack.record(place)?;
        record.normalize(out).map_err(|reason| RecordError::from(reason).at(&self.pack.name, place.offset))
    }

    /// The images at `indices`, in that order, with the same classes; still in the file.
    ///
    /// # Panics
    /// Where an index is not below `len()`.
    pub fn subset(&self, indices: &[usize]) -> Self {
        Self {
            pack: Arc::clone(&self.pack),
            records: indices.iter().map(|&i| self.records[i]).collect(),
            labels: indices.iter().map(|&i| self.labels[i]).collect(),
            writers: indices.iter().map(|&i| self.writers[i]).collect(),
            classes: self.classes.clone(),
            passed_over: 0,
        }
    }

    /// All images in memory.
    ///
    /// # Errors
    /// As of [`image`](Self::image).
    pub fn to_memory(&self) -> Result<ImageSet, CasiaError> {
        const LEN: usize = IMAGE_SIZE * IMAGE_SIZE;
        let mut pixels = vec![0; self.len() * LEN];
        pixels.par_chunks_exact_mut(LEN).enumerate().try_for_each(|(i, out)| self.image(i, out))?;
        Ok(ImageSet {
            size: IMAGE_SIZE,
            pixels,
            labels: self.labels.clone(),
            writers: self.writers.clone(),
            classes: self.classes.clone(),
            passed_over: self.passed_over,
        })
    }

    /// A checksum of the classes, labels and images, which are not read for it.
    pub fn fingerprint(&self) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(self.classes.iter().collect::<String>().as_bytes());
        for (label, &record) in self.labels.iter().zip(&self.records) {
            hasher.update(&label.to_le_bytes());
            hasher.update(&self.pack.places[record as usize].entry.checksum.to_le_bytes());
        }
        hasher.finalize()
    }
}

/// An open packed set.
#[derive(Debug)]
struct Pack {
    file: File,
    name: String,
    places: Vec<Place>,
}

/// Where a record is.
#[derive(Debug)]
struct Place {
    offset: u64,
    /// The number of the file that it came from.
    file: u32,
    entry: Entry,
}

impl Pack {
    fn open(path: &Path, kind: u8) -> Result<Self, CasiaError> {
        let name = path.display().to_string();
        let io = |error| CasiaError::Io { file: name.clone(), error };
        let file = File::open(path).map_err(io)?;
        let places = places(&file, kind).map_err(|error| error.at(&name, 0))?;
        Ok(Self { file, name, places })
    }

    fn record<R: PackRecord>(&self, place: &Place) -> Result<R, CasiaError> {
        let mut bytes = vec![0; place.entry.len as usize];
        let read = read_at(&self.file, &mut bytes, place.offset);
        read.map_err(|error| CasiaError::Io { file: self.name.clone(), error })?;
        let damaged = || RecordError::from(CasiaReason::PackDamaged("a record")).at(&self.name, place.offset);
        if crc32fast::hash(&bytes) != place.entry.checksum {
            return Err(damaged());
        }
        R::read(&mut &bytes[..]).map_err(|error| error.at(&self.name, place.offset))?.ok_or_else(damaged)
    }
}

/// Reads the header and the index.
fn places(mut file: &File, kind: u8) -> Result<Vec<Place>, RecordError> {
    let len = file.metadata()?.len();
    let mut found = [0; HEADER_BYTES];
    let mut end = [0; FOOTER_BYTES];
    let Some(footer) = len.checked_sub(FOOTER_BYTES as u64).filter(|&at| at >= HEADER_BYTES as u64) else {
        return Err(CasiaReason::PackDamaged("its end").into());
    };
    file.read_exact(&mut found)?;
    if found != header(kind) {
        let is_other = [gnt::Record::KIND, crate::pot::Record::KIND].iter().any(|&kind| found == header(kind));
        return Err(if is_other { CasiaReason::PackKind } else { CasiaReason::PackDamaged("its start") }.into());
    }
    file.seek(SeekFrom::Start(footer))?;
    file.read_exact(&mut end)?;
    let start = index_start(&end)?;
    let damaged = || RecordError::from(CasiaReason::PackDamaged("its index"));
    let index_bytes = footer.checked_sub(start).and_then(|bytes| usize::try_from(bytes).ok()).ok_or_else(damaged)?;
    file.seek(SeekFrom::Start(start))?;
    let mut index = vec![0; index_bytes];
    file.read_exact(&mut index)?;
    let (mut rest, mut offset, mut places) = (&index[..], HEADER_BYTES as u64, Vec::new());
    for number in 0.. {
        if rest.is_empty() {
            break;
        }
        let (block, behind) = Block::split_first(rest).ok_or_else(damaged)?;
        for entry in block.entries {
            places.push(Place { offset, file: number, entry });
            offset += u64::from(entry.len);
        }
        rest = behind;
    }
    if offset == start { Ok(places) } else { Err(damaged()) }
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(windows)]
fn read_at(file: &File, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                bytes = &mut bytes[read..];
                offset += read as u64;
            }
        }
    }
    Ok(())
}
