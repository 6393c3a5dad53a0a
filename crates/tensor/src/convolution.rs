//! Convolution of several images, and its gradients.
//!
//! Where the output is as large as the input and the stride is 1, the planes are copied with a border of zeros. Then each element
//! of the kernel reads the plane shifted as a whole, and the convolution is a product with [`Lines`] that overlap. Rows that follow
//! each other share their borders. With kernels of 3x3 and enough channels, [tiles](crate::winograd) spare most of the products. Any
//! other convolution goes through [`im2col`].
//!
//! # Shapes
//! Planes are `[channels, h, w, images]`, weights Oihw: what becomes of an element of an image becomes of it in all images, side by side.

use crate::im2col::{Window, col2im, im2col};
use crate::lines::{Lines, Panels, multiply};
use crate::matrix::{Transpose, gemm};
use crate::scalar::Scalar;
use crate::winograd::{Planes, TiledWeight, Tiling};
use std::ops::Range;

/// Elements that the copy and the product of a strip have together: they should stay in the second-level cache.
const STRIP_ELEMENTS: usize = 1 << 15;
/// Elements of a channel's strip that a gradient by the weight is summed over: the strips of all channels should stay in the
/// second-level cache.
const STRIP_SUM: usize = 1 << 10;
/// Rows of a strip at least: with fewer, most of a copy would be of the rows above and below.
const LEAST_ROWS: usize = 4;
/// Elements of the column matrix that are made at a time.
const PIECE_ELEMENTS: usize = 1 << 17;
/// Channels from which on the gradient by the weight is a product for each element of the kernel; below it would be too narrow.
const WIDE: usize = 8;

/// Channels from which on a kernel of 3x3 is worth the transforms that spare products.
const MANY: usize = 16;

/// A weight as a convolution reads it.
#[derive(Clone, Debug)]
pub struct Weight<T>(Form<T>);

#[derive(Clone, Debug)]
enum Form<T> {
    Plain(Panels<T>),
    Tiles(TiledWeight<T>),
}

/// A convolution of planes of one size.
#[derive(Clone, Copy, Debug)]
pub struct Convolution {
    /// Geometry.
    pub window: Window,
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
}

impl Convolution {
    /// Whether the output is as large as the input, with a stride of 1 and as much padding on each side.
    fn is_same(&self) -> bool {
        let Window { kernel, stride, padding, input, output } = self.window;
        stride == [1, 1] && input == output && (0..2).all(|d| kernel[d] == 2 * padding[d] + 1)
    }

    /// The tiles to compute in, where that is faster.
    fn tiling(&self) -> Option<Tiling> {
        let is_worth =
            self.is_same() && self.window.kernel == [3, 3] && self.in_channels.min(self.out_channels) >= MANY;
        is_worth.then(|| Tiling::of(self.window.output))
    }

    fn planes_of(&self, images: usize) -> Planes {
        Planes { images, size: self.window.input }
    }

    fn taps(&self) -> usize {
        self.window.kernel[0] * self.window.kernel[1]
    }

    /// Elements of a row of the output, of so many images.
    fn row(&self, images: usize) -> usize {
        self.window.output[1] * images
    }

    /// Elements of a channel of the output, of so many images.
    fn plane(&self, images: usize) -> usize {
        self.window.output[0] * self.row(images)
    }

    /// The `weight` as [`forward`](Self::forward) reads it.
    pub fn forward_weight<T: Scalar>(&self, weight: &[T]) -> Weight<T> {
        let (taps, depth) = (self.taps(), self.in_channels * self.taps());
        Weight(match self.tiling() {
            Some(tiling) => {
                let at = |row, column| row * depth + column * taps;
                Form::Tiles(tiling.weight(weight, [self.out_channels, self.in_channels], at, false))
            }
            None => Form::Plain(Panels::new(self.out_channels, depth, |row, k| weight[row * depth + k])),
        })
    }

