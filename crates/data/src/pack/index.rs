//! The index of a packed set: for each file of records, in order, its name and the lengths, tags and checksums of its records.

use crate::casia::CasiaReason;

/// How a packed set ends.
const END: &[u8; 8] = b"HCCRPEND";
pub(super) const FOOTER_BYTES: usize = 24;
const RECORD_BYTES: usize = 10;

/// What the index says of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) len: u32,
    pub(super) tag: [u8; 2],
    pub(super) checksum: u32,
}

/// What it says of one file of records: in CASIA's data, of one writer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) name: String,
    pub(super) entries: Vec<Entry>,
}

impl Block {
    /// The bytes of the records.
    pub(super) fn record_bytes(&self) -> u64 {
        self.entries.iter().map(|entry| u64::from(entry.len)).sum()
    }

    /// The block, with the checksum of its bytes behind it.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let name = self.name.as_bytes();
        let mut bytes = (name.len() as u32).to_le_bytes().to_vec();
        bytes.extend((self.entries.len() as u32).to_le_bytes());
        bytes.extend(name);
        for Entry { len, tag, checksum } in &self.entries {
            bytes.extend(len.to_le_bytes());
            bytes.extend(tag);
            bytes.extend(checksum.to_le_bytes());
        }
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        bytes
    }

    /// The first block of `bytes`, and what follows it. `None` where they hold no whole one.
    pub(super) fn split_first(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (&name_len, rest) = bytes.split_first_chunk()?;
        let (&count, rest) = rest.split_first_chunk()?;
        let [name_len, count] = [name_len, count].map(|n| u32::from_le_bytes(n) as usize);
        let (name, rest) = rest.split_at_checked(name_len)?;
        let (entries, rest) = rest.split_at_checked(count.checked_mul(RECORD_BYTES)?)?;
        let (&checksum, rest) = rest.split_first_chunk()?;
        let covered = bytes.len() - rest.len() - checksum.len();
        if crc32fast::hash(&bytes[..covered]) != u32::from_le_bytes(checksum) {
            return None;
        }
        let name = String::from_utf8(name.to_vec()).ok()?;
        Some((Self { name, entries: entries.chunks_exact(RECORD_BYTES).map(entry).collect() }, rest))
    }
}

fn entry(bytes: &[u8]) -> Entry {
    let number = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    Entry { len: number(0), tag: [bytes[4], bytes[5]], checksum: number(6) }
}

/// The last bytes of a packed set: where its index starts, a checksum of that, and a mark.
pub(super) fn footer(index: u64) -> [u8; FOOTER_BYTES] {
    let mut footer = [0; FOOTER_BYTES];
    footer[..8].copy_from_slice(&index.to_le_bytes());
    footer[8..12].copy_from_slice(&crc32fast::hash(&index.to_le_bytes()).to_le_bytes());
    footer[16..].copy_from_slice(END);
    footer
}

/// Where the index of a set starts that ends like this.
pub(super) fn index_start(found: &[u8; FOOTER_BYTES]) -> Result<u64, CasiaReason> {
    let start = found.first_chunk().map_or(0, |start| u64::from_le_bytes(*start));
    if *found == footer(start) { Ok(start) } else { Err(CasiaReason::PackDamaged("its end")) }
}
