//! POT files as an [`InkSet`].

use super::record::read_record;
use crate::{
    InkSet,
    casia::{self, CasiaError, CasiaFilter, CasiaReason, Labeller},
};
use std::path::PathBuf;

/// Loads the POT files in `paths` (files, folders, zip archives), as they were written. An ink's writer is the number of its
/// file, counted from 0 over all files, folders in the order of names, archives in their own: in OLHWDB, one writer wrote
/// each. Hidden files inside folders and archives are passed over.
///
/// # Errors
/// [`CasiaError`] for data that is malformed in any way, a character without points included, or beyond the limits.
pub fn load_pot(paths: &[PathBuf], filter: &CasiaFilter) -> Result<InkSet, CasiaError> {
    let mut labeller = Labeller::new(filter)?;
    let mut set = InkSet::default();
    casia::visit(paths, &filter.limits, read_record, &mut |source, record| {
        if !labeller.chooses(source.file, record.known_tag()?)? {
            return Ok(());
        }
        if record.is_blank() {
            return Err(CasiaReason::Blank.into());
        }
        // Only all records together tell the classes.
        set.push(&record.strokes, 0, source.file);
        Ok(())
    })?;
    let labels = labeller.finish();
    (set.labels, set.classes, set.passed_over) = (labels.labels, labels.classes, labels.passed_over);
    Ok(set)
}
