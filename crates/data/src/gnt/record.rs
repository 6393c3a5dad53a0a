//! The records of a GNT file.

use crate::{
    casia::{CasiaReason, MAX_SIDE, RecordError, read_body, read_header},
    gb2312::char_of_gbk,
};
use std::io::Read;

const HEADER_BYTES: usize = 10;

/// One character of a GNT file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Its GBK code, or an ASCII character and 0 (HWDB's symbols).
    pub(super) tag: [u8; 2],
    /// In pixels, at least 1.
    pub(super) width: usize,
    /// In pixels, at least 1.
    pub(super) height: usize,
    /// `width * height` grey values, row-major, 255 white.
    pub(super) pixels: Vec<u8>,
}

/// The next record, `None` at the end of the file.
pub(super) fn read_record(reader: &mut dyn Read) -> Result<Option<Record>, RecordError> {
    let header: Option<[u8; HEADER_BYTES]> = read_header(reader)?;
    let Some([s0, s1, s2, s3, t0, t1, w0, w1, h0, h1]) = header else { return Ok(None) };
    let (width, height) = (u16::from_le_bytes([w0, w1]), u16::from_le_bytes([h0, h1]));
    let side = 1..=MAX_SIDE;
    if !side.contains(&width) || !side.contains(&height) {
        return Err(CasiaReason::Sides { width, height }.into());
    }
    let bytes = u32::from(width) * u32::from(height);
    let (found, expected) = (u32::from_le_bytes([s0, s1, s2, s3]), bytes + HEADER_BYTES as u32);
    if found != expected {
        return Err(CasiaReason::Size { found, expected }.into());
    }
    let tag = [t0, t1];
    if char_of_gbk(tag).is_none() && !(t0.is_ascii_graphic() && t1 == 0) {
        return Err(CasiaReason::Tag(tag.to_vec()).into());
    }
    let pixels = read_body(reader, bytes as usize)?;
    Ok(Some(Record { tag, width: width.into(), height: height.into(), pixels }))
}
