//! Convolution with kernels of 3x3 in fewer products.
//!
//! An output of `M` by `M` reads a tile of `A = M + 2` by `A` inputs. Tile and kernel are transformed such that each output is a sum of
//! `A * A / (M * M)` products per channel instead of 9 (S. Winograd, "Arithmetic complexity of computations", 1980; A. Lavin and S. Gray,
//! "Fast algorithms for convolutional neural networks", 2015). Each of the `A * A` places of a tile is a matrix product over channels.

mod planes;
mod transform;

pub(crate) use planes::Planes;

use crate::lines::{Lines, Panels, multiply};
use crate::matrix::{Transpose, gemm};
use crate::scalar::Scalar;
use planes::{Element, Tile};
use rayon::prelude::*;
use std::ops::Range;
use transform::{
    LANES, Squares, coefficients, sandwich, sandwich_into_tile, sandwich_of_tile, transposed, values_at_points,
};

/// Rows and columns of a kernel.
const KERNEL: usize = 3;
/// Tiles whose transforms are multiplied at a time: what belongs to them should stay near the processor.
const BLOCK: usize = 4;
/// The same where products are summed over tiles.
const BLOCK_OF_SUM: usize = 8;

/// The transforms for outputs of `M` by `M`, from tiles of `A` by `A`: matrices by their columns.
struct Winograd<T, const M: usize, const A: usize> {
    /// Of a tile of the input.
    input: [[T; A]; A],
    /// From products to an output, and from products to a kernel's gradient.
    output: [[T; M]; A],
    gradient: [[T; KERNEL]; A],
    /// Of an output's gradient, and of a kernel.
    output_gradient: [[T; A]; M],
    kernel: [[T; A]; KERNEL],
}

/// How many outputs by as many a tile has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tiling {
    Three,
    Four,
}

/// Transformed kernels: a matrix for each place of a tile.
#[derive(Clone, Debug)]
pub(crate) struct TiledWeight<T> {
    tiling: Tiling,
    places: Vec<Panels<T>>,
}

impl Tiling {
    /// The one with fewer products for planes of this size.
    pub(crate) fn of(size: [usize; 2]) -> Self {
        let products = |side: usize| size.map(|length| length.div_ceil(side) * (side + 2)).iter().product::<usize>();
        if products(3) < products(4) { Self::Three } else { Self::Four }
    }

    /// The transforms of `rows` by `columns` kernels. `at(row, column)` is where each begins in `weight`, and `turned` whether it is
    /// turned around.
    pub(crate) fn weight<T: Scalar>(
        self,
        weight: &[T],
        size: [usize; 2],
        at: impl Fn(usize, usize) -> usize + Sync,
        turned: bool,
    ) -> TiledWeight<T> {
        let places = match self {
            Self::Three => Winograd::<T, 3, 5>::new().weight(weight, size, at, turned),
            Self::Four => Winograd::<T, 4, 6>::new().weight(weight, size, at, turned),
        };
        TiledWeight { tiling: self, places }
    }

    /// Adds the gradient by the kernels, given the input and the gradient by the output.
    pub(crate) fn correlate<T: Scalar>(self, planes: Planes, x: &[T], dy: &[T], dw: &mut [T]) {
        match self {
            Self::Three => Winograd::<T, 3, 5>::new().correlate(planes, x, dy, dw),
            Self::Four => Winograd::<T, 4, 6>::new().correlate(planes, x, dy, dw),
        }
    }
}

impl<T: Scalar> TiledWeight<T> {
    /// The output `y` of a convolution of `x` with a border of 1.
    pub(crate) fn convolve(&self, planes: Planes, x: &[T], y: &mut [T]) {
        match self.tiling {
            Tiling::Three => Winograd::<T, 3, 5>::new().convolve(&self.places, planes, x, y),
            Tiling::Four => Winograd::<T, 4, 6>::new().convolve(&self.places, planes, x, y),
        }
    }
}

