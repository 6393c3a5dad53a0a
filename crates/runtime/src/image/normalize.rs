//! The thesis's normalization: size, place and contrast.

use super::gray::Gray;
use super::{Image, ImageError, ink, resize};
use alloc::vec;
use alloc::vec::Vec;

/// Writes `image` into `out` (`size * size` bytes, row-major) as the thesis's network expects it: inverted, so that ink
/// is bright on 0, cropped to the ink, the longest side scaled to `size` with the aspect ratio kept, centred.
///
/// On a pure white (or pure black) background the contrast stays as it was, and only specks are removed. On any other background, light
/// or dark, even or not, the ink is first told apart from it and brought up to a pen's contrast. Printed grids and rules, the edges of
/// shadows, and a desk beside the sheet are taken away, on any background. Photographs with sides above 512 pixels are shrunk first.
///
/// Shrinking averages areas, growing interpolates linearly, both in exact integers; the rest is plain `f32` arithmetic: the
/// result is the same on every machine. An image that already has the wanted form comes out unchanged, only inverted.
///
/// # Errors
/// [`ImageError::OutputLen`] where `out` has another length, [`ImageError::Empty`] where nothing is left that could be ink.
pub fn normalize(image: &Image<'_>, size: usize, out: &mut [u8]) -> Result<(), ImageError> {
    match size.checked_mul(size) {
        Some(n) if n > 0 && n == out.len() => {}
        expected => return Err(ImageError::OutputLen { expected: expected.unwrap_or(usize::MAX), found: out.len() }),
    }
    let image = Gray { pixels: image.to_gray(), width: image.width(), height: image.height() };
    if image.width == size && image.height == size && ink::is_on_white(&image) {
        let inverted = image.pixels.iter().map(|&grey| 255 - grey).collect();
        let ink = Ink::new(inverted, size).ok_or(ImageError::Empty)?;
        if ink.is_normalized(size) && ink::is_visible(&ink.pixels) {
            out.copy_from_slice(&ink.pixels);
            return Ok(());
        }
    }
    let (ink, width) = ink::extract(&image);
    let ink = Ink::new(ink, width).ok_or(ImageError::Empty)?;
    let longest = ink.width.max(ink.height);
    // The short side, to the nearest pixel; `u128` because both factors may be as large as the address space.
    let scaled = |side: usize| {
        let (side, size, longest) = (side as u128, size as u128, longest as u128);
        (((2 * side * size + longest) / (2 * longest)) as usize).max(1)
    };
    let (width, height) = (scaled(ink.width), scaled(ink.height));
    let (left, top) = ((size - width) / 2, (size - height) / 2);
    out.fill(0);
    let mut column_sums = vec![0; ink.width];
    let (rows, columns) = (resize::Axis::new(ink.height, height), resize::Axis::new(ink.width, width));
    let total = rows.total() * columns.total();
    // The taps of all columns, one after the other, and where those of each end.
    let mut taps = Vec::new();
    let ends: Vec<usize> = (0..width)
        .map(|x| {
            taps.extend(columns.taps(x));
            taps.len()
        })
        .collect();
    for y in 0..height {
        column_sums.fill(0);
        for (row, weight) in rows.taps(y) {
            for (sum, &value) in column_sums.iter_mut().zip(ink.row(row)) {
                *sum += weight * u64::from(value);
            }
        }
        let start = (top + y) * size + left;
        let mut first = 0;
        for (pixel, &end) in out[start..start + width].iter_mut().zip(&ends) {
            let sum: u64 = taps[first..end].iter().map(|&(column, weight)| weight * column_sums[column]).sum();
            *pixel = ((sum + total / 2) / total) as u8;
            first = end;
        }
    }
    Ok(())
}

/// Ink, 0 for none, and the smallest rectangle that holds it all.
struct Ink {
    pixels: Vec<u8>,
    image_width: usize,
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

impl Ink {
    fn new(pixels: Vec<u8>, image_width: usize) -> Option<Self> {
        let (mut left, mut right) = (image_width, 0);
        let (mut top, mut bottom) = (None, 0);
        for (y, row) in pixels.chunks_exact(image_width).enumerate() {
            let Some(first) = row.iter().position(|&v| v > 0) else { continue };
            let last = row.iter().rposition(|&v| v > 0)?;
            (left, right) = (left.min(first), right.max(last));
            top.get_or_insert(y);
            bottom = y;
        }
        let top = top?;
        Some(Self { pixels, image_width, left, top, width: right + 1 - left, height: bottom + 1 - top })
    }

    /// Whether a square image of `size` was scaled and centred before. A few pixels of slack allow for the faint border
    /// that scaling leaves white, and for odd margins; scaling once more would only blur.
    fn is_normalized(&self, size: usize) -> bool {
        let slack = size / 24;
        let (right, bottom) = (size - self.width - self.left, size - self.height - self.top);
        self.width.max(self.height) + slack >= size
            && self.left.abs_diff(right) <= slack
            && self.top.abs_diff(bottom) <= slack
    }

    /// Row `y` of the rectangle.
    fn row(&self, y: usize) -> &[u8] {
        let start = (self.top + y) * self.image_width + self.left;
        &self.pixels[start..start + self.width]
    }
}
