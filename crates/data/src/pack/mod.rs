//! Packed sets: all records of GNT or of POT files in one file with an index, which can be read in any order without being held in
//! memory. docs/formats/pack.md says what the bytes are.

mod index;
mod read;
mod write;

pub use read::{PackedImages, PackedInks, PackedRecords, is_packed};
pub use write::{Packed, Unusable, pack_gnt, pack_pot};

use crate::casia::{CasiaReason, RecordError};
use std::io::Read;

/// How a packed set begins: its name, its version, and what its records are.
const MAGIC: &[u8; 8] = b"HCCRPACK";
const VERSION: u8 = 1;
const HEADER_BYTES: usize = 16;

/// A record as packed sets hold them.
pub(crate) trait PackRecord: Sized + Send + Sync {
    /// What the header says of a set of these.
    const KIND: u8;

    /// The next record of a file, `None` at its end. Its tag may be unknown.
    fn read(reader: &mut dyn Read) -> Result<Option<Self>, RecordError>;

    /// Its GBK code, or an ASCII character and 0.
    fn tag(&self) -> [u8; 2];

    /// The record as it stands in a file.
    fn to_bytes(&self) -> Vec<u8>;

    /// Why nothing can be learnt from it, if so.
    fn fault(&self) -> Option<CasiaReason>;
}

/// The first bytes of a packed set.
fn header(kind: u8) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..MAGIC.len()].copy_from_slice(MAGIC);
    header[MAGIC.len()..][..2].copy_from_slice(&[VERSION, kind]);
    header
}

#[cfg(test)]
mod tests;
