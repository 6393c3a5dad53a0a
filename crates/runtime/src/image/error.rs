//! What is wrong with an image.

use super::PixelFormat;
use crate::messages::messages;

/// An image that cannot be recognized.
///
/// ```
/// use hccr_runtime::image::{Image, ImageError, PixelFormat};
///
/// let error = Image::new(&[255; 5], 2, 3, PixelFormat::Gray).unwrap_err();
/// assert!(matches!(error, ImageError::Size { width: 2, height: 3, bytes: 5, .. }));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageError {
    /// An image has no pixels, or its size does not fit the bytes given.
    Size {
        /// Width given, in pixels.
        width: usize,
        /// Height given, in pixels.
        height: usize,
        /// Bytes from row to row.
        stride: usize,
        /// Bytes of a pixel.
        format: PixelFormat,
        /// Bytes given.
        bytes: usize,
    },
    /// Nothing in the image could be ink.
    Empty,
    /// The memory for the normalized image has another size.
    OutputLen {
        /// Bytes wanted.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
}

messages! { ImageError:
    Size { width, height, stride, format, bytes } =>
        "{bytes} bytes are no {width}x{height} pixels {format:?} in rows of {stride} bytes",
    Empty => "the image has no ink",
    OutputLen { expected, found } => "a normalized image has {expected} bytes, there is memory for {found}",
}
