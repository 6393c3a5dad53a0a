//! The two halves of a file, plain bytes and coded symbols, and what is written through both.

use super::bytes::{Reader, write_varint};
use super::rans::{DecodeTable, Decoder, Encoder, Frequencies, count};
use crate::limits::MAX_DIMENSIONS;
use crate::model::FormatError;
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

/// Where a model is written to.
#[derive(Default)]
pub(super) struct Sink {
    pub(super) plain: Vec<u8>,
    pub(super) coded: Encoder,
    pub(super) claims: Claims,
}

/// Where a model is read from.
pub(super) struct Source<'a> {
    pub(super) plain: Reader<'a>,
    pub(super) coded: Decoder<'a>,
    /// What the file may still claim.
    left: Claims,
    /// Bytes of entries that it may still claim, of `memory_bytes` in all.
    bytes_left: usize,
    memory_bytes: usize,
}

/// Bytes that an entry takes at most while it is decoded, before and after patterns are transposed.
const ENTRY_BYTES: usize = 16;

/// What a file makes its reader allocate and do, beyond its own bytes. A file may claim a fixed amount and so much a
/// byte of its own length: constant weights, which cost no bits, could otherwise claim anything.
#[derive(Clone, Copy, Default)]
pub(super) struct Claims {
    /// Values, labels, indices and starts of rows: at most a few bytes each are allocated.
    pub(super) entries: u64,
    /// Positions of sparse weights: each takes a little time, but no memory.
    pub(super) positions: u64,
}

impl Claims {
    /// What a file of `length` bytes may claim.
    fn granted(length: usize) -> Self {
        let length = length as u64;
        Self { entries: (1 << 16) + 16 * length, positions: (1 << 20) + 1024 * length }
    }

    pub(super) fn add(&mut self, entries: usize, positions: usize) {
        self.entries += entries as u64;
        self.positions += positions as u64;
    }

    /// The length that a file needs so that it may claim this.
    pub(super) fn length_needed(&self) -> usize {
        let base = Self::granted(0);
        let entries = self.entries.saturating_sub(base.entries).div_ceil(16);
        let positions = self.positions.saturating_sub(base.positions).div_ceil(1024);
        entries.max(positions) as usize
    }
}

impl Sink {
    /// Writes bytes as they are, or entropy-coded where that is smaller.
    pub(super) fn symbols(&mut self, run: &[u8]) {
        let (bytes, table) = symbols_cost(&count(256, run.iter().copied()));
        match table {
            Some(frequencies) if bytes < 1.0 + run.len() as f64 => {
                self.plain.push(1);
                frequencies.write(&mut self.plain);
                self.coded.run(&frequencies, run);
            }
            _ => {
                self.plain.push(0);
                self.plain.extend_from_slice(run);
            }
        }
    }

    /// Writes `N`-byte numbers as `N` planes, all the first bytes, then all the second ones and so on: the high bytes of
    /// weights are alike and take few bits.
    pub(super) fn planes<const N: usize>(&mut self, numbers: impl Iterator<Item = [u8; N]> + Clone) {
        for plane in 0..N {
            let run: Vec<u8> = numbers.clone().map(|n| n[plane]).collect();
            self.symbols(&run);
        }
    }

    /// Writes a list of small numbers: how many, then each.
    pub(super) fn numbers(&mut self, numbers: impl ExactSizeIterator<Item = usize>) {
        write_varint(&mut self.plain, numbers.len());
        numbers.for_each(|n| write_varint(&mut self.plain, n));
    }

    /// Writes values bit for bit.
    pub(super) fn floats(&mut self, values: &[f32]) {
        self.claims.add(values.len(), 0);
        self.planes(values.iter().map(|v| v.to_le_bytes()));
    }
}

/// Bytes that [`Sink::symbols`] takes for a run with these counts, and the table where it is coded.
pub(super) fn symbols_cost(counts: &[u32]) -> (f64, Option<Frequencies>) {
    let total: u64 = counts.iter().map(|&c| u64::from(c)).sum();
    let raw = 1.0 + total as f64;
    let frequencies = Frequencies::from_counts(counts);
    let coded = 1.0 + table_cost(&frequencies, counts);
    if total > 0 && coded < raw { (coded, Some(frequencies)) } else { (raw, None) }
}

/// Bytes that [`Sink::planes`] takes.
pub(super) fn planes_cost<const N: usize>(numbers: impl Iterator<Item = [u8; N]> + Clone) -> f64 {
    (0..N).map(|plane| symbols_cost(&count(256, numbers.clone().map(|n| n[plane]))).0).sum()
}

