//! Products with a matrix whose rows begin anywhere in a slice, and may overlap.
//!
//! Such a matrix is what a convolution reads: the plane of a channel, shifted by each element of the kernel. The loops are written
//! so that they compile to vector instructions, and hold a tile of the product in registers.

use crate::Scalar;
use std::ops::Range;

/// Rows of a tile.
const ROWS: usize = 6;
/// Columns of a tile, and of the narrower ones at the end: with [`ROWS`] they fill the registers, but not more.
const COLUMNS: [usize; 3] = if cfg!(target_feature = "avx512f") { [64, 32, 16] } else { [16, 8, 4] };
/// Terms that a tile sums before the next tile has its turn: so many lines of a tile stay in the first-level cache.
const DEPTH: usize = 256;

/// A matrix as [`multiply`] reads it: `ROWS` rows side by side.
#[derive(Clone, Debug)]
pub struct Panels<T> {
    rows: usize,
    depth: usize,
    values: Vec<[T; ROWS]>,
}

impl<T: Scalar> Panels<T> {
    /// A matrix of `rows` rows and `depth` columns of the values `at(row, column)`.
    pub fn new(rows: usize, depth: usize, at: impl Fn(usize, usize) -> T) -> Self {
        let mut values = Vec::with_capacity(rows.div_ceil(ROWS) * depth);
        for first in (0..rows).step_by(ROWS) {
            let value = |row, k| if row < rows { at(row, k) } else { T::zero() };
            values.extend((0..depth).map(|k| std::array::from_fn(|r| value(first + r, k))));
        }
        Self { rows, depth, values }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }
}

/// A matrix whose row `k` is the `columns` elements of `data` from `starts[k]` on.
#[derive(Clone, Copy, Debug)]
pub struct Lines<'a, T> {
    /// What the rows are taken from.
    pub data: &'a [T],
    /// First element of each row.
    pub starts: &'a [usize],
    /// Number of columns.
    pub columns: usize,
}

/// `a * b + c`, in one instruction where there is one.
#[inline(always)]
pub(crate) fn multiply_add<T: Scalar>(a: T, b: T, c: T) -> T {
    if cfg!(any(target_feature = "fma", target_arch = "aarch64")) { a.mul_add(b, c) } else { a * b + c }
}

/// `y = w * lines`, where each row of `y` begins `stride` elements after the one before.
///
/// # Panics
/// Where a line or a row of `y` does not fit into its slice, or `w` has another number of columns than there are lines.
pub fn multiply<T: Scalar>(w: &Panels<T>, lines: Lines<'_, T>, y: &mut [T], stride: usize) {
    assert_eq!(w.depth, lines.starts.len(), "one column for each line");
    if w.depth == 0 {
        y.chunks_mut(stride.max(1)).take(w.rows).for_each(|row| row[..lines.columns].fill(T::zero()));
    }
    for first in (0..w.depth).step_by(DEPTH) {
        let depth = first..(first + DEPTH).min(w.depth);
        let mut column = 0;
        while column < lines.columns {
            let left = lines.columns - column;
            let width = COLUMNS.into_iter().rev().find(|&width| width >= left).unwrap_or(COLUMNS[0]);
            let at = column..(column + width).min(lines.columns);
            match width {
                _ if width == COLUMNS[0] => tiles::<T, { COLUMNS[0] }>(w, depth.clone(), lines, at, y, stride),
                _ if width == COLUMNS[1] => tiles::<T, { COLUMNS[1] }>(w, depth.clone(), lines, at, y, stride),
                _ => tiles::<T, { COLUMNS[2] }>(w, depth.clone(), lines, at, y, stride),
            }
            column += width;
        }
    }
}

/// The tiles below each other in at most `N` columns, over the terms `depth`.
fn tiles<T: Scalar, const N: usize>(
    w: &Panels<T>,
    depth: Range<usize>,
    lines: Lines<'_, T>,
    columns: Range<usize>,
    y: &mut [T],
    stride: usize,
) {
    let starts = &lines.starts[depth.clone()];
    if columns.len() == N {
        return tiles_of::<T, N>(w, depth, &lines.data[columns.start..], starts, columns, y, stride);
    }
    // The tile hangs over: read copies of the lines.
    let (mut copies, mut copied) = ([[T::zero(); N]; DEPTH], [0; DEPTH]);
    for (k, (copy, &start)) in copies.iter_mut().zip(starts).enumerate() {
        copy[..columns.len()].copy_from_slice(&lines.data[start + columns.start..][..columns.len()]);
        copied[k] = k * N;
    }
    tiles_of::<T, N>(w, depth, copies.as_flattened(), &copied[..starts.len()], columns, y, stride);
}

fn tiles_of<T: Scalar, const N: usize>(
    w: &Panels<T>,
    depth: Range<usize>,
    data: &[T],
    starts: &[usize],
    columns: Range<usize>,
    y: &mut [T],
    stride: usize,
) {
    let n = columns.len();
    for (panel, values) in w.values.chunks_exact(w.depth).enumerate() {
        let first = panel * ROWS;
        let rows = first..(first + ROWS).min(w.rows);
        let mut sums = [[T::zero(); N]; ROWS];
        if depth.start > 0 {
            for (sums, row) in sums.iter_mut().zip(rows.clone()) {
                sums[..n].copy_from_slice(&y[row * stride + columns.start..][..n]);
            }
        }
        add_tile(&values[depth.clone()], data, starts, &mut sums);
        for (sums, row) in sums.iter().zip(rows) {
            y[row * stride + columns.start..][..n].copy_from_slice(&sums[..n]);
        }
    }
}

#[inline(never)]
fn add_tile<T: Scalar, const N: usize>(panel: &[[T; ROWS]], data: &[T], starts: &[usize], sums: &mut [[T; N]; ROWS]) {
    let mut tile = *sums;
    for (w, &start) in panel.iter().zip(starts) {
        let x: &[T; N] = data[start..start + N].try_into().expect("a slice of N elements");
        for r in 0..ROWS {
            for n in 0..N {
                tile[r][n] = multiply_add(w[r], x[n], tile[r][n]);
            }
        }
    }
    *sums = tile;
}

#[cfg(test)]
mod tests {
    use super::*;
    use hccr_random::Rng;

    #[test]
    fn products_agree_with_plain_loops() {
        let mut rng = Rng::new(1, 0);
        for [rows, columns, depth] in [[1, 1, 1], [3, 5, 2], [33, 65, 17], [24, 1300, 9], [10, 128, 600], [4, 17, 3]] {
            let data: Vec<f64> = (0..depth * 3 + columns).map(|_| rng.normal().into()).collect();
            let starts: Vec<usize> = (0..depth).map(|_| rng.below(3 * depth + 1)).collect();
            let lines = Lines { data: &data, starts: &starts, columns };
            let w: Vec<f64> = (0..rows * depth).map(|_| rng.normal().into()).collect();
            let stride = columns + 3;
            let mut y = vec![9.0; rows * stride];
            multiply(&Panels::new(rows, depth, |r, k| w[r * depth + k]), lines, &mut y, stride);
            for r in 0..rows {
                for p in 0..columns {
                    let want: f64 = (0..depth).map(|k| w[r * depth + k] * data[starts[k] + p]).sum();
                    assert!((y[r * stride + p] - want).abs() < 1e-9, "{rows} {columns} {depth}");
                }
                assert!(y[r * stride + columns..(r + 1) * stride].iter().all(|&v| v == 9.0), "wrote between the rows");
            }
        }
    }
}
