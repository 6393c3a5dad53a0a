//! Convolution with kernels of 3x3 in fewer products.
//!
//! An output of `M` by `M` reads a tile of `A = M + 2` by `A` inputs. Tile and kernel are transformed such that each output is a sum of
//! `A * A / (M * M)` products per channel instead of 9 (S. Winograd, "Arithmetic complexity of computations", 1980; A. Lavin and S. Gray,
//! "Fast algorithms for convolutional neural networks", 2015). Each of the `A * A` places of a tile is a matrix product over channels.
//!
//! The transforms come from multiplying polynomials by their values at `A - 1` points and at infinity. The points are those with
//! the smallest rounding errors (B. Barabasz and others, "Error analysis and improving the accuracy of Winograd convolution for deep
//! neural networks", 2018).

use crate::lines::{Lines, Panels, multiply, multiply_add};
use crate::matrix::{Transpose, gemm};
use crate::scalar::Scalar;
use rayon::prelude::*;
use std::array::from_fn;
use std::ops::Range;

/// Rows and columns of a kernel.
const KERNEL: usize = 3;
/// The points, of which `A - 1` are used.
const POINTS: [f64; 5] = [0.0, -1.0, 1.0, 0.5, -2.0];
/// Tiles, or channels, that are transformed side by side: sums of six fill the registers, but not more.
const LANES: usize = if cfg!(target_feature = "avx512f") { 32 } else { 16 };
/// Tiles whose transforms are multiplied at a time: what belongs to them should stay near the processor.
const BLOCK: usize = 32;
/// The same where products are summed over tiles.
const BLOCK_OF_SUM: usize = 128;

/// `[rows, columns]` of many values side by side.
type Squares<T, const N: usize> = [[[T; LANES]; N]; N];

/// The transforms for outputs of `M` by `M`, from tiles of `A` by `A`: matrices by their columns.
pub(crate) struct Winograd<T, const M: usize, const A: usize> {
    /// Of a tile of the input.
    input: [[T; A]; A],
    /// From products to an output, and from products to a kernel's gradient.
    output: [[T; M]; A],
    gradient: [[T; KERNEL]; A],
    /// Of an output's gradient, and of a kernel.
    output_gradient: [[T; A]; M],
    kernel: [[T; A]; KERNEL],
}

/// The planes of a mini-batch's part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planes {
    pub(crate) images: usize,
    pub(crate) size: [usize; 2],
}

impl<T: Scalar, const M: usize, const A: usize> Winograd<T, M, A> {
    pub(crate) fn new() -> Self {
        let (output, gradient) = (values_at_points::<T, M, A>(), values_at_points::<T, KERNEL, A>());
        let coefficients = coefficients::<A>().map(|row| row.map(T::of));
        Self {
            input: transposed(&coefficients),
            output_gradient: transposed(&output),
            kernel: transposed(&gradient),
            output,
            gradient,
        }
    }

    /// The transformed kernels, one matrix for each place of a tile; `at(row, column)` is where each of the `rows` by `columns`
    /// kernels begins in `weight`, and `turned` whether it is turned around.
    pub(crate) fn weight(
        &self,
        weight: &[T],
        [rows, columns]: [usize; 2],
        at: impl Fn(usize, usize) -> usize + Sync,
        turned: bool,
    ) -> Vec<Panels<T>> {
        let groups = columns.div_ceil(LANES);
        let mut transformed = vec![[T::zero(); LANES]; rows * A * A * groups];
        transformed.par_chunks_exact_mut(A * A * groups).enumerate().for_each(|(row, transformed)| {
            for group in 0..groups {
                let mut kernels = [[[T::zero(); LANES]; KERNEL]; KERNEL];
                for (lane, column) in (group * LANES..columns).take(LANES).enumerate() {
                    let kernel = &weight[at(row, column)..][..KERNEL * KERNEL];
                    for (tap, &value) in kernel.iter().enumerate() {
                        let tap = if turned { KERNEL * KERNEL - 1 - tap } else { tap };
                        kernels[tap / KERNEL][tap % KERNEL][lane] = value;
                    }
                }
                sandwich(&self.kernel, kernels.as_flattened(), 1, &mut transformed[group..], groups);
            }
        });
        let transformed = transformed.as_flattened();
        let value = |place, row, column| transformed[(row * A * A + place) * groups * LANES + column];
        let places = (0..A * A).into_par_iter();
        places.map(|place| Panels::new(rows, columns, |row, column| value(place, row, column))).collect()
    }

