//! What is wrong with an ink.

use crate::messages::messages;

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
    /// There are more points than [`Ink::MAX_POINTS`](crate::ink::Ink::MAX_POINTS).
    TooLong {
        /// Points given.
        points: usize,
    },
    /// A line has more strokes than [`LineSession::MAX_STROKES`](crate::LineSession::MAX_STROKES).
    TooManyStrokes,
    /// There are no points.
    Empty,
    /// A writing box has a side that is not positive, or anything that is not finite.
    WritingBox,
    /// A recognizer that looks at the image of the ink sees no stroke in it: all of the image is ink.
    Filled,
    /// The image to draw is too large, or the pen is not between nothing and the image wide.
    Canvas {
        /// Side of the image, in pixels.
        size: usize,
    },
}

messages! { InkError:
    NonFinitePoint { stroke, point } => "point {point} of stroke {stroke} is NaN or infinite",
    TooLong { points } => "an ink of {points} points is no character: the most are 16384",
    TooManyStrokes => "a line has at most 1024 strokes",
    Empty => "the ink has no points",
    WritingBox => "a writing box needs finite edges and positive sides",
    Filled => "the ink fills its image, so that no stroke can be told",
    Canvas { size } => "an ink cannot be drawn so on {size}x{size} pixels",
}
