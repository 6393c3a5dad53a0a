//! Weights: values as byte planes, positions as words along lines, labels.

use super::bytes::{write_text, write_varint};
use super::lines::{Direction, Lines, SPARE, WORDS, expand, first_rows, rows_alike};
use super::predict;
use super::rans::{Frequencies, count};
use super::stream::{Sink, Source, planes_cost, symbols_cost, table_cost};
use crate::model::FormatError;
use crate::tensor::shape::elements;
use crate::weights::{Pattern, Weight, WeightData};
use alloc::vec;
use alloc::vec::Vec;

/// Numbers of classes of lines that are tried; more gain nothing even on the thesis's largest layer.
const CLASS_COUNTS: [usize; 5] = [1, 2, 4, 8, MAX_CLASSES];
/// Each class has tables of its own, which take far more memory than bytes of the file.
const MAX_CLASSES: usize = 16;

/// Kinds of weights; the values of a predicted one are differences from their predictions.
const DENSE: u8 = 0;
const SPARSE: u8 = 1;
const CODEBOOK: u8 = 2;
const DENSE_PREDICTED: u8 = 3;

/// Number of different floats.
const FLOATS: u64 = 1 << 32;

/// Kinds of patterns.
const FULL: u8 = 0;
const BY_ROWS: u8 = 1;
const BY_COLUMNS: u8 = 2;
/// Before one of these two: so many rows each are alike, and one of them stands for all.
const IN_BLOCKS: u8 = 3;

/// How labels are coded: with one table, with one per class of lines, or (full patterns) as differences from a prediction.
const ONE_TABLE: u8 = 0;
const BY_CLASS: u8 = 1;
const PREDICTED: u8 = 2;

pub(super) fn write(sink: &mut Sink, weight: &Weight) {
    write_text(&mut sink.plain, &weight.name);
    sink.numbers(weight.shape.iter().copied());
    match &weight.data {
        WeightData::Dense(values) => {
            let numbers: Vec<u32> = values.iter().map(|&v| predict::float_to_number(v)).collect();
            let differences = predict::differences(&numbers, weight.row_length(), FLOATS);
            let differences = differences.iter().map(|d| d.to_le_bytes());
            if planes_cost(differences.clone()) < planes_cost(values.iter().map(|v| v.to_le_bytes())) {
                sink.plain.push(DENSE_PREDICTED);
                sink.claims.add(values.len(), 0);
                sink.planes(differences);
            } else {
                sink.plain.push(DENSE);
                sink.floats(values);
            }
        }
        WeightData::Sparse { pattern, values } => {
            sink.plain.push(SPARSE);
            match Layout::choose(weight, pattern, &[], 0) {
                None => {
                    write_full(sink, weight);
                    sink.floats(values);
                }
                Some(layout) => {
                    layout.write(sink, weight);
                    sink.floats(&Lines::new(layout.blocks.direction, pattern, weight.columns(), values).1);
                }
            }
        }
        WeightData::Codebook { pattern, centres, labels } => {
            sink.plain.push(CODEBOOK);
            write_varint(&mut sink.plain, centres.len());
            sink.floats(centres);
            match Layout::choose(weight, pattern, labels, centres.len()) {
                None => {
                    write_full(sink, weight);
                    write_full_labels(sink, weight, labels, centres.len());
                }
                Some(layout) => {
                    layout.write(sink, weight);
                    let (lines, labels) = Lines::new(layout.blocks.direction, pattern, weight.columns(), labels);
                    layout.write_labels(sink, &lines, &labels, centres.len());
                }
            }
        }
    }
}

