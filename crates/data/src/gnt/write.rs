//! An [`ImageSet`] as GNT files.

use super::record::Record;
use crate::{
    ImageSet,
    casia::{CasiaError, MAX_SIDE, archive},
    gb2312::gbk_of_char,
    pack::PackRecord,
};

/// A zip archive of the images, dark on white, as one GNT file for each writer. [`load_gnt`](crate::load_gnt) reads it, and
/// normalizes the images again.
///
/// # Errors
/// [`CasiaError::Class`] for a character without a GBK code, [`CasiaError::Unwritable`] for images of more than 4096 pixels a side.
pub fn gnt_archive(set: &ImageSet) -> Result<Vec<u8>, CasiaError> {
    let record = |i: usize| {
        let character = set.classes[usize::from(set.labels[i])];
        let tag = gbk_of_char(character).ok_or(CasiaError::Class(character))?;
        if set.size > usize::from(MAX_SIDE) {
            return Err(CasiaError::Unwritable(character));
        }
        let pixels = set.image(i).iter().map(|&ink| 255 - ink).collect();
        let bytes = Record { tag, width: set.size, height: set.size, pixels }.to_bytes();
        Ok((set.writers[i], bytes))
    };
    archive((0..set.len()).map(record), "gnt")
}
