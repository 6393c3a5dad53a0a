//! What is wrong with an image.

use super::PixelFormat;
use core::fmt;

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

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Size { width, height, stride, format, bytes } => {
                write!(f, "{bytes} bytes are no {width}x{height} pixels {format:?} in rows of {stride} bytes")
            }
            Self::Empty => write!(f, "the image has no ink"),
            Self::OutputLen { expected, found } => {
                write!(f, "a normalized image has {expected} bytes, there is memory for {found}")
            }
        }
    }
}

impl core::error::Error for ImageError {}