    /// The `weight` as [`input_gradient`](Self::input_gradient) reads it.
    pub fn backward_weight<T: Scalar>(&self, weight: &[T]) -> Weight<T> {
        let (taps, depth) = (self.taps(), self.in_channels * self.taps());
        Weight(match self.tiling() {
            // A convolution again, with the kernel turned around.
            Some(tiling) => {
                let at = |row, column| column * depth + row * taps;
                Form::Tiles(tiling.weight(weight, [self.in_channels, self.out_channels], at, true))
            }
            None if self.is_same() => {
                let at = |row, k| weight[k / taps * depth + row * taps + taps - 1 - k % taps];
                Form::Plain(Panels::new(self.in_channels, self.out_channels * taps, at))
            }
            None => Form::Plain(Panels::new(depth, self.out_channels, |row, k| weight[k * depth + row])),
        })
    }

    /// The output `y` for the input `x`.
    pub fn forward<T: Scalar>(&self, weight: &Weight<T>, x: &[T], images: usize, y: &mut [T]) {
        let weight = match &weight.0 {
            Form::Plain(weight) => weight,
            Form::Tiles(weight) => return weight.convolve(self.planes_of(images), x, y),
        };
        if self.is_same() {
            return Strips::new(&self.window, images).convolve(weight, x, self.in_channels, y);
        }
        let plane = self.plane(images);
        self.each_piece(x, images, |first, lines| multiply(weight, lines, &mut y[first..], plane));
    }

    /// Adds the gradient by the weight to `dw`, given the one by the output.
    pub fn weight_gradient<T: Scalar>(&self, x: &[T], dy: &[T], images: usize, dw: &mut [T]) {
        if let Some(tiling) = self.tiling() {
            return tiling.correlate(self.planes_of(images), x, dy, dw);
        }
        if self.is_same() && self.in_channels >= WIDE {
            return Strips::new(&self.window, images).correlate(x, [self.out_channels, self.in_channels], dy, dw);
        }
        let (plane, depth) = (self.plane(images), self.in_channels * self.taps());
        self.each_piece(x, images, |first, Lines { data, columns, .. }| {
            let dy = (&dy[first..], plane, Transpose::No);
            let data = (data, columns, Transpose::Yes);
            gemm([self.out_channels, depth, columns], T::one(), dy, data, T::one(), (dw, depth));
        });
    }

    /// The gradient `dx` by the input, given the one by the output.
    pub fn input_gradient<T: Scalar>(&self, weight: &Weight<T>, dy: &[T], images: usize, dx: &mut [T]) {
        let weight = match &weight.0 {
            Form::Plain(weight) => weight,
            Form::Tiles(weight) => return weight.convolve(self.planes_of(images), dy, dx),
        };
        if self.is_same() {
            return Strips::new(&self.window, images).convolve(weight, dy, self.out_channels, dx);
        }
        let plane = self.plane(images);
        let starts: Vec<usize> = (0..self.out_channels).map(|c| c * plane).collect();
        let mut data = Vec::new();
        dx.fill(T::zero());
        for rows in self.pieces(images) {
            let (first, columns) = (self.row(images) * rows.start, self.row(images) * rows.len());
            data.resize(weight.rows() * columns, T::zero());
            multiply(weight, Lines { data: &dy[first..], starts: &starts, columns }, &mut data, columns);
            col2im(&self.window, &data, self.in_channels, images, rows, dx);
        }
    }

    /// Rows of the output, as many as columns are made of at a time.
    fn pieces(&self, images: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let (rows, depth) = (self.window.output[0], self.in_channels * self.taps());
        let piece = (PIECE_ELEMENTS / (depth * self.row(images)).max(1)).max(1);
        (0..rows).step_by(piece).map(move |first| first..(first + piece).min(rows))
    }

