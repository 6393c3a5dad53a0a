//! Reads the records of a packed set in any order.

use super::index::{Block, Entry, FOOTER_BYTES, index_start};
use super::{HEADER_BYTES, MAGIC, PackRecord, header};
use crate::casia::{CasiaError, CasiaFilter, CasiaReason, Labeller, Labels, RecordError};
use crate::{IMAGE_SIZE, ImageSet, InkSet, gnt, pot};
use rayon::prelude::*;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

/// Whether the file begins as packed sets do; not where it cannot be read, or is no regular file.
pub fn is_packed(path: &Path) -> bool {
    let mut start = [0; MAGIC.len()];
    path.is_file() && File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == *MAGIC
}

/// Records of a packed set, of which only the index is in memory: 32 bytes per record.
#[derive(Clone, Debug)]
pub struct PackedRecords {
    pack: Arc<Pack>,
    /// The number of each in the packed set.
    numbers: Vec<u32>,
    /// The class of each: an index into `classes`.
    pub labels: Vec<u16>,
    /// The writer of each: the number of its file.
    pub writers: Vec<u32>,
    /// The character of each class.
    pub classes: Vec<char>,
    /// Records of other characters that were passed over.
    pub passed_over: usize,
}

impl PackedRecords {
    /// The records of the file `path`, which are of one kind, that `filter` chooses.
    fn open(path: &Path, kind: u8, filter: &CasiaFilter) -> Result<Self, CasiaError> {
        let pack = Pack::open(path, kind)?;
        let mut labeller = Labeller::new(filter)?;
        let mut numbers = Vec::new();
        for (number, place) in (0..).zip(&pack.places) {
            let chosen = labeller.chooses(place.file, place.entry.tag);
            if chosen.map_err(|reason| RecordError::from(reason).at(&pack.name, place.offset))? {
                numbers.push(number);
            }
        }
        let Labels { labels, writers, classes, passed_over } = labeller.finish();
        Ok(Self { pack: Arc::new(pack), numbers, labels, writers, classes, passed_over })
    }

    /// The number of records.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no records.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    fn place(&self, i: usize) -> &Place {
        &self.pack.places[self.numbers[i] as usize]
    }

    fn subset(&self, indices: &[usize]) -> Self {
        Self {
            pack: Arc::clone(&self.pack),
            numbers: indices.iter().map(|&i| self.numbers[i]).collect(),
            labels: indices.iter().map(|&i| self.labels[i]).collect(),
            writers: indices.iter().map(|&i| self.writers[i]).collect(),
            classes: self.classes.clone(),
            passed_over: 0,
        }
    }

    /// A checksum of the classes, labels and records, which are not read for it.
    pub fn fingerprint(&self) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(self.classes.iter().collect::<String>().as_bytes());
        for (i, label) in self.labels.iter().enumerate() {
            hasher.update(&label.to_le_bytes());
            hasher.update(&self.place(i).entry.checksum.to_le_bytes());
        }
        hasher.finalize()
    }
}

/// The images of a packed set, each read when it is needed.
#[derive(Clone, Debug)]
pub struct PackedImages {
    /// Whose they are, and what they show.
    pub records: PackedRecords,
}

impl PackedImages {
    /// The images of the file `path` that `filter` chooses, as [`load_gnt`](crate::load_gnt) does; of its limits that of samples holds.
    ///
    /// # Errors
    /// [`CasiaError`] where the file cannot be read, is no packed set of images, or is damaged, and for more images than allowed.
    pub fn open(path: &Path, filter: &CasiaFilter) -> Result<Self, CasiaError> {
        Ok(Self { records: PackedRecords::open(path, gnt::Record::KIND, filter)? })
    }

    /// Reads image `i` and normalizes it: `out` has `IMAGE_SIZE * IMAGE_SIZE` values, ink bright on 0.
    ///
    /// # Errors
    /// [`CasiaError`] where the file cannot be read, or the record is damaged.
    ///
    /// # Panics
    /// From the number of records on, and where `out` has another length.
    pub fn image(&self, i: usize, out: &mut [u8]) -> Result<(), CasiaError> {
        assert_eq!(out.len(), IMAGE_SIZE * IMAGE_SIZE, "the values of an image");
        let (pack, place) = (&self.records.pack, self.records.place(i));
        let record: gnt::Record = pack.record(place)?;
        record.normalize(out).map_err(|reason| RecordError::from(reason).at(&pack.name, place.offset))
    }

    /// The images at `indices`, in that order, with the same classes; still in the file.
    ///
    /// # Panics
    /// Where an index is not below the number of records.
    pub fn subset(&self, indices: &[usize]) -> Self {
        Self { records: self.records.subset(indices) }
    }

    /// All images in memory.
    ///
    /// # Errors
    /// As of [`image`](Self::image).
    pub fn to_memory(&self) -> Result<ImageSet, CasiaError> {
        const LEN: usize = IMAGE_SIZE * IMAGE_SIZE;
        let PackedRecords { labels, writers, classes, passed_over, .. } = self.records.clone();
        let mut pixels = vec![0; labels.len() * LEN];
        pixels.par_chunks_exact_mut(LEN).enumerate().try_for_each(|(i, out)| self.image(i, out))?;
        Ok(ImageSet { size: IMAGE_SIZE, pixels, labels, writers, classes, passed_over })
    }
}

/// The inks of a packed set, each read when it is needed.
#[derive(Clone, Debug)]
pub struct PackedInks {
    /// Whose they are, and what they show.
    pub records: PackedRecords,
}

impl PackedInks {
    /// The inks of the file `path` that `filter` chooses, as [`load_pot`](crate::load_pot) does; of its limits that of samples holds.
    ///
    /// # Errors
    /// [`CasiaError`] where the file cannot be read, is no packed set of inks, or is damaged, and for more inks than allowed.
    pub fn open(path: &Path, filter: &CasiaFilter) -> Result<Self, CasiaError> {
        Ok(Self { records: PackedRecords::open(path, pot::Record::KIND, filter)? })
    }

    /// Reads the strokes of ink `i`, in writing order; those without points are left out.
    ///
    /// # Errors
    /// [`CasiaError`] where the file cannot be read, or the record is damaged.
    ///
    /// # Panics
    /// From the number of records on.
    pub fn strokes(&self, i: usize) -> Result<Vec<Vec<[i16; 2]>>, CasiaError> {
        let record: pot::Record = self.records.pack.record(self.records.place(i))?;
        Ok(record.into_strokes())
    }

    /// About how many points ink `i` has, from the index alone.
    ///
    /// # Panics
    /// From the number of records on.
    pub fn points(&self, i: usize) -> usize {
        self.records.place(i).entry.len as usize / pot::POINT_BYTES
    }

    /// The inks at `indices`, in that order, with the same classes; still in the file.
    ///
    /// # Panics
    /// Where an index is not below the number of records.
    pub fn subset(&self, indices: &[usize]) -> Self {
        Self { records: self.records.subset(indices) }
    }

    /// All inks in memory.
    ///
    /// # Errors
    /// As of [`strokes`](Self::strokes).
    pub fn to_memory(&self) -> Result<InkSet, CasiaError> {
        let PackedRecords { labels, writers, classes, passed_over, .. } = &self.records;
        let mut set = InkSet::new(classes.clone());
        set.passed_over = *passed_over;
        for (i, (&label, &writer)) in labels.iter().zip(writers).enumerate() {
            set.push(self.strokes(i)?, label, writer);
        }
        Ok(set)
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
        let is_other = [gnt::Record::KIND, pot::Record::KIND].iter().any(|&kind| found == header(kind));
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
