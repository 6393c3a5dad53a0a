//! An [`InkSet`] as POT files.

use super::record::{INK_END, STROKE_END};
use crate::{
    InkSet,
    casia::{CasiaError, archive},
    gb2312::gbk_of_char,
};

/// A zip archive of the inks, as one POT file for each writer. [`load_pot`](crate::load_pot) reads it.
///
/// # Errors
/// [`CasiaError::Class`] for a character without a GBK code, [`CasiaError::Unwritable`] for an ink of more points than a record
/// can hold, or with a point that is a mark of the format.
pub fn pot_archive(set: &InkSet) -> Result<Vec<u8>, CasiaError> {
    let record = |i: usize| {
        let character = set.classes[usize::from(set.labels[i])];
        let [row, cell] = gbk_of_char(character).ok_or(CasiaError::Class(character))?;
        let strokes: Vec<&[[i16; 2]]> = set.strokes(i).collect();
        let marked = strokes.iter().flat_map(|stroke| stroke.iter().chain([&STROKE_END])).chain([&INK_END]);
        let body: Vec<u8> = marked.flatten().flat_map(|v| v.to_le_bytes()).collect();
        let has_mark = strokes.iter().any(|stroke| stroke.contains(&STROKE_END) || stroke.contains(&INK_END));
        let size = u16::try_from(8 + body.len()).ok().filter(|_| !has_mark);
        let mut bytes = size.ok_or(CasiaError::Unwritable(character))?.to_le_bytes().to_vec();
        bytes.extend([cell, row, 0, 0]);
        // A record has fewer strokes than bytes.
        bytes.extend((strokes.len() as u16).to_le_bytes());
        bytes.extend(body);
        Ok((set.writers[i], bytes))
    };
    archive((0..set.len()).map(record), "pot")
}
