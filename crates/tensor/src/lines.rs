//! Products with a matrix whose rows begin anywhere in a slice, and may overlap.
//!
//! Such a matrix is what a convolution reads: the plane of a channel, shifted by each element of the kernel. The loops are written
//! so that they compile to vector instructions, and hold a tile of the product in registers.

use crate::Scalar;
use crate::threads::are_many;
use rayon::prelude::*;
use std::ops::Range;

/// Rows of a tile.
const ROWS: usize = 6;
/// Columns of a tile, and of the narrower ones at the end: with [`ROWS`] they fill the registers, but not more. For Intel's CPUs LLVM cuts
/// vectors of 512 bits in two, and so needs twice the registers; `sse4a` is of AMD's alone.
const COLUMNS: [usize; 3] = match (cfg!(target_feature = "avx512f"), cfg!(target_feature = "sse4a")) {
    (true, true) => [64, 32, 16],
    (true, false) => [32, 16, 8],
    (false, _) => [16, 8, 4],
};
/// Terms that a tile sums before the next tile has its turn: so many lines of a tile stay in the first-level cache.
const DEPTH: usize = 256;
/// Products that a thread computes at least: some 10 microseconds, so that handing them over does not count.
const PIECE: usize = 1 << 20;

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
pub fn multiply_add<T: Scalar>(a: T, b: T, c: T) -> T {
    if cfg!(any(target_feature = "fma", target_arch = "aarch64")) { a.mul_add(b, c) } else { a * b + c }
}

/// `y = w * lines`, where each row of `y` begins `stride` elements after the one before. [Many](are_many) threads share a large product.
///
/// # Panics
/// Where a line or a row of `y` does not fit into its slice, or `w` has another number of columns than there are lines.
pub fn multiply<T: Scalar>(w: &Panels<T>, lines: Lines<'_, T>, y: &mut [T], stride: usize) {
    assert_eq!(w.depth, lines.starts.len(), "one column for each line");
    if w.depth == 0 {
        y.chunks_mut(stride.max(1)).take(w.rows).for_each(|row| row[..lines.columns].fill(T::zero()));
        return;
    }
    let all = w.rows.div_ceil(ROWS);
    let panels = if are_many() { PIECE.div_ceil((ROWS * w.depth * lines.columns).max(1)) } else { all };
    let of_piece = |(piece, (values, y)): (usize, (&[[T; ROWS]], &mut [T]))| {
        let rows = (w.rows - piece * panels * ROWS).min(panels * ROWS);
        Piece { rows, depth: w.depth, values, stride }.multiply(lines, y);
    };
    if all <= panels {
        return of_piece((0, (&w.values, y)));
    }
    let pieces = w.values.par_chunks(panels * w.depth).zip(y.par_chunks_mut(panels * ROWS * stride));
    pieces.enumerate().for_each(of_piece);
}

/// Some panels of a matrix, and how far the rows of their product are apart.
struct Piece<'a, T> {
    rows: usize,
    depth: usize,
    values: &'a [[T; ROWS]],
    stride: usize,
}

impl<T: Scalar> Piece<'_, T> {
    fn multiply(&self, lines: Lines<'_, T>, y: &mut [T]) {
        for first in (0..self.depth).step_by(DEPTH) {
            let depth = first..(first + DEPTH).min(self.depth);
            let mut column = 0;
            while column < lines.columns {
                let left = lines.columns - column;
                let width = COLUMNS.into_iter().rev().find(|&width| width >= left).unwrap_or(COLUMNS[0]);
                let at = column..(column + width).min(lines.columns);
                match width {
                    _ if width == COLUMNS[0] => self.tiles::<{ COLUMNS[0] }>(depth.clone(), lines, at, y),
                    _ if width == COLUMNS[1] => self.tiles::<{ COLUMNS[1] }>(depth.clone(), lines, at, y),
                    _ => self.tiles::<{ COLUMNS[2] }>(depth.clone(), lines, at, y),
                }
                column += width;
            }
        }
    }

    /// The tiles below each other in at most `N` columns, over the terms `depth`.
    fn tiles<const N: usize>(&self, depth: Range<usize>, lines: Lines<'_, T>, columns: Range<usize>, y: &mut [T]) {
        let starts = &lines.starts[depth.clone()];
        if columns.len() == N {
            return self.tiles_of::<N>(depth, &lines.data[columns.start..], starts, columns, y);
        }
        // The tile hangs over: read copies of the lines.
        let (mut copies, mut copied) = ([[T::zero(); N]; DEPTH], [0; DEPTH]);
        for (k, (copy, &start)) in copies.iter_mut().zip(starts).enumerate() {
            copy[..columns.len()].copy_from_slice(&lines.data[start + columns.start..][..columns.len()]);
            copied[k] = k * N;
        }
        self.tiles_of::<N>(depth, copies.as_flattened(), &copied[..starts.len()], columns, y);
    }

    fn tiles_of<const N: usize>(
        &self,
        depth: Range<usize>,
        data: &[T],
        starts: &[usize],
        columns: Range<usize>,
        y: &mut [T],
    ) {
        let n = columns.len();
        for (panel, values) in self.values.chunks_exact(self.depth).enumerate() {
            let first = panel * ROWS;
            let rows = first..(first + ROWS).min(self.rows);
            let mut sums = [[T::zero(); N]; ROWS];
            if depth.start > 0 {
                for (sums, row) in sums.iter_mut().zip(rows.clone()) {
                    let y = &y[row * self.stride + columns.start..][..n];
                    match <&[T; N]>::try_from(y) {
                        Ok(y) => *sums = *y,
                        Err(_) => sums[..n].copy_from_slice(y),
                    }
                }
            }
            add_tile(&values[depth.clone()], data, starts, &mut sums);
            for (sums, row) in sums.iter().zip(rows) {
                let y = &mut y[row * self.stride + columns.start..][..n];
                // A copy of a known length is no call.
                match <&mut [T; N]>::try_from(&mut *y) {
                    Ok(y) => *y = *sums,
                    Err(_) => y.copy_from_slice(&sums[..n]),
                }
            }
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
    use crate::threads::with_threads;
    use hccr_random::Rng;

    #[test]
    fn products_agree_with_plain_loops() {
        let mut rng = Rng::new(1, 0);
        for [rows, columns, depth] in
            [[1, 1, 1], [3, 5, 2], [33, 65, 17], [24, 1300, 9], [10, 128, 600], [4, 17, 3], [45, 300, 300]]
        {
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

    #[test]
    fn threads_that_share_a_product_do_not_change_it() {
        let mut rng = Rng::new(2, 0);
        let [rows, columns, depth] = [1000, 45, 700];
        let mut draw = |count: usize| (0..count).map(|_| rng.normal()).collect::<Vec<f32>>();
        let (w, data) = (draw(rows * depth), draw(depth * columns));
        let starts: Vec<usize> = (0..depth).map(|k| k * columns).collect();
        let w = Panels::new(rows, depth, |r, k| w[r * depth + k]);
        let product = |threads| {
            let mut y = vec![0.0; rows * columns];
            let lines = Lines { data: &data, starts: &starts, columns };
            with_threads(threads, || multiply(&w, lines, &mut y, columns));
            y
        };
        assert!(rows * columns * depth > 10 * PIECE);
        assert!(product(1) == product(8));
    }
}
