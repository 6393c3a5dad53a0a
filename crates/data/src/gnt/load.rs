//! GNT files as an [`ImageSet`].

use super::record::{Record, read_record};
use crate::{
    IMAGE_SIZE, ImageSet,
    casia::{self, CasiaError, CasiaFilter, CasiaReason, Labeller},
};
use rayon::prelude::*;
use std::path::PathBuf;

/// Records are normalized together once they hold so many bytes.
const BATCH_BYTES: usize = 8 << 20;

/// Loads the GNT files in `paths` (files, folders, zip archives), normalized. An image's writer is the number of its file,
/// counted from 0 over all files, folders in the order of names, archives in their own: in HWDB, one writer wrote each.
/// Hidden files inside folders and archives are passed over.
///
/// `progress` hears how many images have been loaded, now and then.
///
/// # Errors
/// [`CasiaError`] for data that is malformed in any way, an image without ink included, or beyond the limits.
pub fn load_gnt(paths: &[PathBuf], filter: &CasiaFilter, progress: &dyn Fn(usize)) -> Result<ImageSet, CasiaError> {
    let mut labeller = Labeller::new(filter)?;
    let mut loader = Loader::default();
    casia::visit(paths, &filter.limits, read_record, &mut |source, record| {
        if !labeller.chooses(source.file, record.known_tag()?)? {
            return Ok(());
        }
        loader.push(record);
        if loader.batch_bytes >= BATCH_BYTES {
            loader.normalize_batch();
            progress(labeller.len());
        }
        Ok(())
    })?;
    loader.normalize_batch();
    progress(labeller.len());
    if let Some(blank) = loader.blank {
        name_blank(paths, filter, blank)?;
    }

    let labels = labeller.finish();
    let mut set = ImageSet::new(IMAGE_SIZE, labels.classes);
    set.passed_over = labels.passed_over;
    (set.labels, set.writers, set.pixels) = (labels.labels, labels.writers, loader.pixels);
    Ok(set)
}

/// Reads the files once more, up to the record without ink: number `blank` of those that are chosen.
fn name_blank(paths: &[PathBuf], filter: &CasiaFilter, blank: usize) -> Result<(), CasiaError> {
    let mut labeller = Labeller::new(filter)?;
    let mut chosen = 0;
    casia::visit(paths, &filter.limits, read_record, &mut |source, record| {
        if labeller.chooses(source.file, record.known_tag()?)? {
            if chosen == blank {
                return Err(CasiaReason::Blank.into());
            }
            chosen += 1;
        }
        Ok(())
    })
}

#[derive(Default)]
struct Loader {
    pixels: Vec<u8>,
    /// The last records, not normalized yet.
    batch: Vec<Record>,
    batch_bytes: usize,
    /// The number of the first record without ink.
    blank: Option<usize>,
}

impl Loader {
    fn push(&mut self, record: Record) {
        self.batch_bytes += record.pixels.len();
        self.batch.push(record);
    }

    fn normalize_batch(&mut self) {
        const LEN: usize = IMAGE_SIZE * IMAGE_SIZE;
        let start = self.pixels.len();
        self.pixels.resize(start + self.batch.len() * LEN, 0);
        let normalized = self.pixels[start..].par_chunks_exact_mut(LEN).zip(&self.batch);
        let normalized = normalized.map(|(out, record)| record.normalize(out).is_ok());
        if let Some(first) = normalized.position_first(|is_normalized| !is_normalized) {
            self.blank.get_or_insert(start / LEN + first);
        }
        self.batch.clear();
        self.batch_bytes = 0;
    }
}
