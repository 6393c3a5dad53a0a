//! The transforms of tiles, of kernels, and of sums of their products.
//!
//! They come from multiplying polynomials by their values at some points and at infinity. The points are those with the smallest
//! rounding errors (B. Barabasz and others, "Error analysis and improving the accuracy of Winograd convolution for deep neural
//! networks", 2018).

use crate::lines::multiply_add;
use crate::scalar::Scalar;
use std::array::from_fn;

/// The points, of which `A - 1` are used.
const POINTS: [f64; 5] = [0.0, -1.0, 1.0, 0.5, -2.0];
/// Tiles, or channels, that are transformed side by side: sums of six fill the registers, but not more.
pub(super) const LANES: usize = if cfg!(target_feature = "avx512f") { 32 } else { 16 };
/// `[rows, columns]` of many values side by side.
pub(super) type Squares<T, const N: usize> = [[[T; LANES]; N]; N];

/// What [`sandwich`] works in: clearing it each time would take as long as a part of the work.
pub(super) type Scratch<T, const I: usize, const O: usize> = [[[T; LANES]; O]; I];

/// `matrix * square * matrix^T`, for many squares side by side, given the matrix's columns. Elements follow each other so many steps
/// apart.
pub(super) fn sandwich<T: Scalar, const I: usize, const O: usize>(
    columns: &[[T; O]; I],
    squares: &[[T; LANES]],
    step: usize,
    rows: &mut Scratch<T, I, O>,
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