pub(super) fn read(source: &mut Source<'_>) -> Result<Weight, FormatError> {
    let name = source.plain.text("a weight's name")?;
    let shape = source.shape("a weight's shape")?;
    let Some(elements) = elements(&shape).filter(|&n| n > 0 && !shape.is_empty()) else {
        return Err(source.plain.corrupt("a weight without elements or with too many"));
    };
    let mut weight = Weight { name, shape, data: WeightData::Dense(Vec::new()) };
    weight.data = match source.plain.byte("a weight's kind")? {
        DENSE => WeightData::Dense(source.floats(elements)?),
        DENSE_PREDICTED => {
            source.claim(elements, 0)?;
            let mut numbers: Vec<u32> = source.planes(elements)?.into_iter().map(u32::from_le_bytes).collect();
            predict::restore(&mut numbers, weight.row_length(), FLOATS);
            WeightData::Dense(numbers.into_iter().map(predict::number_to_float).collect())
        }
        SPARSE => {
            let read = Read::pattern(source, &weight)?;
            let values = source.floats(read.lines.pattern.nnz())?;
            let (pattern, values) = read.lines.into_rows(values);
            WeightData::Sparse { pattern, values }
        }
        CODEBOOK => {
            let centres = source.plain.varint("a codebook")?;
            if centres > 256 {
                return Err(source.plain.corrupt("a codebook of more than 256 centres"));
            }
            let centres = source.floats(centres)?;
            let read = Read::pattern(source, &weight)?;
            let labels = read.labels(source, &weight, centres.len())?;
            let (pattern, labels) = read.lines.into_rows(labels);
            WeightData::Codebook { pattern, centres, labels }
        }
        _ => return Err(source.plain.corrupt("an unknown kind of weight")),
    };
    Ok(weight)
}

fn write_full(sink: &mut Sink, weight: &Weight) {
    sink.plain.push(FULL);
    sink.claims.add(weight.rows() + weight.elements(), 0);
}

fn write_full_labels(sink: &mut Sink, weight: &Weight, labels: &[u8], centres: usize) {
    let numbers: Vec<u32> = labels.iter().map(|&l| u32::from(l)).collect();
    let differences = predict::differences(&numbers, weight.row_length(), centres as u64);
    let differences: Vec<u8> = differences.into_iter().map(|d| d as u8).collect();
    let cost = |run: &[u8]| symbols_cost(&count(256, run.iter().copied())).0;
    let (kind, run) =
        if cost(&differences) < cost(labels) { (PREDICTED, &differences[..]) } else { (ONE_TABLE, labels) };
    sink.plain.push(kind);
    sink.symbols(run);
}

/// Where the entries of a weight with zeros stand, and which tables code them.
struct Layout {
    /// Rows that are alike: the lines below have one for so many.
    block: usize,
    blocks: Lines,
    /// The class of each line; lines of a class are about equally dense and share tables.
    classes: Vec<u8>,
    class_count: usize,
    labels_by_class: bool,
}

