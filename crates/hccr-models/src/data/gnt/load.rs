//! GNT files as an [`ImageSet`].

use super::{GntError, GntLimits, GntReason, Record, visit_gnt};
use crate::data::{
    IMAGE_SIZE, ImageSet,
    gb2312::{char_of_tag, tag_of_char},
};
use hccr_runtime::preprocess::{GrayImage, normalize};
use rayon::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

/// What to do with a record that is none of the wanted characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OtherTags {
    /// Pass over it.
    #[default]
    Skip,
    /// Stop with an error.
    Refuse,
}

/// What to take from GNT files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GntFilter {
    /// The classes, in this order; without them, all GB2312 characters found, in code order. A test set wants the
    /// classes of its training set.
    pub classes: Option<Vec<char>>,
    /// What to do with other characters (without `classes`: HWDB's ASCII symbols).
    pub others: OtherTags,
    /// What archives may unpack to.
    pub limits: GntLimits,
}

/// Records are normalised together once they hold so many bytes.
const BATCH_BYTES: usize = 8 << 20;

/// Loads the GNT files in `paths` (files, folders, zip archives; see [`visit_gnt`]), normalised. An image's writer is
/// the number of its file: in HWDB, one writer wrote each.
///
/// `progress` hears how many images have been loaded, now and then.
///
/// # Errors
/// [`GntError`] for data that is malformed in any way, an image without ink included, or beyond the limits.
pub fn load_gnt(paths: &[PathBuf], filter: &GntFilter, progress: &dyn Fn(usize)) -> Result<ImageSet, GntError> {
    let wanted = filter.classes.as_deref().map(tags).transpose()?;
    let mut loader = Loader::default();
    visit_gnt(paths, &filter.limits, &mut |writer, record| {
        let is_wanted = match &wanted {
            Some(tags) => tags.contains_key(&record.tag),
            None => char_of_tag(record.tag).is_some(),
        };
        if !is_wanted {
            return match filter.others {
                OtherTags::Skip => Ok(()),
                OtherTags::Refuse => Err(GntReason::Unwanted(record.tag)),
            };
        }
        if loader.tags.len() == filter.limits.images {
            return Err(GntReason::Images(filter.limits.images));
        }
        if record.pixels.iter().all(|&grey| grey == 255) {
            return Err(GntReason::Blank);
        }
        loader.push(writer, record);
        if loader.batch_bytes >= BATCH_BYTES {
            loader.normalize_batch();
            progress(loader.tags.len());
        }
        Ok(())
    })?;
    loader.normalize_batch();
    progress(loader.tags.len());

    let (labels, classes) = match (wanted, &filter.classes) {
        (Some(labels), Some(classes)) => (labels, classes.clone()),
        _ => {
            let found: BTreeSet<[u8; 2]> = loader.tags.iter().copied().collect();
            let labels = found.iter().zip(0..).map(|(&tag, label)| (tag, label)).collect();
            (labels, found.into_iter().filter_map(char_of_tag).collect())
        }
    };
    let mut set = ImageSet::new(IMAGE_SIZE, classes);
    set.labels = loader.tags.iter().map(|tag| labels[tag]).collect();
    set.writers = loader.writers;
    set.pixels = loader.pixels;
    Ok(set)
}

/// The label of each wanted tag.
fn tags(classes: &[char]) -> Result<BTreeMap<[u8; 2], u16>, GntError> {
    let mut labels = BTreeMap::new();
    for (&class, label) in classes.iter().zip(0..) {
        let tag = tag_of_char(class).ok_or(GntError::Class(class))?;
        if labels.insert(tag, label).is_some() {
            return Err(GntError::Class(class));
        }
    }
    Ok(labels)
}

#[derive(Default)]
struct Loader {
    tags: Vec<[u8; 2]>,
    writers: Vec<u32>,
    pixels: Vec<u8>,
    /// The last records, not normalised yet.
    batch: Vec<Record>,
    batch_bytes: usize,
}

impl Loader {
    fn push(&mut self, writer: u32, record: Record) {
        self.tags.push(record.tag);
        self.writers.push(writer);
        self.batch_bytes += record.pixels.len();
        self.batch.push(record);
    }

    fn normalize_batch(&mut self) {
        const LEN: usize = IMAGE_SIZE * IMAGE_SIZE;
        let start = self.pixels.len();
        self.pixels.resize(start + self.batch.len() * LEN, 0);
        self.pixels[start..].par_chunks_exact_mut(LEN).zip(&self.batch).for_each(|(out, record)| {
            // Neither step can fail: sides and bytes of a record agree, and there is ink.
            if let Ok(image) = GrayImage::new(&record.pixels, record.width, record.height) {
                let _ = normalize(image, IMAGE_SIZE, out);
            }
        });
        self.batch.clear();
        self.batch_bytes = 0;
    }
}