impl<T: Scalar, const M: usize, const A: usize> Winograd<T, M, A> {
    fn new() -> Self {
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

    /// As [`Tiling::weight`].
    fn weight(
        &self,
        weight: &[T],
        [rows, columns]: [usize; 2],
        at: impl Fn(usize, usize) -> usize + Sync,
        turned: bool,
    ) -> Vec<Panels<T>> {
        let groups = columns.div_ceil(LANES);
        let mut transformed = vec![[T::zero(); LANES]; rows * A * A * groups];
        transformed.par_chunks_exact_mut(A * A * groups).enumerate().for_each(|(row, transformed)| {
            let mut scratch = scratch::<T, KERNEL, A>();
            for group in 0..groups {
                let mut kernels = [[[T::zero(); LANES]; KERNEL]; KERNEL];
                for (lane, column) in (group * LANES..columns).take(LANES).enumerate() {
                    let kernel = &weight[at(row, column)..][..KERNEL * KERNEL];
                    for (tap, &value) in kernel.iter().enumerate() {
                        let tap = if turned { KERNEL * KERNEL - 1 - tap } else { tap };
                        kernels[tap / KERNEL][tap % KERNEL][lane] = value;
                    }
                }
                sandwich(&self.kernel, kernels.as_flattened(), 1, &mut scratch, &mut transformed[group..], groups);
            }
        });
        let transformed = transformed.as_flattened();
        let value = |place, row, column| transformed[(row * A * A + place) * groups * LANES + column];
        let places = (0..A * A).into_par_iter();
        places.map(|place| Panels::new(rows, columns, |row, column| value(place, row, column))).collect()
    }

    /// As [`TiledWeight::convolve`].
    fn convolve(&self, weight: &[Panels<T>], planes: Planes, x: &[T], y: &mut [T]) {
        if planes.images == LANES {
            return self.convolve_elements(weight, planes, x.as_chunks().0, y.as_chunks_mut().0);
        }
        let mut elements = vec![[T::zero(); LANES]; weight[0].rows() * planes.elements()];
        for images in planes.parts() {
            self.convolve_elements(weight, planes, &planes.read(x, &images), &mut elements);
            planes.write(&elements, &images, y);
        }
    }

    fn convolve_elements(&self, weight: &[Panels<T>], planes: Planes, x: &[Element<T>], y: &mut [Element<T>]) {
        let (rows, channels) = (weight[0].rows(), x.len() / planes.elements());
        let mut transformed = vec![[T::zero(); LANES]; A * A * channels * BLOCK];
        let mut products = vec![[T::zero(); LANES]; A * A * rows * BLOCK];
        let starts: Vec<usize> = (0..channels).map(|c| c * BLOCK * LANES).collect();
        for block in planes.blocks(M, BLOCK) {
            transform(&self.input, planes, 1, x, block.clone(), BLOCK, &mut transformed);
            let places = transformed.par_chunks_exact(channels * BLOCK);
            let places = places.zip(products.par_chunks_exact_mut(rows * BLOCK));
            places.zip(weight).for_each(|((data, product), weight)| {
                let lines = Lines { data: data.as_flattened(), starts: &starts, columns: block.len() * LANES };
                multiply(weight, lines, product.as_flattened_mut(), BLOCK * LANES);
            });
            let rows_of_y = y.par_chunks_exact_mut(planes.elements()).enumerate();
            rows_of_y.for_each_init(scratch::<T, A, M>, |scratch, (row, y)| {
                for (at, tile) in block.clone().enumerate() {
                    let (of_row, tile) = (&products[row * BLOCK + at..], planes.tile(M, 0, tile));
                    sandwich_into_tile(&self.output, (of_row, rows * BLOCK), scratch, (y, planes.size[1], &tile));
                }
            });
        }
    }

    /// As [`Tiling::correlate`].
    fn correlate(&self, planes: Planes, x: &[T], dy: &[T], dw: &mut [T]) {
        for images in planes.parts() {
            self.correlate_elements(planes, &planes.read(x, &images), &planes.read(dy, &images), dw);
        }
    }

    fn correlate_elements(&self, planes: Planes, x: &[Element<T>], dy: &[Element<T>], dw: &mut [T]) {
        let [columns, rows] = [x, dy].map(|planes_of| planes_of.len() / planes.elements());
        let buffer = |channels: usize| vec![[T::zero(); LANES]; A * A * channels * BLOCK_OF_SUM];
        let (mut transformed, mut d_transformed) = (buffer(columns), buffer(rows));
        let groups = columns.div_ceil(LANES);
        let mut products = vec![[T::zero(); LANES]; A * A * rows * groups];
        for block in planes.blocks(M, BLOCK_OF_SUM) {
            let (whole, depth) = (BLOCK_OF_SUM * LANES, block.len() * LANES);
            transform(&self.input, planes, 1, x, block.clone(), BLOCK_OF_SUM, &mut transformed);
            transform(&self.output_gradient, planes, 0, dy, block, BLOCK_OF_SUM, &mut d_transformed);
            let [x, d] = [&transformed, &d_transformed].map(|t| t.as_flattened());
            let places = x.par_chunks_exact(columns * whole).zip(d.par_chunks_exact(rows * whole));
            let products = products.as_flattened_mut().par_chunks_exact_mut(rows * groups * LANES);
            places.zip(products).for_each(|((x, d), product)| {
                let (d, x) = ((d, whole, Transpose::No), (x, whole, Transpose::Yes));
                gemm([rows, columns, depth], T::one(), d, x, T::one(), (product, groups * LANES));
            });
        }
        let (mut scratch, mut kernels) = (scratch::<T, A, KERNEL>(), scratch::<T, KERNEL, KERNEL>());
        for (row, dw) in dw.chunks_exact_mut(columns * KERNEL * KERNEL).enumerate() {
            for (group, dw) in dw.chunks_mut(LANES * KERNEL * KERNEL).enumerate() {
                let of_row = &products[row * groups + group..];
                sandwich(&self.gradient, of_row, rows * groups, &mut scratch, kernels.as_flattened_mut(), 1);
                for (lane, dw) in dw.chunks_exact_mut(KERNEL * KERNEL).enumerate() {
                    dw.iter_mut().zip(kernels.as_flattened()).for_each(|(dw, kernels)| *dw += kernels[lane]);
                }
            }
        }
    }
}

fn scratch<T: Scalar, const R: usize, const C: usize>() -> Squares<T, R, C> {
    [[[T::zero(); LANES]; C]; R]
}

/// Writes the transforms of a block of tiles of each channel to `out`, `[A * A, channels, whole]`: tiles of `N` by `N` elements, of which
/// the first and the last `border` rows and columns belong to the tiles beside. `whole` is how many tiles a block has at most.
fn transform<T: Scalar, const N: usize, const A: usize>(
    columns: &[[T; A]; N],
    planes: Planes,
    border: usize,
    x: &[Element<T>],
    block: Range<usize>,
    whole: usize,
    out: &mut [Element<T>],
) {
    let channels = x.len() / planes.elements();
    let mut scratch = scratch::<T, N, A>();
    let tiles: Vec<Tile> = block.map(|tile| planes.tile(N - 2 * border, border, tile)).collect();
    for (channel, x) in x.chunks_exact(planes.elements()).enumerate() {
        for (at, tile) in tiles.iter().enumerate() {
            let out = &mut out[channel * whole + at..];
            sandwich_of_tile(columns, (x, planes.size[1], tile), &mut scratch, out, channels * whole);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::with_threads;
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
                let kernel = (r * columns + c) * 9;
                each_product(size, |o, i, tap| {
                    let [out, input] = [(r, o), (c, i)].map(|(channel, at)| (channel * plane + at) * images + image);
                    y[out] += weight[kernel + tap] * x[input];
                    dw[kernel + tap] += dy[out] * x[input];
                    dx[input] += dy[out] * weight[kernel + tap];
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
    fn threads_do_not_change_results() {
        let (planes, rows, columns) = (Planes { images: 3, size: [12, 12] }, 20, 40);
        let (mut rng, winograd) = (Rng::new(3, 0), Winograd::<f32, 4, 6>::new());
        let mut draw = |count: usize| (0..count).map(|_| rng.normal()).collect::<Vec<f32>>();
        let (x, dy) =
            (draw(columns * planes.images * planes.elements()), draw(rows * planes.images * planes.elements()));
        let weight = winograd.weight(&draw(rows * columns * 9), [rows, columns], |r, c| (r * columns + c) * 9, false);
        let results = |threads| {
            with_threads(threads, || {
                let (mut y, mut dw) = (dy.clone(), vec![0.0; rows * columns * 9]);
                winograd.convolve(&weight, planes, &x, &mut y);
                winograd.correlate(planes, &x, &dy, &mut dw);
                (y, dw)
            })
        };
        assert!(results(1) == results(8));
    }

    #[test]
    fn rounding_stays_small() {
        let (planes, rows, columns) = (Planes { images: 2, size: [12, 12] }, 16, 64);
        let mut rng = Rng::new(2, 0);
        let mut draw = |count: usize| (0..count).map(|_| rng.normal()).collect::<Vec<f32>>();
        let (x, weight) = (draw(columns * planes.images * planes.elements()), draw(rows * columns * 9));
        let exact = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
        let (mut y, mut best) = (
            vec![0.0f32; rows * planes.images * planes.elements()],
            vec![0.0f64; rows * planes.images * planes.elements()],
        );
        let (narrow, wide) = (Winograd::<f32, 4, 6>::new(), Winograd::<f64, 4, 6>::new());
        let at = |r, c| (r * columns + c) * 9;
        narrow.convolve(&narrow.weight(&weight, [rows, columns], at, false), planes, &x, &mut y);
        wide.convolve(&wide.weight(&exact(&weight), [rows, columns], at, false), planes, &exact(&x), &mut best);
        let worst = y.iter().zip(&best).map(|(&y, best)| (f64::from(y) - best).abs()).fold(0.0, f64::max);
        // The outputs have a standard deviation of 24.
        assert!(worst < 1e-3, "{worst}");
    }
}