impl Layout {
    /// The layout that takes the fewest bytes; `None` for a weight without zeros. `labels` may be empty.
    fn choose(weight: &Weight, pattern: &Pattern, labels: &[u8], centres: usize) -> Option<Self> {
        if pattern.nnz() == weight.elements() {
            return None;
        }
        let block = rows_alike(pattern);
        let first_rows = first_rows(pattern, block);
        let mut best: Option<(f64, Self)> = None;
        for direction in [Direction::Rows, Direction::Columns] {
            let (lines, labels) = Lines::new(direction, pattern, weight.columns(), labels);
            let (blocks, _) = Lines::new::<u8>(direction, &first_rows, weight.columns(), &[]);
            for class_count in CLASS_COUNTS.into_iter().filter(|&n| n <= blocks.pattern.rows()) {
                let classes = classify(&blocks, class_count);
                let blocks = blocks.clone();
                let mut layout = Self { block, blocks, classes, class_count, labels_by_class: false };
                let mut cost = layout.cost(&lines, &labels, centres);
                if direction == Direction::Columns {
                    // Transposing takes as long as decoding: it must gain something.
                    cost *= 1.01;
                }
                if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                    best = Some((cost, layout));
                }
            }
        }
        best.map(|(_, layout)| layout)
    }

    /// Bytes that pattern and labels take; settles which tables the labels use.
    fn cost(&mut self, lines: &Lines, labels: &[u8], centres: usize) -> f64 {
        let tables =
            |counts: &[Vec<u32>]| -> f64 { counts.iter().map(|c| table_cost(&Frequencies::from_counts(c), c)).sum() };
        let classes = symbols_cost(&count(256, self.classes.iter().copied())).0;
        let words = tables(&self.count_words());
        let by_class = self.count_labels(lines, labels, centres);
        let one_table = symbols_cost(&count(256, labels.iter().copied())).0;
        let by_class = if labels.is_empty() { one_table } else { tables(&by_class) };
        self.labels_by_class = by_class < one_table;
        classes + words + by_class.min(one_table)
    }

    /// For each class the number of each word.
    fn count_words(&self) -> Vec<Vec<u32>> {
        let mut counts = vec![vec![0; WORDS]; self.class_count];
        let mut words = vec![0; Lines::words_in(self.blocks.length)];
        for (line, &class) in self.classes.iter().enumerate() {
            self.blocks.words(line, &mut words);
            words.iter().for_each(|&w| counts[usize::from(class)][usize::from(w)] += 1);
        }
        counts
    }

    /// For each class the number of each label; `lines` are those of the whole pattern.
    fn count_labels(&self, lines: &Lines, labels: &[u8], centres: usize) -> Vec<Vec<u32>> {
        let mut counts = vec![vec![0; centres]; self.class_count];
        if !labels.is_empty() {
            for (line, class) in classes_of(lines, &self.classes, self.block).enumerate() {
                let labels = &labels[lines.pattern.row(line)];
                labels.iter().for_each(|&l| counts[usize::from(class)][usize::from(l)] += 1);
            }
        }
        counts
    }

    fn write(&self, sink: &mut Sink, weight: &Weight) {
        if self.block > 1 {
            sink.plain.push(IN_BLOCKS);
            write_varint(&mut sink.plain, self.block);
        }
        sink.plain.push(if self.blocks.direction == Direction::Rows { BY_ROWS } else { BY_COLUMNS });
        let nnz = self.blocks.pattern.nnz();
        write_varint(&mut sink.plain, nnz);
        sink.plain.push(self.class_count as u8);
        sink.claims.add(nnz * self.block + weight.rows() + weight.columns(), weight.elements());
        sink.symbols(&self.classes);
        let tables = write_tables(sink, &self.count_words());
        let mut words = vec![0; Lines::words_in(self.blocks.length)];
        for (line, &class) in self.classes.iter().enumerate() {
            self.blocks.words(line, &mut words);
            sink.coded.run(&tables[usize::from(class)], &words);
        }
    }

    fn write_labels(&self, sink: &mut Sink, lines: &Lines, labels: &[u8], centres: usize) {
        if !self.labels_by_class {
            sink.plain.push(ONE_TABLE);
            sink.symbols(labels);
            return;
        }
        sink.plain.push(BY_CLASS);
        let tables = write_tables(sink, &self.count_labels(lines, labels, centres));
        for (line, class) in classes_of(lines, &self.classes, self.block).enumerate() {
            sink.coded.run(&tables[usize::from(class)], &labels[lines.pattern.row(line)]);
        }
    }
}

/// The class of each of `lines`, of which `block` rows share one of `classes`.
fn classes_of(lines: &Lines, classes: &[u8], block: usize) -> impl Iterator<Item = u8> {
    let per_class = if lines.direction == Direction::Rows { block } else { 1 };
    (0..lines.pattern.rows()).map(move |line| classes[line / per_class])
}

/// Sorts the lines into classes of equal size by their number of entries.
fn classify(lines: &Lines, class_count: usize) -> Vec<u8> {
    let pattern = &lines.pattern;
    let mut by_density: Vec<usize> = (0..pattern.rows()).collect();
    by_density.sort_by_key(|&line| pattern.row(line).len());
    let mut classes = vec![0; pattern.rows()];
    for (rank, &line) in by_density.iter().enumerate() {
        classes[line] = (rank * class_count / pattern.rows()) as u8;
    }
    classes
}

fn write_tables(sink: &mut Sink, counts: &[Vec<u32>]) -> Vec<Frequencies> {
    let tables: Vec<_> = counts.iter().map(|c| Frequencies::from_counts(c)).collect();
    tables.iter().for_each(|t| t.write(&mut sink.plain));
    tables
}

/// A pattern that was read, and the classes of its lines.
struct Read {
    lines: Lines,
    /// Empty for a full pattern.
    classes: Vec<u8>,
    class_count: usize,
    /// Rows that share a line's class.
    block: usize,
}

