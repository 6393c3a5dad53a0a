//! Sums of products with transposed matrices: the gradient of a weight that many small products share, such as those of an LSTM's steps.

use crate::Scalar;
use crate::lines::{DEPTH, ROWS, VECTORS, add_tile};
use crate::threads::are_many;
use crate::vector::{Vector, load};
use rayon::prelude::*;
use std::ops::Range;

/// Panels of rows that one of many threads computes at least: each thread reads all right factors.
const PANELS: usize = 16;

/// Some columns of two matrices: a row of each begins as many elements after the one before as there are columns in its matrix.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'a, T> {
    /// The left matrix from its first element on, and its number of columns.
    pub left: (&'a [T], usize),
    /// The right one.
    pub right: (&'a [T], usize),
    /// How many of their first columns.
    pub count: usize,
}

/// The sum of `left * right^T` over all `parts`, `[rows, columns]`, where each left matrix has `rows` rows and each right one `columns`.
/// [Many](are_many) threads share it.
///
/// # Panics
/// Where a matrix is too short, or a part has more than 256 columns.
pub fn multiply_transposed<T: Scalar>([rows, columns]: [usize; 2], parts: &[Columns<'_, T>]) -> Vec<T> {
    T::multiply_transposed([rows, columns], parts)
}

/// What [`Scalar::multiply_transposed`] is for each type.
pub(crate) fn multiply_transposed_of<T: Scalar>([rows, columns]: [usize; 2], parts: &[Columns<'_, T>]) -> Vec<T> {
    let mut product = vec![T::zero(); rows * columns];
    if product.is_empty() {
        return product;
    }
    let width = columns.next_multiple_of(T::Vector::LANES);
    let (blocks, lines) = (blocks(parts), right_transposed(parts, columns, width));
    let panels = if are_many() { PANELS } else { rows.div_ceil(ROWS) };
    product.par_chunks_mut(panels * ROWS * columns).enumerate().for_each(|(piece, product)| {
        let mut lines = &lines[..];
        for (block, parts) in blocks.iter().enumerate() {
            let depth: usize = parts.iter().map(|part| part.count).sum();
            let (block_lines, rest) = lines.split_at(depth * width);
            lines = rest;
            for (panel, product) in product.chunks_mut(ROWS * columns).enumerate() {
                let first = (piece * panels + panel) * ROWS;
                let values = panel_of(parts, first..first + product.len() / columns);
                let tile = Tile { values: &values[..depth], lines: block_lines, width, columns, adds: block > 0 };
                let mut column = 0;
                while column < columns {
                    column += match (columns - column).div_ceil(T::Vector::LANES) {
                        1 => tile.add::<1>(column, product),
                        _ => tile.add::<VECTORS>(column, product),
                    };
                }
            }
        }
    });
    product
}

/// Neighbouring parts of as many columns as a tile sums at a time.
fn blocks<'a, 'b, T>(parts: &'b [Columns<'a, T>]) -> Vec<&'b [Columns<'a, T>]> {
    let (mut blocks, mut first, mut depth) = (Vec::new(), 0, 0);
    for (at, part) in parts.iter().enumerate() {
        assert!(part.count <= DEPTH, "{} columns, more than {DEPTH}", part.count);
        if depth + part.count > DEPTH {
            blocks.push(&parts[first..at]);
            (first, depth) = (at, 0);
        }
        depth += part.count;
    }
    blocks.push(&parts[first..]);
    blocks
}

/// The columns of all right matrices as rows of `width` elements, with zeros at their ends.
fn right_transposed<T: Scalar>(parts: &[Columns<'_, T>], columns: usize, width: usize) -> Vec<T> {
    let depth: usize = parts.iter().map(|part| part.count).sum();
    let mut lines = vec![T::zero(); depth * width];
    let mut rest = &mut lines[..];
    for &Columns { right: (right, stride), count, .. } in parts {
        let (lines, others) = rest.split_at_mut(count * width);
        rest = others;
        for (row, right) in right.chunks(stride.max(1)).take(columns).enumerate() {
            for (line, &value) in lines.chunks_exact_mut(width).zip(&right[..count]) {
                line[row] = value;
            }
        }
    }
    lines
}

/// Rows of the left matrices side by side.
#[inline(always)]
fn panel_of<T: Scalar>(parts: &[Columns<'_, T>], rows: Range<usize>) -> [[T; ROWS]; DEPTH] {
    let mut values = [[T::zero(); ROWS]; DEPTH];
    let mut rest = &mut values[..];
    for &Columns { left: (left, stride), count, .. } in parts {
        let (values, others) = rest.split_at_mut(count);
        rest = others;
        for (r, row) in rows.clone().enumerate() {
            for (values, &value) in values.iter_mut().zip(&left[row * stride..][..count]) {
                values[r] = value;
            }
        }
    }
    values
}

/// What a tile of the product sums.
struct Tile<'a, T> {
    values: &'a [[T; ROWS]],
    /// One for each of `values`.
    lines: &'a [T],
    width: usize,
    columns: usize,
    /// Whether the product has a sum already.
    adds: bool,
}

impl<T: Scalar> Tile<'_, T> {
    /// Adds to at most `V` vectors of columns of the product's rows, from `column` on; gives their number.
    #[inline(always)]
    fn add<const V: usize>(&self, column: usize, product: &mut [T]) -> usize {
        let count = (V * T::Vector::LANES).min(self.columns - column);
        let mut sums = [[T::Vector::splat(T::zero()); V]; ROWS];
        if self.adds {
            for (sums, row) in sums.iter_mut().zip(product.chunks_exact(self.columns)) {
                *sums = load(&row[column..column + count]);
            }
        }
        let lines = self.lines.chunks_exact(self.width).map(|line| load(&line[column..][..V * T::Vector::LANES]));
        add_tile::<T, V>(self.values, lines, &mut sums);
        for (sums, row) in sums.iter().zip(product.chunks_exact_mut(self.columns)) {
            let row = row[column..column + count].chunks_mut(T::Vector::LANES);
            sums.iter().zip(row).for_each(|(sum, row)| sum.store(row));
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::with_threads;
    use hccr_random::Rng;

    #[test]
    fn agrees_with_plain_loops() {
        agree::<f64>(1e-9);
        agree::<f32>(1e-2);
    }

    fn agree<T: Scalar>(tolerance: f64) {
        let mut rng = Rng::new(1, 0);
        for ([rows, columns], counts) in [
            ([1, 1], vec![1]),
            ([3, 5], vec![2, 1]),
            ([40, 113], vec![32; 11]),
            ([300, 7], vec![31, 256, 3]),
            ([9, 33], vec![]),
            ([0, 4], vec![3]),
        ] {
            let mut draw = |len: usize| -> Vec<T> { (0..len).map(|_| T::of(rng.normal().into())).collect() };
            let strides = |count: usize| [count + 2, count];
            let matrices: Vec<[Vec<T>; 2]> = counts
                .iter()
                .map(|&count| [draw(rows * strides(count)[0]), draw(columns * strides(count)[1])])
                .collect();
            let parts: Vec<Columns<'_, T>> = matrices
                .iter()
                .zip(&counts)
                .map(|([left, right], &count)| Columns {
                    left: (left, strides(count)[0]),
                    right: (right, strides(count)[1]),
                    count,
                })
                .collect();
            let found = multiply_transposed([rows, columns], &parts);
            assert_eq!(found.len(), rows * columns);
            for (i, &found) in found.iter().enumerate() {
                let (row, column) = (i / columns, i % columns);
                let of_part = |part: &Columns<'_, T>| -> f64 {
                    let at = |(matrix, stride): (&[T], usize), row: usize, k: usize| matrix[row * stride + k].as_f64();
                    (0..part.count).map(|k| at(part.left, row, k) * at(part.right, column, k)).sum()
                };
                let want: f64 = parts.iter().map(of_part).sum();
                assert!((found.as_f64() - want).abs() < tolerance, "{rows} {columns} {counts:?}");
            }
        }
    }

    #[test]
    fn threads_that_share_a_sum_do_not_change_it() {
        let mut rng = Rng::new(2, 0);
        let [rows, columns] = [ROWS * PANELS * 3 + 5, 50];
        let mut draw = |len: usize| -> Vec<f32> { (0..len).map(|_| rng.normal()).collect() };
        let (left, right) = (draw(rows * 20), draw(columns * 20));
        let part = Columns { left: (&left, 20), right: (&right, 20), count: 20 };
        let sum = |threads| with_threads(threads, || multiply_transposed([rows, columns], &[part; 30]));
        assert!(sum(1) == sum(8));
    }
}