    /// The output `y` of a convolution of `x` with a border of 1.
    pub(crate) fn convolve(&self, weight: &[Panels<T>], planes: Planes, x: &[T], y: &mut [T]) {
        let (rows, channels) = (weight[0].rows(), x.len() / planes.elements());
        let mut transformed = vec![[T::zero(); LANES]; A * A * channels * (BLOCK / LANES)];
        let mut products = vec![[T::zero(); LANES]; A * A * rows * (BLOCK / LANES)];
        let starts: Vec<usize> = (0..channels).map(|c| c * BLOCK).collect();
        for block in planes.blocks(M, BLOCK) {
            transform(&self.input, planes, 1, x, block.clone(), BLOCK / LANES, &mut transformed);
            let places = transformed.as_flattened().chunks_exact(channels * BLOCK);
            let places = places.zip(products.as_flattened_mut().chunks_exact_mut(rows * BLOCK));
            for ((data, product), weight) in places.zip(weight) {
                multiply(weight, Lines { data, starts: &starts, columns: block.len() }, product, BLOCK);
            }
            for (row, y) in y.chunks_exact_mut(planes.elements()).enumerate() {
                for (group, first) in block.clone().step_by(LANES).enumerate() {
                    let mut outputs = [[[T::zero(); LANES]; M]; M];
                    let of_row = &products[row * (BLOCK / LANES) + group..];
                    sandwich(&self.output, of_row, rows * (BLOCK / LANES), outputs.as_flattened_mut(), 1);
                    planes.scatter(&outputs, first..(first + LANES).min(block.end), y);
                }
            }
        }
    }

    /// Adds the gradient by the kernels, given the input and the gradient by the output.
    pub(crate) fn correlate(&self, planes: Planes, x: &[T], dy: &[T], dw: &mut [T]) {
        let [columns, rows] = [x, dy].map(|planes_of| planes_of.len() / planes.elements());
        let buffer = |channels: usize| vec![[T::zero(); LANES]; A * A * channels * (BLOCK_OF_SUM / LANES)];
        let (mut transformed, mut d_transformed) = (buffer(columns), buffer(rows));
        let groups = columns.div_ceil(LANES);
        let mut products = vec![[T::zero(); LANES]; A * A * rows * groups];
        for block in planes.blocks(M, BLOCK_OF_SUM) {
            let (whole, depth) = (BLOCK_OF_SUM, block.len());
            transform(&self.input, planes, 1, x, block.clone(), whole / LANES, &mut transformed);
            transform(&self.output_gradient, planes, 0, dy, block, whole / LANES, &mut d_transformed);
            let [x, d] = [&transformed, &d_transformed].map(|t| t.as_flattened());
            let places = x.chunks_exact(columns * whole).zip(d.chunks_exact(rows * whole));
            let products = products.as_flattened_mut().chunks_exact_mut(rows * groups * LANES);
            for ((x, d), product) in places.zip(products) {
                let (d, x) = ((d, whole, Transpose::No), (x, whole, Transpose::Yes));
                gemm([rows, columns, depth], T::one(), d, x, T::one(), (product, groups * LANES));
            }
        }
        for (row, dw) in dw.chunks_exact_mut(columns * KERNEL * KERNEL).enumerate() {
            for (group, dw) in dw.chunks_mut(LANES * KERNEL * KERNEL).enumerate() {
                let mut kernels = [[[T::zero(); LANES]; KERNEL]; KERNEL];
                let of_row = &products[row * groups + group..];
                sandwich(&self.gradient, of_row, rows * groups, kernels.as_flattened_mut(), 1);
                for (lane, dw) in dw.chunks_exact_mut(KERNEL * KERNEL).enumerate() {
                    dw.iter_mut().zip(kernels.as_flattened()).for_each(|(dw, kernels)| *dw += kernels[lane]);
                }
            }
        }
    }
}

