//! Plain bytes: numbers, texts, checksums.

use crate::model::FormatError;
use alloc::string::String;
use alloc::vec::Vec;

/// Appends `value`, 7 bits per byte, the lowest first (LEB128).
pub(super) fn write_varint(out: &mut Vec<u8>, mut value: usize) {
    while value >= 128 {
        out.push(value as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends the length in bytes and the text.
pub(super) fn write_text(out: &mut Vec<u8>, text: &str) {
    write_varint(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

/// Reads forward through bytes.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where `bytes` starts in the file, for errors.
    offset: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8], offset: usize) -> Self {
        Self { bytes, at: 0, offset }
    }

    /// Offset in the file.
    pub(super) fn offset(&self) -> usize {
        self.offset + self.at
    }

    /// The bytes not yet read.
    pub(super) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    pub(super) fn take(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], FormatError> {
        let taken = self.rest().get(..count);
        let taken = taken.ok_or(FormatError::Truncated { offset: self.offset + self.bytes.len(), what })?;
        self.at += count;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], FormatError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N, what)?);
        Ok(array)
    }

    pub(super) fn byte(&mut self, what: &'static str) -> Result<u8, FormatError> {
        Ok(self.array::<1>(what)?[0])
    }

    /// A number below 2^31, so that sums and products of two fit `u64`, and one fits `usize` on every machine.
    pub(super) fn varint(&mut self, what: &'static str) -> Result<usize, FormatError> {
        let mut value = 0u64;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte(what)?;
            value |= u64::from(byte & 127) << shift;
            if byte < 128 && value < 1 << 31 {
                return Ok(value as usize);
            }
        }
        Err(self.corrupt("a number above 2^31"))
    }

    pub(super) fn text(&mut self, what: &'static str) -> Result<String, FormatError> {
        let length = self.varint(what)?;
        let bytes = self.take(length, what)?;
        core::str::from_utf8(bytes).map(String::from).map_err(|_| self.corrupt("a name that is not UTF-8"))
    }

    pub(super) fn corrupt(&self, reason: impl Into<String>) -> FormatError {
        FormatError::Corrupt { offset: self.offset(), reason: reason.into() }
    }
}

/// Bytes that [`crc32`] takes at once.
const CRC_STEP: usize = 16;

/// CRC-32 (IEEE 802.3, as in zip and PNG).
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    let tables = crc_tables();
    let (chunks, tail) = bytes.as_chunks::<CRC_STEP>();
    let mut crc: u32 = !0;
    for chunk in chunks {
        let before = crc.to_le_bytes();
        crc = 0;
        // The bytes that wait for the step before come last.
        for i in (0..CRC_STEP).rev() {
            let byte = chunk[i] ^ before.get(i).unwrap_or(&0);
            crc ^= tables[CRC_STEP - 1 - i][usize::from(byte)];
        }
    }
    for &byte in tail {
        crc = crc >> 8 ^ tables[0][usize::from(crc as u8 ^ byte)];
    }
    !crc
}

/// Table `k` has the checksum of byte `b` followed by `k` zero bytes. Made anew in some microseconds, they are 16 KB that no
/// binary carries.
fn crc_tables() -> [[u32; 256]; CRC_STEP] {
    let mut tables = [[0; 256]; CRC_STEP];
    for (byte, entry) in tables[0].iter_mut().enumerate() {
        *entry = (0..8).fold(byte as u32, |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 });
    }
    for k in 1..CRC_STEP {
        for byte in 0..256 {
            let crc = tables[k - 1][byte];
            tables[k][byte] = crc >> 8 ^ tables[0][(crc & 255) as usize];
        }
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc_of_standard_check_texts() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(crc32(b"The quick brown fox jumps over the lazy dog"), 0x414F_A339);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn varints_round_trip_and_are_bounded() {
        for value in [0, 1, 127, 128, 16_384, (1 << 31) - 1] {
            let mut bytes = Vec::new();
            write_varint(&mut bytes, value);
            assert_eq!(Reader::new(&bytes, 0).varint("number"), Ok(value));
        }
        assert!(Reader::new(&[128, 128, 128, 128, 8], 0).varint("number").is_err());
        assert!(Reader::new(&[128, 128], 0).varint("number").is_err());
    }
}
