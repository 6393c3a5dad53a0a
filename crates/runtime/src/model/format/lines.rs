//! A sparse pattern as lines, its rows or its columns, and lines as words of six positions.

use crate::weights::Pattern;
use alloc::vec;
use alloc::vec::Vec;

/// Positions per word: small enough that a rare word is not rounded up by much to a probability of 1/4096, large enough
/// that there are fewer words than entries.
const WORD_BITS: usize = 6;
/// Number of different words.
pub(super) const WORDS: usize = 1 << WORD_BITS;

/// Whether lines are rows or columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Rows,
    Columns,
}

/// The entries of a matrix, line after line.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    pub(super) direction: Direction,
    /// Positions in a line.
    pub(super) length: usize,
    /// Rows of this pattern are the lines.
    pub(super) pattern: Pattern,
}

impl Lines {
    /// The lines of `pattern`, which has `columns` columns, and `values` (one an entry, or none) in their order.
    pub(super) fn new<T: Copy + Default>(
        direction: Direction,
        pattern: &Pattern,
        columns: usize,
        values: &[T],
    ) -> (Self, Vec<T>) {
        let (length, (pattern, values)) = match direction {
            Direction::Rows => (columns, (pattern.clone(), values.to_vec())),
            Direction::Columns => (pattern.rows(), transpose(pattern, columns, values)),
        };
        (Self { direction, length, pattern }, values)
    }

    /// The pattern by rows, and values in its order.
    pub(super) fn into_rows<T: Copy + Default>(self, values: Vec<T>) -> (Pattern, Vec<T>) {
        match self.direction {
            Direction::Rows => (self.pattern, values),
            Direction::Columns => transpose(&self.pattern, self.length, &values),
        }
    }

    /// The lines of a matrix of `rows` rows of which every `block` have their entries where one row of this one's has.
    pub(super) fn repeat_rows(self, block: usize, rows: usize) -> Self {
        if block == 1 {
            return self;
        }
        let Self { direction, length, pattern } = self;
        let lines = if direction == Direction::Rows { rows } else { pattern.rows() };
        let mut repeated = Pattern { indptr: Vec::with_capacity(lines + 1), indices: Vec::new() };
        repeated.indptr.push(0);
        repeated.indices.reserve_exact(block * pattern.nnz());
        for line in 0..lines {
            match direction {
                Direction::Rows => {
                    repeated.indices.extend_from_slice(&pattern.indices[pattern.row(line / block)]);
                }
                Direction::Columns => {
                    let first = pattern.indices[pattern.row(line)].iter().map(|&i| i as usize * block);
                    let of_block = |first| first as u32..rows.min(first + block) as u32;
                    repeated.indices.extend(first.flat_map(of_block));
                }
            }
            repeated.indptr.push(repeated.indices.len() as u32);
        }
        let length = if direction == Direction::Rows { length } else { rows };
        Self { direction, length, pattern: repeated }
    }

    /// Words in a line of `length` positions.
    pub(super) fn words_in(length: usize) -> usize {
        length.div_ceil(WORD_BITS)
    }

    /// Writes the words of line `line`: bit `i` of word `w` is position `6 w + i`.
    pub(super) fn words(&self, line: usize, words: &mut [u8]) {
        words.fill(0);
        for &i in &self.pattern.indices[self.pattern.row(line)] {
            words[i as usize / WORD_BITS] |= 1 << (i as usize % WORD_BITS);
        }
    }
}

