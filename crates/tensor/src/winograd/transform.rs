//! The transforms of tiles, of kernels, and of sums of their products.
//!
//! They come from multiplying polynomials by their values at some points and at infinity. The points are those with the smallest
//! rounding errors (B. Barabasz and others, "Error analysis and improving the accuracy of Winograd convolution for deep neural
//! networks", 2018).

use super::planes::Tile;
use crate::scalar::Scalar;
use crate::vector::Vector;
use std::array::from_fn;

/// The points, of which `A - 1` are used.
const POINTS: [f64; 5] = [0.0, -1.0, 1.0, 0.5, -2.0];
/// Images, or channels, that are transformed side by side. Planes of so many images are read and written where they lie.
pub(super) const LANES: usize = 16;
/// `[rows, columns]` of many values side by side.
pub(super) type Squares<T, const R: usize, const C: usize> = [[[T; LANES]; C]; R];

/// `matrix * square * matrix^T`, for many squares side by side, given the matrix's columns. Elements follow each other so many steps
/// apart. `rows` is what it works in: clearing it each time would take as long as a part of the work.
pub(super) fn sandwich<T: Scalar, const I: usize, const O: usize>(
    columns: &[[T; O]; I],
    squares: &[[T; LANES]],
    step: usize,
    rows: &mut Squares<T, I, O>,
    out: &mut [[T; LANES]],
    out_step: usize,
) {
    for (i, row) in rows.iter_mut().enumerate() {
        combine(columns, &squares[i * I * step..], step, row, 1);
    }
    for o in 0..O {
        combine(columns, &rows.as_flattened()[o..], O, &mut out[o * out_step..], O * out_step);
    }
}

/// The same for a tile of a channel, whose rows have `width` elements; what lies outside is zero.
pub(super) fn sandwich_of_tile<T: Scalar, const I: usize, const O: usize>(
    columns: &[[T; O]; I],
    (channel, width, tile): (&[[T; LANES]], usize, &Tile),
    rows: &mut Squares<T, I, O>,
    out: &mut [[T; LANES]],
    out_step: usize,
) {
    let [rows_inside, columns_inside] = &tile.inside;
    for (i, row) in rows.iter_mut().enumerate() {
        if rows_inside.contains(&i) {
            let values = &channel[tile.at + (i - rows_inside.start) * width..];
            combine(&columns[columns_inside.clone()], values, 1, row, 1);
        } else {
            *row = [[T::zero(); LANES]; O];
        }
    }
    for o in 0..O {
        combine(columns, &rows.as_flattened()[o..], O, &mut out[o * out_step..], O * out_step);
    }
}

/// The same into a tile of a channel; what lies outside is left out.
pub(super) fn sandwich_into_tile<T: Scalar, const I: usize, const O: usize>(
    columns: &[[T; O]; I],
    (squares, step): (&[[T; LANES]], usize),
    rows: &mut Squares<T, I, O>,
    (channel, width, tile): (&mut [[T; LANES]], usize, &Tile),
) {
    for (i, row) in rows.iter_mut().enumerate() {
        combine(columns, &squares[i * I * step..], step, row, 1);
    }
    let [rows_inside, columns_inside] = &tile.inside;
    for o in columns_inside.clone() {
        let last = tile.at + (rows_inside.len() - 1) * width + o;
        combine(columns, &rows.as_flattened()[o..], O, &mut channel[tile.at + o..=last], width);
    }
}

/// `matrix * values`, for many values side by side. Both values and sums follow each other so many steps apart.
///
/// Not inlined, so that the sums stay in registers.
#[inline(never)]
fn combine<T: Scalar, const O: usize>(
    columns: &[[T; O]],
    values: &[[T; LANES]],
    step: usize,
    out: &mut [[T; LANES]],
    out_step: usize,
) {
    for first in (0..LANES).step_by(T::Vector::LANES) {
        let part = first..first + T::Vector::LANES;
        let mut sums = [T::Vector::splat(T::zero()); O];
        for (weights, value) in columns.iter().zip(values.iter().step_by(step)) {
            let value = T::Vector::load(&value[part.clone()]);
            for (sum, &weight) in sums.iter_mut().zip(weights) {
                *sum = sum.add_product(T::Vector::splat(weight), value);
            }
        }
        for (out, sum) in out.iter_mut().step_by(out_step).zip(sums) {
            sum.store(&mut out[part.clone()]);
        }
    }
}

/// Turns coefficients of a polynomial of `N` terms into its values at the points; at infinity, a polynomial is its last coefficient
/// if it has as many as may be.
pub(super) fn values_at_points<T: Scalar, const N: usize, const A: usize>() -> [[T; N]; A] {
    from_fn(|i| {
        from_fn(|power| match i + 1 < A {
            true => T::of(POINTS[i].powi(power as i32)),
            false => T::of(f64::from(u8::from(power + 1 == N))),
        })
    })
}

/// Row `i` has the coefficients of the polynomial of degree below `A` that is 1 at point `i` and 0 at all others: the inverse of
/// [`values_at_points`], transposed.
pub(super) fn coefficients<const A: usize>() -> [[f64; A]; A] {
    let points = &POINTS[..A - 1];
    from_fn(|i| {
        let mut polynomial = [0.0; A];
        polynomial[0] = 1.0;
        for point in (0..points.len()).filter(|&j| j != i).map(|j| points[j]) {
            // Times `x - point`, and divided by what it is at point `i`.
            let divisor = if i + 1 < A { points[i] - point } else { 1.0 };
            for power in (0..A).rev() {
                let lower = if power > 0 { polynomial[power - 1] } else { 0.0 };
                polynomial[power] = (lower - point * polynomial[power]) / divisor;
            }
        }
        polynomial
    })
}

pub(super) fn transposed<T: Copy, const R: usize, const C: usize>(matrix: &[[T; C]; R]) -> [[T; R]; C] {
    from_fn(|c| from_fn(|r| matrix[r][c]))
}
