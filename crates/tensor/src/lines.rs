//! Products with a matrix whose rows begin anywhere in a slice, and may overlap.
//!
//! Such a matrix is what a convolution reads: the plane of a channel, shifted by each element of the kernel. A tile of the
//! product is held in registers.

use crate::Scalar;
use crate::threads::are_many;
use crate::vector::{Vector, load};
use rayon::prelude::*;
use std::ops::Range;

/// Rows of a tile: with [`VECTORS`] it stays in the registers of AVX2, AVX-512 and NEON.
pub(crate) const ROWS: usize = if cfg!(target_feature = "avx512f") { 8 } else { 6 };
/// Vectors of a row of a tile. Three, for which AVX-512 has registers, were slower on a Xeon; on AMD none but two were timed.
pub(crate) const VECTORS: usize = 2;
/// Terms that a tile sums before the next tile has its turn: so many lines of a tile stay in the first-level cache.
pub(crate) const DEPTH: usize = 256;
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

    /// Number of columns.
    pub fn depth(&self) -> usize {
        self.depth
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
    T::multiply(w, lines, y, stride);
}

/// What [`Scalar::multiply`] is for each type.
pub(crate) fn multiply_of<T: Scalar>(w: &Panels<T>, lines: Lines<'_, T>, y: &mut [T], stride: usize) {
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
                let vectors = (lines.columns - column).div_ceil(T::Vector::LANES).min(VECTORS);
                let at = column..(column + vectors * T::Vector::LANES).min(lines.columns);
                column = at.end;
                match vectors {
                    1 => self.tiles::<1>(depth.clone(), lines, at, y),
                    _ => self.tiles::<VECTORS>(depth.clone(), lines, at, y),
                }
            }
        }
    }

    /// The tiles below each other in at most `V` vectors of columns, over the terms `depth`.
    fn tiles<const V: usize>(&self, depth: Range<usize>, lines: Lines<'_, T>, columns: Range<usize>, y: &mut [T]) {
        let (first, width) = (columns.start, V * T::Vector::LANES);
        let starts = &lines.starts[depth.clone()];
        if columns.len() == width {
            let lines = starts.iter().map(|&start| load(&lines.data[start + first..][..width]));
            return self.tiles_of::<V>(depth, lines, columns, y);
        }
        // The tile hangs over, and each of its lines is put together once.
        let mut copies = [[T::Vector::splat(T::zero()); V]; DEPTH];
        for (copy, &start) in copies.iter_mut().zip(starts) {
            *copy = load(&lines.data[start + first..][..columns.len()]);
        }
        self.tiles_of::<V>(depth, copies[..starts.len()].iter().copied(), columns, y);
    }

    fn tiles_of<const V: usize>(
        &self,
        depth: Range<usize>,
        lines: impl Iterator<Item = [T::Vector; V]> + Clone,
        columns: Range<usize>,
        y: &mut [T],
    ) {
        for (panel, values) in self.values.chunks_exact(self.depth).enumerate() {
            let first = panel * ROWS;
            let rows = first..(first + ROWS).min(self.rows);
            let mut sums = [[T::Vector::splat(T::zero()); V]; ROWS];
            if depth.start > 0 {
                for (sums, row) in sums.iter_mut().zip(rows.clone()) {
                    *sums = load(&y[row * self.stride..][columns.clone()]);
                }
            }
            add_tile::<T, V>(&values[depth.clone()], lines.clone(), &mut sums);
            for (sums, row) in sums.iter().zip(rows) {
                let y = &mut y[row * self.stride..][columns.clone()];
                sums.iter().zip(y.chunks_mut(T::Vector::LANES)).for_each(|(sum, y)| sum.store(y));
            }
        }
    }
}

#[inline(never)]
pub(crate) fn add_tile<T: Scalar, const V: usize>(
    panel: &[[T; ROWS]],
    lines: impl Iterator<Item = [T::Vector; V]>,
    sums: &mut [[T::Vector; V]; ROWS],
) {
    let mut tile = *sums;
    for (w, x) in panel.iter().zip(lines) {
        for (sums, &w) in tile.iter_mut().zip(w) {
            let w = T::Vector::splat(w);
            for (sum, &x) in sums.iter_mut().zip(&x) {
                *sum = sum.add_product(w, x);
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
        agree::<f64>(1e-9);
        agree::<f32>(1e-2);
    }

    fn agree<T: Scalar>(tolerance: f64) {
        let mut rng = Rng::new(1, 0);
        for [rows, columns, depth] in
            [[1, 1, 1], [3, 5, 2], [33, 65, 17], [24, 1300, 9], [10, 128, 600], [4, 17, 3], [45, 300, 300]]
        {
            let data: Vec<T> = (0..depth * 3 + columns).map(|_| T::of(rng.normal().into())).collect();
            let starts: Vec<usize> = (0..depth).map(|_| rng.below(3 * depth + 1)).collect();
            let lines = Lines { data: &data, starts: &starts, columns };
            let w: Vec<T> = (0..rows * depth).map(|_| T::of(rng.normal().into())).collect();
            let stride = columns + 3;
            let mut y = vec![T::of(9.0); rows * stride];
            multiply(&Panels::new(rows, depth, |r, k| w[r * depth + k]), lines, &mut y, stride);
            for r in 0..rows {
                for p in 0..columns {
                    let product = |k: usize| w[r * depth + k].as_f64() * data[starts[k] + p].as_f64();
                    let want: f64 = (0..depth).map(product).sum();
                    assert!((y[r * stride + p].as_f64() - want).abs() < tolerance, "{rows} {columns} {depth}");
                }
                let between = &y[r * stride + columns..(r + 1) * stride];
                assert!(between.iter().all(|&v| v == T::of(9.0)), "wrote between the rows");
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
