//! Patches of images as columns of a matrix, and back.

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

impl Window {
    /// The outputs along `axis` whose input under kernel element `k` lies inside the plane, and the first such input.
    fn inside(&self, axis: usize, k: usize) -> (Range<usize>, usize) {
        let (s, p, n) = (self.stride[axis], self.padding[axis], self.input[axis]);
        let low = p.saturating_sub(k).div_ceil(s);
        let high = (n + p).saturating_sub(k).div_ceil(s).min(self.output[axis]).max(low);
        (low..high, (low * s + k).saturating_sub(p).min(n))
    }

    /// Whether rows of input and output have one length and stride, so that a patch is a plane shifted as a whole.
    fn is_shift(&self) -> bool {
        self.stride == [1, 1] && self.input[1] == self.output[1]
    }

    /// The lines of the column matrix: their index, channel and kernel element.
    fn lines(&self, channels: usize) -> impl Iterator<Item = (usize, usize, [usize; 2])> + use<> {
        let [kh, kw] = self.kernel;
        (0..channels * kh * kw).map(move |line| (line, line / (kh * kw), [line / kw % kh, line % kw]))
    }
}

/// Writes the patches of `planes` as columns.
///
/// # Shapes
/// `planes`: `[channels, images, h, w]`, of which the images in `images` are read, each channel `channel_stride`
/// elements after the one before. `columns`: `[channels * kh * kw, images.len() * out_h * out_w]`.
pub fn im2col<T: Scalar>(
    window: &Window,
    planes: &[T],
    channels: usize,
    channel_stride: usize,
    images: Range<usize>,
    columns: &mut [T],
) {
    let ([ih, iw], [oh, ow]) = (window.input, window.output);
    for (line, channel, [ky, kx]) in window.lines(channels) {
        let ((rows, top), (inside, left)) = (window.inside(0, ky), window.inside(1, kx));
        for (i, image) in images.clone().enumerate() {
            let plane = &planes[channel * channel_stride + image * ih * iw..][..ih * iw];
            let out = &mut columns[(line * images.len() + i) * oh * ow..][..oh * ow];
            if inside.is_empty() || rows.is_empty() {
                out.fill(T::zero());
                continue;
            }
            out[..rows.start * ow].fill(T::zero());
            out[rows.end * ow..].fill(T::zero());
            let out = &mut out[rows.start * ow..rows.end * ow];
            if window.is_shift() {
                // From the first element inside to the last, in one piece; what wrapped around is zeroed below.
                let len = out.len() - inside.start - (ow - inside.end);
                out[inside.start..][..len].copy_from_slice(&plane[top * iw + left..][..len]);
            } else {
                for (y, to) in out.chunks_exact_mut(ow).enumerate() {
                    let from = plane[(top + y * window.stride[0]) * iw..][..iw][left..].iter();
                    for (t, &f) in to[inside.clone()].iter_mut().zip(from.step_by(window.stride[1])) {
                        *t = f;
                    }
                }
            }
            if inside != (0..ow) {
                for to in out.chunks_exact_mut(ow) {
                    to[..inside.start].fill(T::zero());
                    to[inside.end..].fill(T::zero());
                }
            }
        }
    }
}

/// Adds columns back onto the planes they were taken from: the transpose of [`im2col`], with the same shapes.
///
/// `columns` is scratch: what stands on padding is overwritten.
pub fn col2im<T: Scalar>(
    window: &Window,
    columns: &mut [T],
    channels: usize,
    channel_stride: usize,
    images: Range<usize>,
    planes: &mut [T],
) {
    let ([ih, iw], [oh, ow]) = (window.input, window.output);
    for (line, channel, [ky, kx]) in window.lines(channels) {
        let ((rows, top), (inside, left)) = (window.inside(0, ky), window.inside(1, kx));
        if inside.is_empty() || rows.is_empty() {
            continue;
        }
        for (i, image) in images.clone().enumerate() {
            let plane = &mut planes[channel * channel_stride + image * ih * iw..][..ih * iw];
            let from = &mut columns[(line * images.len() + i) * oh * ow..][rows.start * ow..rows.end * ow];
            if window.is_shift() {
                if inside != (0..ow) {
                    for from in from.chunks_exact_mut(ow) {
                        from[..inside.start].fill(T::zero());
                        from[inside.end..].fill(T::zero());
                    }
                }
                let len = from.len() - inside.start - (ow - inside.end);
                for (t, &f) in plane[top * iw + left..][..len].iter_mut().zip(&from[inside.start..]) {
                    *t += f;
                }
            } else {
                for (y, from) in from.chunks_exact(ow).enumerate() {
                    let to = plane[(top + y * window.stride[0]) * iw..][..iw][left..].iter_mut();
                    for (t, &f) in to.step_by(window.stride[1]).zip(&from[inside.clone()]) {
                        *t += f;
                    }
                }
            }
        }
    }
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
    fn pairs(w: &Window, channels: usize, images: Range<usize>, total: usize) -> Vec<(usize, usize)> {
        let mut pairs = Vec::new();
        for (line, channel, [ky, kx]) in w.lines(channels) {
            for (i, image) in images.clone().enumerate() {
                for y in 0..w.output[0] {
                    for x in 0..w.output[1] {
                        let (iy, ix) = (y * w.stride[0] + ky, x * w.stride[1] + kx);
                        let inside = |v: usize, d: usize| v >= w.padding[d] && v - w.padding[d] < w.input[d];
                        if inside(iy, 0) && inside(ix, 1) {
                            let column = ((line * images.len() + i) * w.output[0] + y) * w.output[1] + x;
                            let (iy, ix) = (iy - w.padding[0], ix - w.padding[1]);
                            pairs.push((column, ((channel * total + image) * w.input[0] + iy) * w.input[1] + ix));
                        }
                    }
                }
            }
        }
        pairs
    }

    #[test]
    fn both_directions_agree_with_the_definition() {
        let (channels, total, images) = (2, 3, 1..3);
        let mut rng = Rng::new(1, 0);
        for w in windows() {
            let plane = w.input[0] * w.input[1];
            let planes: Vec<f64> = (0..channels * total * plane).map(|_| rng.uniform().into()).collect();
            let len = channels * w.kernel[0] * w.kernel[1] * images.len() * w.output[0] * w.output[1];
            let mut columns = vec![f64::NAN; len];
            im2col(&w, &planes, channels, total * plane, images.clone(), &mut columns);
            let mut want = vec![0.0; len];
            for (c, p) in pairs(&w, channels, images.clone(), total) {
                want[c] = planes[p];
            }
            assert_eq!(columns, want, "{w:?}");

            let mut columns: Vec<f64> = (0..len).map(|i| (i % 97) as f64).collect();
            let mut want = vec![1.0; planes.len()];
            for (c, p) in pairs(&w, channels, images.clone(), total) {
                want[p] += columns[c];
            }
            let mut got = vec![1.0; planes.len()];
            col2im(&w, &mut columns, channels, total * plane, images.clone(), &mut got);
            assert_eq!(got, want, "{w:?}");
        }
    }
}
