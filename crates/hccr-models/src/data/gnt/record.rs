//! The records of one GNT file.

use super::{GntReason, MAX_SIDE};
use crate::data::gb2312::char_of_tag;
use std::io::{self, Read};

const HEADER_BYTES: u32 = 10;

/// One character of a GNT file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it starts in the file, in bytes.
    pub offset: u64,
    /// Its GB2312 code, or an ASCII character and 0 (HWDB's symbols).
    pub tag: [u8; 2],
    /// In pixels, at least 1.
    pub width: usize,
    /// In pixels, at least 1.
    pub height: usize,
    /// `width * height` grey values, row-major, 255 white.
    pub pixels: Vec<u8>,
}

/// Why there is no next record.
#[derive(Debug)]
pub(super) enum RecordError {
    Malformed(GntReason),
    Io(io::Error),
}

impl From<io::Error> for RecordError {
    /// Readers that enforce limits say so with a [`GntReason`].
    fn from(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<GntReason>()) {
            Some(reason) => Self::Malformed(reason.clone()),
            None => Self::Io(error),
        }
    }
}

/// The records of one GNT file, read one at a time.
///
/// No more is ever allocated than about twice the bytes that were read.
#[derive(Debug)]
pub(super) struct Records<R> {
    reader: R,
    offset: u64,
}

impl<R: Read> Records<R> {
    /// Reads from where `reader` stands: the start of a file. Give it a buffered reader.
    pub(super) fn new(reader: R) -> Self {
        Self { reader, offset: 0 }
    }

    /// Where the next record starts, in bytes; after an error, where the faulty one does.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next record, `None` at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<Record>, RecordError> {
        let malformed = |reason| Err(RecordError::Malformed(reason));
        let mut header = Vec::with_capacity(HEADER_BYTES as usize);
        self.reader.by_ref().take(u64::from(HEADER_BYTES)).read_to_end(&mut header)?;
        let &[s0, s1, s2, s3, t0, t1, w0, w1, h0, h1] = &header[..] else {
            return match header.len() {
                0 if self.offset == 0 => malformed(GntReason::NoRecords),
                0 => Ok(None),
                n => malformed(GntReason::TruncatedHeader(n)),
            };
        };
        let (width, height) = (u16::from_le_bytes([w0, w1]), u16::from_le_bytes([h0, h1]));
        let side = 1..=MAX_SIDE;
        if !side.contains(&width) || !side.contains(&height) {
            return malformed(GntReason::Sides { width, height });
        }
        let bytes = u32::from(width) * u32::from(height);
        let size = u32::from_le_bytes([s0, s1, s2, s3]);
        if size != bytes + HEADER_BYTES {
            return malformed(GntReason::Size { found: size, expected: bytes + HEADER_BYTES });
        }
        let tag = [t0, t1];
        if char_of_tag(tag).is_none() && !(t0.is_ascii_graphic() && t1 == 0) {
            return malformed(GntReason::Tag(tag));
        }
        let mut pixels = Vec::new();
        self.reader.by_ref().take(u64::from(bytes)).read_to_end(&mut pixels)?;
        if pixels.len() != bytes as usize {
            return malformed(GntReason::TruncatedBitmap { expected: bytes as usize, found: pixels.len() });
        }
        let offset = self.offset;
        self.offset += u64::from(size);
        Ok(Some(Record { offset, tag, width: width.into(), height: height.into(), pixels }))
    }
}