    /// Calls `f` with the lines of the columns of some rows of the output after the other, and where these rows begin in a channel.
    fn each_piece<T: Scalar>(&self, x: &[T], images: usize, mut f: impl FnMut(usize, Lines<'_, T>)) {
        let (depth, mut data) = (self.in_channels * self.taps(), Vec::new());
        for rows in self.pieces(images) {
            let (first, columns) = (self.row(images) * rows.start, self.row(images) * rows.len());
            data.resize(depth * columns, T::zero());
            im2col(&self.window, x, self.in_channels, images, rows, &mut data);
            let starts: Vec<usize> = (0..depth).map(|k| k * columns).collect();
            f(first, Lines { data: &data, starts: &starts, columns });
        }
    }
}

/// The rows of planes, each followed by a border, a strip of them at a time.
#[derive(Clone, Copy, Debug)]
struct Strips {
    /// Rows, and elements of a row, of all images.
    size: [usize; 2],
    kernel: [usize; 2],
    /// Rows above and below, and elements beside a row.
    border: [usize; 2],
    /// Elements from one column to the next.
    images: usize,
}

impl Strips {
    fn new(window: &Window, images: usize) -> Self {
        let [[h, w], [above, beside]] = [window.input, window.padding];
        Self { size: [h, w * images], kernel: window.kernel, border: [above, beside * images], images }
    }

    /// Elements from one row to the next: a row and the border on its right, which is the next row's on the left.
    fn pitch(&self) -> usize {
        self.size[1] + self.border[1]
    }

    /// Elements of the copy of a channel's strip of `rows` rows.
    fn channel_elements(&self, rows: usize) -> usize {
        (rows + 2 * self.border[0]) * self.pitch() + 2 * self.border[1]
    }

    /// The strips, of about one height, with up to `elements` elements of a channel.
    fn strips(&self, elements: usize) -> impl Iterator<Item = Range<usize>> + use<> {
        let rows = self.size[0];
        let least = if self.border.contains(&0) { 1 } else { LEAST_ROWS };
        let count = rows.div_ceil((elements / self.pitch()).max(least)).max(1);
        let strip = rows.div_ceil(count).max(1);
        (0..rows).step_by(strip).map(move |first| first..(first + strip).min(rows))
    }

    /// Copies a strip, and the rows above and below it that the kernel reaches.
    fn copy<T: Scalar>(&self, planes: &[T], rows: &Range<usize>, copy: &mut Vec<T>) {
        let ([h, w], [above, beside], pitch) = (self.size, self.border, self.pitch());
        let channel = self.channel_elements(rows.len());
        copy.resize(planes.len() / (h * w) * channel, T::zero());
        for (plane, copy) in planes.chunks_exact(h * w).zip(copy.chunks_exact_mut(channel)) {
            let (left, copy) = copy.split_at_mut(beside);
            left.fill(T::zero());
            let mut copies = copy.chunks_exact_mut(pitch);
            for (row, copy) in (rows.start..rows.end + 2 * above).zip(&mut copies) {
                match row.checked_sub(above).filter(|&row| row < h) {
                    Some(row) => {
                        copy[..w].copy_from_slice(&plane[row * w..][..w]);
                        copy[w..].fill(T::zero());
                    }
                    None => copy.fill(T::zero()),
                }
            }
            copies.into_remainder().fill(T::zero());
        }
    }

    /// Where the element `tap` of the kernel begins to read a channel's copy.
    fn shift(&self, tap: usize) -> usize {
        tap / self.kernel[1] * self.pitch() + tap % self.kernel[1] * self.images
    }

    /// The lines of a strip's copy: first elements of each channel's plane, shifted by each element of the kernel.
    fn starts(&self, channels: usize, rows: usize) -> Vec<usize> {
        let (taps, channel) = (self.kernel[0] * self.kernel[1], self.channel_elements(rows));
        (0..channels).flat_map(|c| (0..taps).map(move |tap| c * channel + self.shift(tap))).collect()
    }

