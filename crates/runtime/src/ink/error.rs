//! What is wrong with an ink.

use core::fmt;

/// An ink that cannot be recognized or drawn.
///
/// ```
/// use hccr_runtime::ink::{InkError, WritingBox};
///
/// assert_eq!(WritingBox::new(0.0, 0.0, 300.0, 0.0).unwrap_err(), InkError::WritingBox);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InkError {
    /// A point is NaN or infinite.
    NonFinitePoint {
        /// The number of its stroke.
        stroke: usize,
        /// Its number in the stroke.
        point: usize,
    },
    /// There are no points.
    Empty,
    /// A writing box has a side that is not positive, or anything that is not finite.
    WritingBox,
    /// The image to draw is too large, or the pen is not between nothing and the image wide.
    Canvas {
        /// Side of the image, in pixels.
        size: usize,
    },
}

impl fmt::Display for InkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NonFinitePoint { stroke, point } => {
                write!(f, "point {point} of stroke {stroke} is NaN or infinite")
            }
            Self::Empty => write!(f, "the ink has no points"),
            Self::WritingBox => write!(f, "a writing box needs finite edges and positive sides"),
            Self::Canvas { size } => write!(f, "an ink cannot be drawn so on {size}x{size} pixels"),
        }
    }
}

impl core::error::Error for InkError {}