/// Bytes that `frequencies` and symbols with these counts take.
pub(super) fn table_cost(frequencies: &Frequencies, counts: &[u32]) -> f64 {
    let mut table = Vec::new();
    frequencies.write(&mut table);
    table.len() as f64 + frequencies.cost(counts) / 8.0
}

impl<'a> Source<'a> {
    pub(super) fn new(plain: Reader<'a>, coded: Decoder<'a>, file_length: usize, memory_bytes: usize) -> Self {
        Self { plain, coded, left: Claims::granted(file_length), bytes_left: memory_bytes, memory_bytes }
    }

    /// Takes from what the file may claim.
    ///
    /// # Errors
    /// Where it claims more than its length grants, or than the caller's limit does.
    pub(super) fn claim(&mut self, claimed: usize, positions: usize) -> Result<(), FormatError> {
        let left = (self.left.entries.checked_sub(claimed as u64), self.left.positions.checked_sub(positions as u64));
        let (Some(entries), Some(positions)) = left else {
            return Err(self.plain.corrupt("claims more values than a file of its length may"));
        };
        self.left = Claims { entries, positions };
        // Granted by the length, they are too few to overflow.
        let bytes_left = self.bytes_left.checked_sub(ENTRY_BYTES * claimed);
        self.bytes_left = bytes_left.ok_or(FormatError::TooLarge { limit: self.memory_bytes })?;
        Ok(())
    }

    /// Reads a table for symbols below `symbols`.
    pub(super) fn table(&mut self, symbols: usize) -> Result<Box<DecodeTable>, FormatError> {
        Ok(DecodeTable::new(&Frequencies::read(&mut self.plain, symbols)?))
    }

    /// Reads what [`Sink::symbols`] wrote; symbols are below `symbols`, their number was claimed before.
    pub(super) fn symbols(&mut self, length: usize, symbols: usize) -> Result<Vec<u8>, FormatError> {
        const WHAT: &str = "symbols";
        if self.plain.byte(WHAT)? == 0 {
            let raw = self.plain.take(length, WHAT)?;
            if raw.iter().any(|&s| usize::from(s) >= symbols) {
                return Err(self.plain.corrupt("a symbol out of range"));
            }
            return Ok(raw.to_vec());
        }
        let table = self.table(symbols)?;
        let mut run = vec![0; length];
        self.coded.run(&table, &mut run)?;
        Ok(run)
    }

    /// Reads what [`Sink::planes`] wrote.
    pub(super) fn planes<const N: usize>(&mut self, length: usize) -> Result<Vec<[u8; N]>, FormatError> {
        let mut numbers = vec![[0; N]; length];
        for plane in 0..N {
            let run = self.symbols(length, 256)?;
            numbers.iter_mut().zip(run).for_each(|(n, byte)| n[plane] = byte);
        }
        Ok(numbers)
    }

    /// Reads what [`Sink::floats`] wrote.
    pub(super) fn floats(&mut self, length: usize) -> Result<Vec<f32>, FormatError> {
        self.claim(length, 0)?;
        Ok(self.planes(length)?.into_iter().map(f32::from_le_bytes).collect())
    }

    /// Reads how many items follow, at most `most`, each of at least one byte.
    pub(super) fn count(&mut self, what: &'static str, most: usize) -> Result<usize, FormatError> {
        let count = self.plain.varint(what)?;
        if count > most {
            return Err(self.plain.corrupt(alloc::format!("{count} {what}, more than {most}")));
        }
        if count > self.plain.rest().len() {
            return Err(FormatError::Truncated { offset: self.plain.offset(), what });
        }
        Ok(count)
    }

    /// Reads a list: the number of its items, at most `most`, then the items.
    pub(super) fn list<T>(
        &mut self,
        what: &'static str,
        most: usize,
        mut item: impl FnMut(&mut Reader<'a>) -> Result<T, FormatError>,
    ) -> Result<Vec<T>, FormatError> {
        let count = self.count(what, most)?;
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            items.push(item(&mut self.plain)?);
        }
        Ok(items)
    }

    /// Reads a shape.
    pub(super) fn shape(&mut self, what: &'static str) -> Result<Vec<usize>, FormatError> {
        self.list("dimensions", MAX_DIMENSIONS, |r| r.varint(what))
    }
}