/// Writes the transforms of a block of tiles of each channel to `out`, `[A * A, channels, groups]`: tiles of `N` by `N` elements, of which
/// the first `border` rows and columns belong to the tile before.
fn transform<T: Scalar, const N: usize, const A: usize>(
    columns: &[[T; A]; N],
    planes: Planes,
    border: usize,
    x: &[T],
    block: Range<usize>,
    groups: usize,
    out: &mut [[T; LANES]],
) {
    let (elements, width) = (planes.elements(), planes.size[1]);
    let tiles: Vec<Tile> = block.map(|tile| Tile::new::<N>(planes, tile, border)).collect();
    let channels = x.len() / elements;
    for (channel, plane) in x.chunks_exact(elements).enumerate() {
        for (group, tiles) in tiles.chunks(LANES).enumerate() {
            let mut squares = [[[T::zero(); LANES]; N]; N];
            for (lane, tile) in tiles.iter().enumerate() {
                if tile.is_whole {
                    for (i, squares) in squares.iter_mut().enumerate() {
                        let row: &[T; N] = plane[tile.from + i * width..][..N].try_into().expect("N elements");
                        squares.iter_mut().zip(row).for_each(|(square, &value)| square[lane] = value);
                    }
                    continue;
                }
                for (squares, from) in squares[tile.rows.clone()].iter_mut().zip((tile.from..).step_by(width)) {
                    let squares = squares[tile.columns.clone()].iter_mut();
                    squares.zip(&plane[from..]).for_each(|(square, &value)| square[lane] = value);
                }
            }
            let out = &mut out[channel * groups + group..];
            sandwich(columns, squares.as_flattened(), 1, out, channels * groups);
        }
    }
}

impl Planes {
    fn elements(&self) -> usize {
        self.images * self.size[0] * self.size[1]
    }

    /// All tiles of `side` by `side` outputs, so many at a time.
    fn blocks(&self, side: usize, block: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let tiles = self.images * self.size.map(|length| length.div_ceil(side)).iter().product::<usize>();
        (0..tiles).step_by(block).map(move |first| first..(first + block).min(tiles))
    }

    /// Image, first row and first column of a tile of `side` by `side` outputs.
    fn place(&self, side: usize, tile: usize) -> [usize; 3] {
        let [rows, columns] = self.size.map(|length| length.div_ceil(side));
        [tile / columns / rows, tile / columns % rows * side, tile % columns * side]
    }

    /// Writes the outputs of some tiles to a channel of the output.
    fn scatter<T: Scalar, const M: usize>(&self, outputs: &Squares<T, M>, tiles: Range<usize>, y: &mut [T]) {
        let [h, w] = self.size;
        for (lane, tile) in tiles.enumerate() {
            let [image, row, column] = self.place(M, tile);
            let columns = M.min(w - column);
            for (outputs, row) in outputs.iter().zip(row..h) {
                let y = &mut y[(image * h + row) * w + column..][..columns];
                y.iter_mut().zip(outputs).for_each(|(y, output)| *y = output[lane]);
            }
        }
    }
}

/// What a tile reads.
struct Tile {
    /// First element that there is, and the rows and columns of the tile that there are.
    from: usize,
    rows: Range<usize>,
    columns: Range<usize>,
    is_whole: bool,
}

