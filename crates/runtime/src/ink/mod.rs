//! From pen strokes to what the online network sees; training and recognition call the same functions.
//!
//! A stroke is the points of the pen from landing to lifting, `y` downwards. The network reads one *step* for each point
//! that matters to the shape, however many points the device gave.

mod error;
mod geometry;
mod normalizer;
mod render;
mod strokes;
mod writing_box;

pub use error::InkError;
pub use normalizer::{FEATURES, InkNormalizer, Step, rows};
use strokes::check_finite;
pub(crate) use strokes::{GrowingStrokes, bounds, is_written};
pub use strokes::{Ink, Point};
pub use writing_box::WritingBox;
