//! Weights at the points.

use super::PANEL;
use crate::isa::MAX_LANES;
use crate::tensor::Aligned;

/// What the output channels of a panel have at one place, side by side: loops over them are vectorised.
type Row = [f64; PANEL * MAX_LANES];

/// The transforms of kernels (Oihw) at the points down and across, in panels of output channels, of which there are
/// `outputs` with those that fill vectors up.
pub(super) fn transform_weights(
    weights: &[f32],
    [down, across]: [&[[f64; 3]]; 2],
    [in_channels, out_channels, outputs]: [usize; 3],
    lanes: usize,
) -> Aligned<f32> {
    let [height, width] = [down, across].map(|points| if points.len() > 1 { 3 } else { 1 });
    let mut packed = Aligned::zeros(down.len() * across.len() * in_channels * outputs);
    let mut rest = &mut packed[..];
    for first in (0..outputs).step_by(PANEL * lanes) {
        let panel = (outputs - first).min(PANEL * lanes);
        // Taps by column, then by row.
        let mut taps: [[Row; 3]; 3] = [[[0.0; _]; _]; _];
        let mut columns: [Row; 3] = [[0.0; _]; _];
        let (now, later) = rest.split_at_mut(down.len() * across.len() * in_channels * panel);
        rest = later;
        for channel in 0..in_channels {
            for i in 0..panel.min(out_channels - first) {
                let kernel = &weights[((first + i) * in_channels + channel) * height * width..][..height * width];
                for (y, kernel) in kernel.chunks_exact(width).enumerate() {
                    for (column, &tap) in taps.iter_mut().zip(kernel) {
                        column[y][i] = f64::from(tap);
                    }
                }
            }
            let mut points = now.chunks_exact_mut(in_channels * panel);
            for down in down {
                for (column, taps) in columns.iter_mut().zip(&taps[..width]) {
                    combine(down, &taps[..height], column, |sum| sum);
                }
                for (across, point) in across.iter().zip(&mut points) {
                    combine(across, &columns[..width], &mut point[channel * panel..][..panel], |sum| sum as f32);
                }
            }
        }
    }
    packed
}

/// The sums of three rows times their factors; a row alone stays as it is.
#[inline(never)] // written out for panels of one length, it takes 8 KB
fn combine<T>(by: &[f64; 3], rows: &[Row], sums: &mut [T], of: impl Fn(f64) -> T) {
    match rows {
        [a, b, c] => {
            for (((sum, a), b), c) in sums.iter_mut().zip(a).zip(b).zip(c) {
                *sum = of(by[0] * a + by[1] * b + by[2] * c);
            }
        }
        _ => sums.iter_mut().zip(rows.as_flattened()).for_each(|(sum, &a)| *sum = of(a)),
    }
}
