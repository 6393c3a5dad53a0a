//! The records of a GNT file.

use crate::{
    IMAGE_SIZE,
    casia::{CasiaReason, MAX_SIDE, RecordError, read_body, read_header},
    gb2312::char_of_gbk,
    pack::PackRecord,
};
use hccr_runtime::image::{Image, PixelFormat, normalize};
use std::io::Read;

const HEADER_BYTES: usize = 10;

/// One character of a GNT file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Its GBK code, or an ASCII character and 0 (HWDB's symbols); maybe neither.
    pub(super) tag: [u8; 2],
    /// In pixels, at least 1.
    pub(super) width: usize,
    /// In pixels, at least 1.
    pub(super) height: usize,
    /// `width * height` grey values, row-major, 255 white.
    pub(super) pixels: Vec<u8>,
}

impl Record {
    /// The tag, where it is a GBK code or a symbol's.
    pub(super) fn known_tag(&self) -> Result<[u8; 2], CasiaReason> {
        let is_known = char_of_gbk(self.tag).is_some() || (self.tag[0].is_ascii_graphic() && self.tag[1] == 0);
        if is_known { Ok(self.tag) } else { Err(CasiaReason::Tag(self.tag.to_vec())) }
    }

    /// Normalizes the image.
    ///
    /// # Errors
    /// [`CasiaReason::Blank`] where there is no ink.
    pub(crate) fn normalize(&self, out: &mut [u8]) -> Result<(), CasiaReason> {
        // Sides and bytes of a record agree, so only ink can be missing.
        let image = Image::new(&self.pixels, self.width, self.height, PixelFormat::Gray);
        image.and_then(|image| normalize(&image, IMAGE_SIZE, out)).map_err(|_| CasiaReason::Blank)
    }
}

impl PackRecord for Record {
    const KIND: u8 = b'G';

    fn read(reader: &mut dyn Read) -> Result<Option<Self>, RecordError> {
        read_record(reader)
    }

    fn tag(&self) -> [u8; 2] {
        self.tag
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = ((self.pixels.len() + HEADER_BYTES) as u32).to_le_bytes().to_vec();
        bytes.extend(self.tag);
        // Sides are at most MAX_SIDE.
        bytes.extend([self.width, self.height].map(|side| (side as u16).to_le_bytes()).as_flattened());
        bytes.extend(&self.pixels);
        bytes
    }

    fn fault(&self) -> Option<CasiaReason> {
        self.known_tag().and_then(|_| self.normalize(&mut [0; IMAGE_SIZE * IMAGE_SIZE])).err()
    }
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
    let pixels = read_body(reader, bytes as usize)?;
    Ok(Some(Record { tag: [t0, t1], width: width.into(), height: height.into(), pixels }))
}
