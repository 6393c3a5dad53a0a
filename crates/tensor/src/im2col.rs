//! Patches of images as columns of a matrix, and back.
//!
//! # Shapes
//! Planes are `[channels, h, w, images]`, columns `[channels * kh * kw, rows, out_w, images]` for some rows of the output.

use crate::Scalar;
use std::ops::Range;

/// Geometry of a convolution.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Kernel height and width.
    pub kernel: [usize; 2],
    /// Vertical and horizontal stride.
    pub stride: [usize; 2],
    /// Zeros around: above and below, left and right.
    pub padding: [usize; 2],
    /// Height and width of the input planes.
    pub input: [usize; 2],
    /// Height and width of the output planes.
    pub output: [usize; 2],
}

/// A row of the column matrix within a row of the output: where its elements lie in the row of the input that they are from.
struct Segment {
    /// The elements inside the plane; those beside it are zeros.
    inside: Range<usize>,
    /// Where the first of them is from.
    from: usize,
}

impl Window {
    /// The outputs along `axis` whose input under kernel element `k` lies inside the plane, and the first such input.
    fn inside(&self, axis: usize, k: usize) -> (Range<usize>, usize) {
        let (s, p, n) = (self.stride[axis], self.padding[axis], self.input[axis]);
        let low = p.saturating_sub(k).div_ceil(s);
        let high = (n + p).saturating_sub(k).div_ceil(s).min(self.output[axis]).max(low);
        (low..high, (low * s + k).saturating_sub(p).min(n))
    }

    /// Calls `f` with each row of the output among `rows` of each line of the column matrix: where it is in the columns, the channel's row of
    /// the input that it reads, if any, as an index into the planes, and which elements.
    fn each_row(
        &self,
        channels: usize,
        images: usize,
        rows: Range<usize>,
        mut f: impl FnMut(usize, Option<(usize, Segment)>),
    ) {
        let ([ih, iw], [_, ow], [kh, kw]) = (self.input, self.output, self.kernel);
        for line in 0..channels * kh * kw {
            let (channel, ky, kx) = (line / (kh * kw), line / kw % kh, line % kw);
            let ((inside_rows, top), (inside, left)) = (self.inside(0, ky), self.inside(1, kx));
            for (i, row) in rows.clone().enumerate() {
                let of_row = inside_rows.contains(&row) && !inside.is_empty();
                let source = of_row.then(|| {
                    let y = top + (row - inside_rows.start) * self.stride[0];
                    let segment = Segment { inside: inside.start * images..inside.end * images, from: left * images };
                    ((channel * ih + y) * iw * images, segment)
                });
                f((line * rows.len() + i) * ow * images, source);
            }
        }
    }
}

/// Writes the patches that `rows` of the output read as columns.
pub fn im2col<T: Scalar>(
    window: &Window,
    planes: &[T],
    channels: usize,
    images: usize,
    rows: Range<usize>,
    columns: &mut [T],
) {
    let ([_, iw], [_, ow], [_, stride]) = (window.input, window.output, window.stride);
    window.each_row(channels, images, rows, |at, source| {
        let to = &mut columns[at..][..ow * images];
        let Some((row, Segment { inside, from })) = source else {
            return to.fill(T::zero());
        };
        let from = &planes[row..][..iw * images][from..];
        to[..inside.start].fill(T::zero());
        to[inside.end..].fill(T::zero());
        let to = &mut to[inside];
        if stride == 1 {
            to.copy_from_slice(&from[..to.len()]);
        } else {
            for (to, from) in to.chunks_exact_mut(images).zip(from.chunks_exact(images).step_by(stride)) {
                to.copy_from_slice(from);
            }
        }
    });
}

/// Adds the columns of `rows` of the output back onto the planes they were taken from: the transpose of [`im2col`], with the same shapes.
pub fn col2im<T: Scalar>(
    window: &Window,
    columns: &[T],
    channels: usize,
    images: usize,
    rows: Range<usize>,
    planes: &mut [T],
) {
    let ([_, iw], [_, ow], [_, stride]) = (window.input, window.output, window.stride);
    window.each_row(channels, images, rows, |at, source| {
        let Some((row, Segment { inside, from })) = source else { return };
        let to = planes[row..][..iw * images][from..].chunks_mut(images).step_by(stride);
        for (to, from) in to.zip(columns[at..][..ow * images][inside].chunks_exact(images)) {
            to.iter_mut().zip(from).for_each(|(to, &from)| *to += from);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use hccr_random::Rng;

    fn windows() -> Vec<Window> {
        let mut windows = Vec::new();
        for kernel in [[1, 1], [3, 3], [3, 1], [1, 3], [5, 2]] {
            for stride in [[1, 1], [2, 1], [2, 3]] {
                for padding in [[0, 0], [kernel[0] / 2, kernel[1] / 2], [kernel[0] - 1, 0]] {
                    let input = [7, 6];
                    let size = |d: usize| (input[d] + 2 * padding[d] - kernel[d]) / stride[d] + 1;
                    windows.push(Window { kernel, stride, padding, input, output: [size(0), size(1)] });
                }
            }
        }
        windows
    }

    /// Every pair (index into columns, index into planes) by definition.
    fn pairs(w: &Window, channels: usize, images: usize, rows: Range<usize>) -> Vec<(usize, usize)> {
        let mut pairs = Vec::new();
        let [kh, kw] = w.kernel;
        for line in 0..channels * kh * kw {
            let (channel, ky, kx) = (line / (kh * kw), line / kw % kh, line % kw);
            for (i, y) in rows.clone().enumerate() {
                for x in 0..w.output[1] {
                    let (iy, ix) = (y * w.stride[0] + ky, x * w.stride[1] + kx);
                    let inside = |v: usize, d: usize| v >= w.padding[d] && v - w.padding[d] < w.input[d];
                    if inside(iy, 0) && inside(ix, 1) {
                        let column = ((line * rows.len() + i) * w.output[1] + x) * images;
                        let (iy, ix) = (iy - w.padding[0], ix - w.padding[1]);
                        let place = ((channel * w.input[0] + iy) * w.input[1] + ix) * images;
                        pairs.extend((0..images).map(|image| (column + image, place + image)));
                    }
                }
            }
        }
        pairs
    }

    #[test]
    fn both_directions_agree_with_the_definition() {
        let (channels, images) = (2, 3);
        let mut rng = Rng::new(1, 0);
        for w in windows() {
            for rows in [0..w.output[0], 1..w.output[0] - 1] {
                let plane = w.input[0] * w.input[1] * images;
                let planes: Vec<f64> = (0..channels * plane).map(|_| rng.uniform().into()).collect();
                let len = channels * w.kernel[0] * w.kernel[1] * rows.len() * w.output[1] * images;
                let mut columns = vec![f64::NAN; len];
                im2col(&w, &planes, channels, images, rows.clone(), &mut columns);
                let mut want = vec![0.0; len];
                for (c, p) in pairs(&w, channels, images, rows.clone()) {
                    want[c] = planes[p];
                }
                assert_eq!(columns, want, "{w:?}");

                let columns: Vec<f64> = (0..len).map(|i| (i % 97) as f64).collect();
                let mut want = vec![1.0; planes.len()];
                for (c, p) in pairs(&w, channels, images, rows.clone()) {
                    want[p] += columns[c];
                }
                let mut got = vec![1.0; planes.len()];
                col2im(&w, &columns, channels, images, rows, &mut got);
                assert_eq!(got, want, "{w:?}");
            }
        }
    }
}
