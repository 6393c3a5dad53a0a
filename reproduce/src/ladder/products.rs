//! The products of a network as they are written outside of the runtime.

use hccr_runtime::shape::Conv2dParams;
use hccr_tensor::{Transpose, Window, gemm, im2col};
use ndarray::linalg::general_mat_vec_mul;
use ndarray::{ArrayView1, ArrayView2, ArrayViewMut1};
use std::array::from_fn;

/// How a program computes convolutions and products with matrices.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Products {
    /// The sums as the formula has them, one product after the other.
    Naive,
    /// Several sums side by side, in loops that the compiler turns into vector instructions.
    Vectorized,
    /// im2col, and OpenBLAS behind `hccr-tensor` and ndarray.
    Blas,
}

impl Products {
    /// `y = weight * x` with the convolution `p`, for `x` of `size`.
    pub(super) fn convolve(
        self,
        p: &Conv2dParams,
        weight: &[f32],
        (x, size): (&[f32], [usize; 2]),
        y: &mut [f32],
        scratch: &mut Vec<f32>,
    ) {
        match self {
            Self::Naive => convolve_naively(p, weight, (x, size), y),
            Self::Vectorized => convolve_unrolled(p, weight, (x, size), y, scratch),
            Self::Blas => {
                let output = p.output_size(size).expect("a valid model");
                let window =
                    Window { kernel: p.kernel_size, stride: p.stride, padding: p.padding, input: size, output };
                let [rows, pixels] = [weight.len() / p.out_channels, output[0] * output[1]];
                scratch.resize(rows * pixels, 0.0);
                im2col(&window, x, p.in_channels, 1, 0..output[0], scratch);
                let (a, b) = ((weight, rows, Transpose::No), (&scratch[..], pixels, Transpose::No));
                gemm([p.out_channels, pixels, rows], 1.0, a, b, 0.0, (y, pixels));
            }
        }
    }

    /// `y = weight * x` for each row of `x`, which has `columns` elements.
    pub(super) fn multiply(self, weight: &[f32], columns: usize, x: &[f32], y: &mut [f32]) {
        let rows = weight.len() / columns;
        let dot: fn(&[f32], &[f32]) -> f32 = match self {
            Self::Naive => |a, b| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>(),
            Self::Vectorized => dot_unrolled,
            Self::Blas if x.len() == columns => {
                // A product of matrices would copy the weight first.
                let weight = ArrayView2::from_shape((rows, columns), weight).expect("a valid model");
                return general_mat_vec_mul(1.0, &weight, &ArrayView1::from(x), 0.0, &mut ArrayViewMut1::from(y));
            }
            Self::Blas => {
                let (a, b) = ((x, columns, Transpose::No), (weight, columns, Transpose::Yes));
                return gemm([x.len() / columns, rows, columns], 1.0, a, b, 0.0, (y, rows));
            }
        };
        for (x, y) in x.chunks(columns).zip(y.chunks_mut(rows)) {
            for (y, weight) in y.iter_mut().zip(weight.chunks(columns)) {
                *y = dot(weight, x);
            }
        }
    }
}

fn convolve_naively(p: &Conv2dParams, weight: &[f32], (x, [h, w]): (&[f32], [usize; 2]), y: &mut [f32]) {
    let [out_h, out_w] = p.output_size([h, w]).expect("a valid model");
    let [kernel_h, kernel_w] = p.kernel_size;
    for o in 0..p.out_channels {
        for oy in 0..out_h {
            for ox in 0..out_w {
                let mut sum = 0.0;
                for i in 0..p.in_channels {
                    for ky in 0..kernel_h {
                        for kx in 0..kernel_w {
                            // What lies before the first row or column wraps around, and is beyond the last.
                            let iy = (oy * p.stride[0] + ky).wrapping_sub(p.padding[0]);
                            let ix = (ox * p.stride[1] + kx).wrapping_sub(p.padding[1]);
                            if iy < h && ix < w {
                                let tap = ((o * p.in_channels + i) * kernel_h + ky) * kernel_w + kx;
                                sum += weight[tap] * x[(i * h + iy) * w + ix];
                            }
                        }
                    }
                }
                y[(o * out_h + oy) * out_w + ox] = sum;
            }
        }
    }
}

/// Four output channels by eight pixels at a time, on a copy of the input with its border: every tap is then a flat offset.
/// Pixels of the border are computed too, and left out. For convolutions of stride 1 that keep the size.
#[inline(never)]
fn convolve_unrolled(
    p: &Conv2dParams,
    weight: &[f32],
    (x, [h, w]): (&[f32], [usize; 2]),
    y: &mut [f32],
    padded: &mut Vec<f32>,
) {
    const OUTPUTS: usize = 4;
    const LANES: usize = 8;
    assert!(p.output_size([h, w]) == Some([h, w]) && p.out_channels.is_multiple_of(OUTPUTS));
    let ([kernel_h, kernel_w], [pad_h, pad_w]) = (p.kernel_size, p.padding);
    let row = w + 2 * pad_w;
    let plane = row * (h + 2 * pad_h);
    padded.clear();
    // The last vector reads a little beyond the last plane.
    padded.resize(p.in_channels * plane + 2 * LANES, 0.0);
    for (from, to) in x.chunks(h * w).zip(padded.chunks_mut(plane)) {
        for (from, to) in from.chunks(w).zip(to.chunks_mut(row).skip(pad_h)) {
            to[pad_w..][..w].copy_from_slice(from);
        }
    }
    let taps = p.in_channels * kernel_h * kernel_w;
    let offset = |tap: usize| tap / (kernel_h * kernel_w) * plane + tap / kernel_w % kernel_h * row + tap % kernel_w;
    let offsets: Vec<usize> = (0..taps).map(offset).collect();
    for (weight, y) in weight.chunks(OUTPUTS * taps).zip(y.chunks_mut(OUTPUTS * h * w)) {
        let weight: [&[f32]; OUTPUTS] = from_fn(|o| &weight[o * taps..][..taps]);
        for start in (0..h * row).step_by(LANES) {
            let mut sums = [[0.0; LANES]; OUTPUTS];
            for (tap, offset) in offsets.iter().enumerate() {
                let x: &[f32; LANES] = padded[start + offset..].first_chunk().expect("padded for it");
                let weight = weight.map(|weight| weight[tap]);
                // One output after the other: across outputs the compiler would have to turn the vectors.
                sums = from_fn(|o| from_fn(|l| sums[o][l] + weight[o] * x[l]));
            }
            for l in 0..LANES {
                let (oy, ox) = ((start + l) / row, (start + l) % row);
                if oy < h && ox < w {
                    (0..OUTPUTS).for_each(|o| y[(o * h + oy) * w + ox] = sums[o][l]);
                }
            }
        }
    }
}

/// The scalar product as sixteen sums.
fn dot_unrolled(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    let mut sums = [0.0; 16];
    for (a, b) in a.iter().zip(b) {
        (0..16).for_each(|l| sums[l] += a[l] * b[l]);
    }
    sums.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}