impl Read {
    fn pattern(source: &mut Source<'_>, weight: &Weight) -> Result<Self, FormatError> {
        let (rows, columns) = (weight.rows(), weight.columns());
        let mut kind = source.plain.byte("a pattern's kind")?;
        let mut block = 1;
        if kind == IN_BLOCKS {
            block = source.plain.varint("a pattern")?;
            if !(2..=rows).contains(&block) {
                return Err(source.plain.corrupt("blocks of no rows or of too many"));
            }
            kind = source.plain.byte("a pattern's kind")?;
        }
        let direction = match kind {
            FULL if block == 1 => {
                source.claim(rows + rows * columns, 0)?;
                let indptr = (0..=rows).map(|row| (row * columns) as u32).collect();
                let indices = (0..rows).flat_map(|_| 0..columns as u32).collect();
                let lines = Lines { direction: Direction::Rows, length: columns, pattern: Pattern { indptr, indices } };
                return Ok(Self { lines, classes: Vec::new(), class_count: 0, block });
            }
            BY_ROWS => Direction::Rows,
            BY_COLUMNS => Direction::Columns,
            _ => return Err(source.plain.corrupt("an unknown kind of pattern")),
        };
        let row_blocks = rows.div_ceil(block);
        let (count, length) = if direction == Direction::Rows { (row_blocks, columns) } else { (columns, row_blocks) };
        let nnz = source.plain.varint("a pattern")?;
        let class_count = usize::from(source.plain.byte("a pattern")?);
        if class_count > MAX_CLASSES {
            return Err(source.plain.corrupt("more classes of lines than a pattern may have"));
        }
        source.claim(nnz.saturating_mul(block).saturating_add(rows + columns), rows * columns)?;
        let classes = source.symbols(count, class_count)?;
        let tables = (0..class_count).map(|_| source.table(WORDS)).collect::<Result<Vec<_>, _>>()?;
        let mut indptr = Vec::with_capacity(count + 1);
        indptr.push(0);
        let mut indices = vec![0; nnz + SPARE];
        let mut words = vec![0; Lines::words_in(length)];
        let mut filled = 0;
        for &class in &classes {
            source.coded.run(&tables[usize::from(class)], &mut words)?;
            let marked = expand(&words, &mut indices[filled..]);
            let marked = marked.ok_or_else(|| source.plain.corrupt("more positions than entries"))?;
            filled += marked;
            if filled > nnz || marked > 0 && indices[filled - 1] as usize >= length {
                return Err(source.plain.corrupt("positions that do not fit"));
            }
            indptr.push(filled as u32);
        }
        if filled < nnz {
            return Err(source.plain.corrupt("fewer positions than entries"));
        }
        indices.truncate(nnz);
        let blocks = Lines { direction, length, pattern: Pattern { indptr, indices } };
        Ok(Self { lines: blocks.repeat_rows(block, rows), classes, class_count, block })
    }

    fn labels(&self, source: &mut Source<'_>, weight: &Weight, centres: usize) -> Result<Vec<u8>, FormatError> {
        let pattern = &self.lines.pattern;
        match source.plain.byte("labels")? {
            ONE_TABLE => source.symbols(pattern.nnz(), centres),
            PREDICTED if self.classes.is_empty() => {
                let labels = source.symbols(pattern.nnz(), centres)?;
                let mut numbers: Vec<u32> = labels.into_iter().map(u32::from).collect();
                predict::restore(&mut numbers, weight.row_length(), centres as u64);
                Ok(numbers.into_iter().map(|n| n as u8).collect())
            }
            BY_CLASS if !self.classes.is_empty() => {
                let tables = (0..self.class_count).map(|_| source.table(centres)).collect::<Result<Vec<_>, _>>()?;
                let mut labels = vec![0; pattern.nnz()];
                for (line, class) in classes_of(&self.lines, &self.classes, self.block).enumerate() {
                    source.coded.run(&tables[usize::from(class)], &mut labels[pattern.row(line)])?;
                }
                Ok(labels)
            }
            _ => Err(source.plain.corrupt("an unknown kind of labels")),
        }
    }
}

impl Weight {
    /// Length of the innermost dimension.
    fn row_length(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }
}