impl Tile {
    fn new<const N: usize>(planes: Planes, tile: usize, border: usize) -> Self {
        let [image, row, column] = planes.place(N - 2 * border, tile);
        let [h, w] = planes.size;
        let inside = |first: usize, side: usize| {
            let before = border.saturating_sub(first);
            before..N.min(side + border - first)
        };
        let (rows, columns) = (inside(row, h), inside(column, w));
        let from = (image * h + row + rows.start - border) * w + column + columns.start - border;
        let is_whole = rows == (0..N) && columns == (0..N);
        Self { from, rows, columns, is_whole }
    }
}

/// `matrix * square * matrix^T`, for many squares side by side, given the matrix's columns. Elements follow each other so many steps
/// apart.
fn sandwich<T: Scalar, const I: usize, const O: usize>(
    columns: &[[T; O]; I],
    squares: &[[T; LANES]],
    step: usize,
    out: &mut [[T; LANES]],
    out_step: usize,
) {
    let mut rows = [[[T::zero(); LANES]; O]; I];
    for (i, row) in rows.iter_mut().enumerate() {
        combine(columns, &squares[i * I * step..], step, row, 1);
    }
    for o in 0..O {
        combine(columns, &rows.as_flattened()[o..], O, &mut out[o * out_step..], O * out_step);
    }
}

/// `matrix * values`, for many values side by side. Both values and sums follow each other so many steps apart.
///
/// Not inlined, and a loop over the terms of sums in registers: so it compiles to vectors of lanes, and not of anything else.
#[inline(never)]
fn combine<T: Scalar, const O: usize>(
    columns: &[[T; O]],
    values: &[[T; LANES]],
    step: usize,
    out: &mut [[T; LANES]],
    out_step: usize,
) {
    let mut sums = [[T::zero(); LANES]; O];
    for (weights, value) in columns.iter().zip(values.iter().step_by(step)) {
        for o in 0..O {
            for lane in 0..LANES {
                sums[o][lane] = multiply_add(weights[o], value[lane], sums[o][lane]);
            }
        }
    }
    for (out, sum) in out.iter_mut().step_by(out_step).zip(sums) {
        *out = sum;
    }
}

/// Turns coefficients of a polynomial of `N` terms into its values at the points; at infinity, a polynomial is its last coefficient
/// if it has as many as may be.
fn values_at_points<T: Scalar, const N: usize, const A: usize>() -> [[T; N]; A] {
    from_fn(|i| {
        from_fn(|power| match i + 1 < A {
            true => T::of(POINTS[i].powi(power as i32)),
            false => T::of(f64::from(u8::from(power + 1 == N))),
        })
    })
}

/// Row `i` has the coefficients of the polynomial of degree below `A` that is 1 at point `i` and 0 at all others: the inverse of
/// [`values_at_points`], transposed.
fn coefficients<const A: usize>() -> [[f64; A]; A] {
    let points = &POINTS[..A - 1];
    from_fn(|i| {
        let mut polynomial = [0.0; A];
        polynomial[0] = 1.0;
        for (j, point) in points.iter().enumerate().filter(|&(j, _)| j != i) {
            // Times `x - point`, and divided by what it is at point `i`.
            let divisor = if i + 1 < A { points[i] - point } else { 1.0 };
            debug_assert!(j < A);
            for power in (0..A).rev() {
                let lower = if power > 0 { polynomial[power - 1] } else { 0.0 };
                polynomial[power] = (lower - point * polynomial[power]) / divisor;
            }
        }
        polynomial
    })
}

