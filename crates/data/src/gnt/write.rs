//! An [`ImageSet`] as GNT files.

use crate::{
    ImageSet,
    casia::{CasiaError, MAX_SIDE, archive},
    gb2312::gbk_of_char,
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
        let side = u16::try_from(set.size).ok().filter(|&side| side <= MAX_SIDE);
        let side = side.ok_or(CasiaError::Unwritable(character))?;
        let mut bytes = (u32::from(side) * u32::from(side) + 10).to_le_bytes().to_vec();
        bytes.extend(tag);
        bytes.extend([side.to_le_bytes(); 2].concat());
        bytes.extend(set.image(i).iter().map(|&ink| 255 - ink));
        Ok((set.writers[i], bytes))
    };
    archive((0..set.len()).map(record), "gnt")
}