/// The most rows, from the first row on and one after the other, that have their entries in the same columns; the last of
/// the blocks may be smaller.
pub(super) fn rows_alike(pattern: &Pattern) -> usize {
    let columns = |row| &pattern.indices[pattern.row(row)];
    let differing = (1..pattern.rows()).filter(|&row| columns(row) != columns(row - 1));
    // Blocks end wherever two rows differ, and are of one size.
    match differing.fold(0, greatest_common_divisor) {
        0 => pattern.rows(),
        block => block,
    }
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    let (mut a, mut b) = (a, b);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The first of every `block` rows of `pattern`.
pub(super) fn first_rows(pattern: &Pattern, block: usize) -> Pattern {
    let mut first = Pattern { indptr: vec![0], indices: Vec::new() };
    for row in (0..pattern.rows()).step_by(block) {
        first.indices.extend_from_slice(&pattern.indices[pattern.row(row)]);
        first.indptr.push(first.indices.len() as u32);
    }
    first
}

/// Writes the positions that `words` mark into `indices` and returns their number, or `None` where they do not fit.
///
/// `indices` needs [`SPARE`] elements more than there are positions: each word writes as many, whatever it marks, which
/// is faster than asking each bit.
pub(super) fn expand(words: &[u8], indices: &mut [u32]) -> Option<usize> {
    let (mut count, mut first) = (0, 0);
    for &word in words {
        let (positions, marked) = &POSITIONS[usize::from(word) % WORDS];
        let target: &mut [u32; SPARE] = indices.get_mut(count..)?.first_chunk_mut()?;
        for i in 0..SPARE {
            target[i] = first + positions[i];
        }
        count += marked;
        first += WORD_BITS as u32;
    }
    Some(count)
}

/// Elements that [`expand`] may write beyond the last position.
pub(super) const SPARE: usize = WORD_BITS;

/// For each word its positions, and their number.
static POSITIONS: [([u32; SPARE], usize); WORDS] = {
    let mut table = [([0; SPARE], 0); WORDS];
    let mut word = 0;
    while word < WORDS {
        let mut bit = 0;
        while bit < WORD_BITS {
            if word >> bit & 1 == 1 {
                let (positions, marked) = &mut table[word];
                positions[*marked] = bit as u32;
                *marked += 1;
            }
            bit += 1;
        }
        word += 1;
    }
    table
};

/// New rows that [`transpose`] fills at a time: where it writes then stays in the first-level cache.
const BLOCK: usize = 256;

/// The transpose of `pattern`, whose indices are below `columns`, and `values` (one an entry, or none) in its order.
fn transpose<T: Copy + Default>(pattern: &Pattern, columns: usize, values: &[T]) -> (Pattern, Vec<T>) {
    let mut indptr = vec![0; columns + 1];
    for &column in &pattern.indices {
        indptr[column as usize + 1] += 1;
    }
    for column in 0..columns {
        indptr[column + 1] += indptr[column];
    }
    let mut indices = vec![0; pattern.nnz()];
    let mut moved = vec![T::default(); values.len()];
    // Where to go on in each new row, and in each old one.
    let (mut to, mut from) = (indptr.clone(), pattern.indptr.clone());
    let mut place = |row: usize, column: u32| {
        let next = &mut to[column as usize];
        let at = *next as usize;
        *next += 1;
        indices[at] = row as u32;
        at
    };
    for end in (BLOCK..columns + BLOCK).step_by(BLOCK) {
        for row in 0..pattern.rows() {
            let first = from[row] as usize;
            let rest = &pattern.indices[first..pattern.indptr[row + 1] as usize];
            let taken = rest.iter().position(|&column| column as usize >= end).unwrap_or(rest.len());
            from[row] += taken as u32;
            match values.get(first..first + taken) {
                Some(values) => rest[..taken].iter().zip(values).for_each(|(&c, &value)| moved[place(row, c)] = value),
                None => rest[..taken].iter().for_each(|&c| _ = place(row, c)),
            }
        }
    }
    (Pattern { indptr, indices }, moved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_and_back() {
        let pattern = Pattern::from_mask([1, 0, 1, 0, 0, 0, 1, 1, 0].map(|b| b == 1), 3);
        let (lines, values) = Lines::new(Direction::Columns, &pattern, 3, &[10, 12, 30, 31]);
        assert_eq!((&lines.pattern.indptr, &lines.pattern.indices), (&vec![0, 2, 3, 4], &vec![0, 2, 2, 0]));
        assert_eq!(values, [10, 30, 31, 12]);
        assert_eq!(lines.into_rows(values), (pattern, vec![10, 12, 30, 31]));
    }

    #[test]
    fn more_columns_than_a_block() {
        let columns = 2 * BLOCK + 1;
        let pattern = Pattern::from_mask((0..3 * columns).map(|i| i % 5 < 2 || i % columns + 1 == columns), columns);
        let values: Vec<usize> = pattern.positions(columns).collect();
        let (lines, moved) = Lines::new(Direction::Columns, &pattern, columns, &values);
        let transposed = |at: usize| at % 3 * columns + at / 3;
        assert_eq!(moved, lines.pattern.positions(3).map(transposed).collect::<Vec<_>>());
        assert_eq!(lines.into_rows(moved), (pattern, values));
    }

    #[test]
    fn rows_in_blocks_and_back() {
        // Rows 0 to 3 are alike, as are 4 and 5, and the last one is shorter than its block of two.
        let rows: [&[u32]; 7] = [&[0, 2], &[0, 2], &[0, 2], &[0, 2], &[1], &[1], &[]];
        let indptr = [0].into_iter().chain(rows.iter().scan(0, |end, row| {
            *end += row.len() as u32;
            Some(*end)
        }));
        let pattern = Pattern { indptr: indptr.collect(), indices: rows.concat() };
        let block = rows_alike(&pattern);
        assert_eq!(block, 2);
        let first = first_rows(&pattern, block);
        assert_eq!(first, Pattern { indptr: vec![0, 2, 4, 5, 5], indices: vec![0, 2, 0, 2, 1] });
        for direction in [Direction::Rows, Direction::Columns] {
            let (lines, _) = Lines::new::<u8>(direction, &first, 3, &[]);
            let repeated = lines.repeat_rows(block, 7);
            assert_eq!(repeated.length, if direction == Direction::Rows { 3 } else { 7 });
            assert_eq!(repeated.into_rows::<u8>(vec![]).0, pattern);
        }
        assert_eq!(rows_alike(&first), 1);
        assert_eq!(rows_alike(&Pattern { indptr: vec![0; 5], indices: vec![] }), 4);
    }

    #[test]
    fn words_expand_to_their_positions() {
        let mask = [true, false, false, false, false, true, false, true];
        let (lines, _) = Lines::new::<u8>(Direction::Rows, &Pattern::from_mask(mask, 8), 8, &[]);
        let mut words = [0; 2];
        lines.words(0, &mut words);
        assert_eq!(words, [0b10_0001, 0b10]);
        let mut indices = [0; 3 + SPARE];
        assert_eq!(expand(&words, &mut indices), Some(3));
        assert_eq!(indices[..3], [0, 5, 7]);
        assert_eq!(expand(&words, &mut indices[..SPARE]), None);
    }
}
