//! The compressed matrix: shared centres, positions as gaps.

use super::error::ScutError;
use super::reader::Reader;
use hccr_runtime::{Pattern, WeightData};

/// Reads a blob that must hold a matrix of `rows` times `columns` weights.
///
/// Centres and labels stay as they are stored; entries that are only there to bridge a long gap (their
/// centre is zero) are left out of the pattern.
pub(super) fn read(reader: &mut Reader, rows: usize, columns: usize) -> Result<WeightData, ScutError> {
    let start = reader.offset();
    let centre_count = reader.u16("codebook size")?;
    if !(2..=256).contains(&centre_count) {
        return Err(reader.invalid_at(start, format!("codebook of {centre_count} centres, expected 2 to 256")));
    }
    let centres = reader.f32s(centre_count, "codebook")?;
    if centres.iter().filter(|&&c| c == 0.0).count() != 1 {
        return Err(reader.invalid_at(start, "codebook without exactly one centre of zero for the fillers"));
    }

    let at = reader.offset();
    let elements = reader.size("weight count")?;
    if Some(elements) != rows.checked_mul(columns) {
        return Err(reader.invalid_at(at, format!("{elements} weights, the layer has {rows}x{columns}")));
    }
    let packed_bytes = reader.size("byte count")?;
    let gap_bits = reader.u8("gap width")?;
    if !(1..=16).contains(&gap_bits) {
        return Err(reader.invalid_at(at, format!("gaps of {gap_bits} bits, expected 1 to 16")));
    }
    let pairs = reader.size("pair count")?;
    let label_bits = (centre_count - 1).ilog2() as usize + 1;
    let used_bits = pairs as u64 * (gap_bits + label_bits) as u64;
    // The authors' packer ends with one spare byte where the pairs fill the last one.
    if !(0..=8).contains(&(packed_bytes as i64 * 8 - used_bits as i64)) {
        return Err(
            reader.invalid_at(at, format!("{pairs} pairs of {gap_bits} + {label_bits} bits in {packed_bytes} bytes"))
        );
    }
    let first = reader.offset();
    let mut bits = Bits { bytes: reader.take(packed_bytes, "packed pairs")?, next: 0 };

    let mut pattern = Pattern { indptr: Vec::with_capacity(rows + 1), indices: Vec::with_capacity(pairs) };
    let mut labels = Vec::with_capacity(pairs);
    let mut next = 0;
    for _ in 0..pairs {
        let offset = first + bits.next / 8;
        let position = next + bits.take(gap_bits);
        let label = bits.take(label_bits);
        if position >= elements {
            return Err(reader.invalid_at(offset, format!("weight {position} of {elements}")));
        }
        let Some(&centre) = centres.get(label) else {
            return Err(reader.invalid_at(offset, format!("label {label} for {centre_count} centres")));
        };
        next = position + 1;
        if centre == 0.0 {
            continue;
        }
        let row = position / columns;
        if pattern.indptr.len() <= row {
            pattern.indptr.resize(row + 1, pattern.indices.len() as u32);
        }
        pattern.indices.push((position % columns) as u32);
        labels.push(label as u8);
    }
    pattern.indptr.resize(rows + 1, pattern.indices.len() as u32);
    Ok(WeightData::Codebook { pattern, centres, labels })
}

/// Bits of `bytes`, the most significant of each byte first.
struct Bits<'a> {
    bytes: &'a [u8],
    next: usize,
}

impl Bits<'_> {
    /// The next `n` bits (at most 16) as a number.
    fn take(&mut self, n: usize) -> usize {
        let at = self.next / 8;
        let window = (0..3).fold(0, |w, i| w << 8 | self.bytes.get(at + i).copied().map_or(0, usize::from));
        let value = window >> (24 - self.next % 8 - n);
        self.next += n;
        value & ((1 << n) - 1)
    }
}