fn transposed<T: Copy, const R: usize, const C: usize>(matrix: &[[T; C]; R]) -> [[T; R]; C] {
    from_fn(|c| from_fn(|r| matrix[r][c]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hccr_random::Rng;

    /// Calls `f` with all pairs of an output and the element of the input that each tap of the kernel reads for it.
    fn each_product([h, w]: [usize; 2], mut f: impl FnMut(usize, usize, usize)) {
        for y in 0..h {
            for x in 0..w {
                for (i, j) in (0..3).flat_map(|i| (0..3).map(move |j| (i, j))) {
                    let (row, column) = ((y + i).wrapping_sub(1), (x + j).wrapping_sub(1));
                    if row < h && column < w {
                        f(y * w + x, row * w + column, i * 3 + j);
                    }
                }
            }
        }
    }

    fn agrees_with_plain_loops<const M: usize, const A: usize>() {
        let winograd = Winograd::<f64, M, A>::new();
        let mut rng = Rng::new(1, 0);
        for (size, images, [rows, columns]) in [
            ([6, 6], 3, [18, 5]),
            ([12, 24], 2, [3, 20]),
            ([5, 7], 9, [7, 17]),
            ([1, 2], 1, [1, 1]),
            ([9, 4], 40, [2, 3]),
        ] {
            let planes = Planes { images, size };
            let plane = size[0] * size[1];
            let mut draw = |count: usize| (0..count).map(|_| f64::from(rng.normal())).collect::<Vec<_>>();
            let (x, dy) = (draw(columns * images * plane), draw(rows * images * plane));
            let weight = draw(rows * columns * 9);
            let [mut y, mut dw, mut dx] = [dy.len(), weight.len(), x.len()].map(|len| vec![0.0; len]);
            for ((r, c), image) in (0..rows)
                .flat_map(|r| (0..columns).map(move |c| (r, c)))
                .flat_map(|at| (0..images).map(move |i| (at, i)))
            {
                let (out, input, kernel) =
                    ((r * images + image) * plane, (c * images + image) * plane, (r * columns + c) * 9);
                each_product(size, |o, i, tap| {
                    y[out + o] += weight[kernel + tap] * x[input + i];
                    dw[kernel + tap] += dy[out + o] * x[input + i];
                    dx[input + i] += dy[out + o] * weight[kernel + tap];
                });
            }
            let near = |found: &[f64], expected: &[f64]| {
                found.iter().zip(expected).for_each(|(a, b)| assert!((a - b).abs() < 1e-9, "{size:?}: {a}, not {b}"));
            };
            let mut found = vec![7.0; y.len()];
            let forward = winograd.weight(&weight, [rows, columns], |r, c| (r * columns + c) * 9, false);
            winograd.convolve(&forward, planes, &x, &mut found);
            near(&found, &y);
            let mut found = vec![7.0; x.len()];
            let backward = winograd.weight(&weight, [columns, rows], |c, r| (r * columns + c) * 9, true);
            winograd.convolve(&backward, planes, &dy, &mut found);
            near(&found, &dx);
            let mut found = vec![1.0; dw.len()];
            winograd.correlate(planes, &x, &dy, &mut found);
            near(&found, &dw.iter().map(|dw| dw + 1.0).collect::<Vec<_>>());
        }
    }

    #[test]
    fn tiles_of_three_and_of_four_agree_with_plain_loops() {
        agrees_with_plain_loops::<3, 5>();
        agrees_with_plain_loops::<4, 6>();
    }

    #[test]
    fn rounding_stays_small() {
        let (planes, rows, columns) = (Planes { images: 2, size: [12, 12] }, 16, 64);
        let mut rng = Rng::new(2, 0);
        let mut draw = |count: usize| (0..count).map(|_| rng.normal()).collect::<Vec<f32>>();
        let (x, weight) = (draw(columns * planes.elements()), draw(rows * columns * 9));
        let exact = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
        let (mut y, mut best) = (vec![0.0f32; rows * planes.elements()], vec![0.0f64; rows * planes.elements()]);
        let (narrow, wide) = (Winograd::<f32, 4, 6>::new(), Winograd::<f64, 4, 6>::new());
        let at = |r, c| (r * columns + c) * 9;
        narrow.convolve(&narrow.weight(&weight, [rows, columns], at, false), planes, &x, &mut y);
        wide.convolve(&wide.weight(&exact(&weight), [rows, columns], at, false), planes, &exact(&x), &mut best);
        let worst = y.iter().zip(&best).map(|(&y, best)| (f64::from(y) - best).abs()).fold(0.0, f64::max);
        // The outputs have a standard deviation of 24.
        assert!(worst < 1e-3, "{worst}");
    }
}
