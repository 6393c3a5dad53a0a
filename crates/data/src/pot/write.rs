//! An [`InkSet`] as POT files.

use super::record::{INK_END, Record, STROKE_END};
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
        let strokes: Vec<Vec<[i16; 2]>> = set.strokes(i).map(<[_]>::to_vec).collect();
        let has_mark = strokes.iter().any(|stroke| stroke.contains(&STROKE_END) || stroke.contains(&INK_END));
        let bytes = Record { tag: [cell, row, 0, 0], strokes }.to_file_bytes().filter(|_| !has_mark);
        let bytes = bytes.ok_or(CasiaError::Unwritable(character))?;
        Ok((set.writers[i], bytes))
    };
    archive((0..set.len()).map(record), "pot")
}
