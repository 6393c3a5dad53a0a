//! Pixels of a caller, whatever their format.

use super::ImageError;
use alloc::borrow::Cow;

/// What the bytes of a pixel are, 8 bits per channel, not premultiplied by alpha.
///
/// ```
/// assert_eq!(hccr_runtime::image::PixelFormat::Rgba.bytes(), 4);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PixelFormat {
    /// Grey, 255 white.
    Gray = 1,
    /// Grey and alpha.
    GrayAlpha = 2,
    /// Red, green, blue.
    Rgb = 3,
    /// Red, green, blue, alpha, as the canvas of a browser gives them.
    Rgba = 4,
}

impl PixelFormat {
    /// Bytes per pixel.
    pub const fn bytes(self) -> usize {
        self as usize
    }
}

/// The pixels of an image, row by row from the top, borrowed from the caller.
///
/// What is recognized is its grey: of colours the luma of BT.601, `(299 red + 587 green + 114 blue) / 1000`, and then over
/// white paper, `(alpha grey + (255 - alpha) 255) / 255`, each to the nearest integer. Transparent is therefore paper.
///
/// ```
/// use hccr_runtime::image::{Image, PixelFormat};
///
/// // One transparent and one black pixel; each row is padded to 12 bytes.
/// let pixels = [0, 0, 0, 0, 0, 0, 0, 255, 9, 9, 9, 9];
/// let image = Image::with_stride(&pixels, 2, 1, 12, PixelFormat::Rgba)?;
/// assert_eq!(*image.to_gray(), [255, 0]);
/// # Ok::<_, hccr_runtime::image::ImageError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    pixels: &'a [u8],
    width: usize,
    height: usize,
    stride: usize,
    format: PixelFormat,
}

impl<'a> Image<'a> {
    /// An image of `width * height` pixels in `pixels`, which has no other bytes.
    ///
    /// # Errors
    /// [`ImageError::Size`] where a side is zero or the number of bytes differs.
    pub fn new(pixels: &'a [u8], width: usize, height: usize, format: PixelFormat) -> Result<Self, ImageError> {
        let stride = width.saturating_mul(format.bytes());
        let image = Self { pixels, width, height, stride, format };
        image.checked(|len| len == pixels.len())
    }

    /// An image of which row `y` starts at the byte `y * stride` of `pixels`. Bytes between rows, and after the last, are not
    /// looked at.
    ///
    /// # Errors
    /// [`ImageError::Size`] where a side is zero, a row does not fit the stride, or there are too few bytes.
    pub fn with_stride(
        pixels: &'a [u8],
        width: usize,
        height: usize,
        stride: usize,
        format: PixelFormat,
    ) -> Result<Self, ImageError> {
        let image = Self { pixels, width, height, stride, format };
        image.checked(|len| len <= pixels.len())
    }

    /// The image, where it has pixels and the bytes up to the last one fit.
    fn checked(self, fits: impl Fn(usize) -> bool) -> Result<Self, ImageError> {
        let Self { pixels, width, height, stride, format } = self;
        let row = width.checked_mul(format.bytes()).filter(|&row| row > 0 && row <= stride);
        let rows = height.checked_sub(1).and_then(|rows| rows.checked_mul(stride));
        let len = row.zip(rows).and_then(|(row, rows)| rows.checked_add(row));
        let error = ImageError::Size { width, height, stride, format, bytes: pixels.len() };
        len.filter(|&len| fits(len)).map(|_| self).ok_or(error)
    }

    /// Pixels per row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The grey of each pixel, `width * height` bytes; borrowed where the image has it so.
    pub fn to_gray(&self) -> Cow<'a, [u8]> {
        let row_bytes = self.width * self.format.bytes();
        if self.format == PixelFormat::Gray && self.stride == self.width {
            return Cow::Borrowed(&self.pixels[..self.width * self.height]);
        }
        let rows = self.pixels.chunks(self.stride).take(self.height);
        rows.flat_map(|row| row[..row_bytes].chunks_exact(self.format.bytes()).map(gray)).collect()
    }
}

fn gray(pixel: &[u8]) -> u8 {
    match *pixel {
        [gray] => gray,
        [gray, alpha] => over_white(gray, alpha),
        [red, green, blue] => luma(red, green, blue),
        [red, green, blue, alpha] => over_white(luma(red, green, blue), alpha),
        _ => u8::MAX,
    }
}

fn luma(red: u8, green: u8, blue: u8) -> u8 {
    let [red, green, blue] = [red, green, blue].map(u32::from);
    ((299 * red + 587 * green + 114 * blue + 500) / 1000) as u8
}

fn over_white(gray: u8, alpha: u8) -> u8 {
    let [gray, alpha] = [gray, alpha].map(u32::from);
    ((alpha * gray + (255 - alpha) * 255 + 127) / 255) as u8
}