    fn convolve<T: Scalar>(&self, weight: &Panels<T>, x: &[T], channels: usize, y: &mut [T]) {
        if self.border[1] == 0 {
            return self.convolve_columns(weight, x, channels, y);
        }
        let ([h, w], mut copy) = (self.size, Vec::new());
        for rows in self.strips(STRIP_ELEMENTS / (channels + weight.rows())) {
            self.copy(x, &rows, &mut copy);
            let starts = self.starts(channels, rows.len());
            for (at, row) in rows.enumerate() {
                let lines = Lines { data: &copy[at * self.pitch()..], starts: &starts, columns: w };
                multiply(weight, lines, &mut y[row * w..], h * w);
            }
        }
    }

    /// The same with a kernel of one column, which reads the planes as they are but for their first and last rows.
    fn convolve_columns<T: Scalar>(&self, weight: &Panels<T>, x: &[T], channels: usize, y: &mut [T]) {
        let ([h, w], above, mut copy) = (self.size, self.border[0], Vec::new());
        let inner = above.min(h)..h.saturating_sub(above).max(above.min(h));
        for row in (0..inner.start).chain(inner.end..h) {
            self.copy(x, &(row..row + 1), &mut copy);
            let starts = self.starts(channels, 1);
            multiply(weight, Lines { data: &copy, starts: &starts, columns: w }, &mut y[row * w..], h * w);
        }
        let of_channel = |c| (0..self.kernel[0]).map(move |tap| (c * h + tap) * w);
        let starts: Vec<usize> = (0..channels).flat_map(of_channel).collect();
        let piece = (STRIP_ELEMENTS / (channels + weight.rows()) / w).max(1);
        for row in inner.clone().step_by(piece) {
            let columns = (inner.end - row).min(piece) * w;
            let lines = Lines { data: &x[(row - above) * w..], starts: &starts, columns };
            multiply(weight, lines, &mut y[row * w..], h * w);
        }
    }

    fn correlate<T: Scalar>(&self, x: &[T], [out_channels, in_channels]: [usize; 2], dy: &[T], dw: &mut [T]) {
        let taps = self.kernel[0] * self.kernel[1];
        // One matrix for each element of the kernel.
        let mut parts = vec![T::zero(); dw.len()];
        let mut add = |tap: usize, d: &[T], x: &[T], channel: usize, columns: usize| {
            let part = &mut parts[tap * out_channels * in_channels..][..out_channels * in_channels];
            let (d, x) = ((d, channel, Transpose::No), (x, channel, Transpose::Yes));
            gemm([out_channels, in_channels, columns], T::one(), d, x, T::one(), (part, in_channels));
        };
        if self.border[1] == 0 {
            // A kernel of one column reads the planes as they are.
            let ([h, w], above) = (self.size, self.border[0]);
            for rows in self.strips(STRIP_SUM) {
                for tap in 0..taps {
                    // The rows whose place under this element is inside the plane.
                    let first = rows.start.max(above.saturating_sub(tap));
                    let end = rows.end.min((h + above).saturating_sub(tap));
                    if first < end {
                        add(tap, &dy[first * w..], &x[(first + tap - above) * w..], h * w, (end - first) * w);
                    }
                }
            }
        } else {
            let (mut copy, mut d_copy) = (Vec::new(), Vec::new());
            for rows in self.strips(STRIP_SUM) {
                self.copy(x, &rows, &mut copy);
                self.copy(dy, &rows, &mut d_copy);
                let (columns, channel) = (rows.len() * self.pitch(), self.channel_elements(rows.len()));
                let d = &d_copy[self.border[0] * self.pitch() + self.border[1]..];
                (0..taps).for_each(|tap| add(tap, d, &copy[self.shift(tap)..], channel, columns));
            }
        }
        for (tap, part) in parts.chunks_exact(out_channels * in_channels).enumerate() {
            for (dw, &part) in dw[tap..].iter_mut().step_by(taps).zip(part) {
                *dw += part;
            }
        }
    }
}
