//! From pen strokes to what the online network sees; training and recognition call the same functions.
//!
//! A stroke is the points of the pen from landing to lifting, `y` downwards. The network reads one *step* for each point
//! that matters to the shape, however many points the device gave.

mod normalizer;
mod render;

pub use normalizer::InkNormalizer;
pub use render::render;

use crate::error::RunError;
use alloc::vec::Vec;

/// A point of a pen's path, in any unit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// To the right.
    pub x: f32,
    /// Downwards.
    pub y: f32,
}

/// The number of features of a step.
pub const FEATURES: usize = 6;

/// What the network sees at once: `[x, y, dx, dy, same_stroke, new_stroke]`.
///
/// `x` and `y` lie from -1 to 1 along the longest side of the writing box; `dx` and `dy` lead here from the step before (0
/// at the first). One of the last two is 1, the other 0: the way here was written, or the pen was lifted on it. X.-Y. Zhang
/// et al. (arXiv 1606.06539) describe the way to the *next* point instead; the way from the last one holds the same, and
/// is known before the next point is.
pub type Step = [f32; FEATURES];

/// The square, given or found, that is normalised to `-1..1`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WritingBox {
    centre: [f64; 2],
    scale: f64,
}

impl WritingBox {
    /// Points that lie farther from the centre than this are moved to here: one whole box beyond the edge.
    const REACH: f64 = 3.0;

    /// The square about the middle of a rectangle, with its longest side.
    ///
    /// # Errors
    /// [`RunError::InvalidBox`] where a side is not positive, or anything not finite.
    pub fn new(left: f32, top: f32, width: f32, height: f32) -> Result<Self, RunError> {
        let is_sensible = [left, top, width, height].iter().all(|v| v.is_finite()) && width > 0.0 && height > 0.0;
        if !is_sensible {
            return Err(RunError::InvalidBox);
        }
        let [left, top, width, height] = [left, top, width, height].map(f64::from);
        Ok(Self { centre: [left + 0.5 * width, top + 0.5 * height], scale: 2.0 / width.max(height) })
    }

    /// The bounding box of all points.
    ///
    /// # Errors
    /// [`RunError::NonFinitePoint`] for the first point that is NaN or infinite, [`RunError::EmptyInk`] where there is none.
    pub fn around<S: AsRef<[Point]>>(strokes: &[S]) -> Result<Self, RunError> {
        let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        for (stroke, points) in strokes.iter().enumerate() {
            for (point, p) in points.as_ref().iter().enumerate() {
                let p = [f64::from(p.x), f64::from(p.y)];
                if !(p[0].is_finite() && p[1].is_finite()) {
                    return Err(RunError::NonFinitePoint { stroke, point });
                }
                low = [low[0].min(p[0]), low[1].min(p[1])];
                high = [high[0].max(p[0]), high[1].max(p[1])];
            }
        }
        if low[0] > high[0] {
            return Err(RunError::EmptyInk);
        }
        let side = (high[0] - low[0]).max(high[1] - low[1]);
        // Points that are all the same have no size: they lie in the centre.
        let scale = if side > 0.0 { 2.0 / side } else { 0.0 };
        Ok(Self { centre: [0.5 * (low[0] + high[0]), 0.5 * (low[1] + high[1])], scale })
    }

    /// Where a finite point lies in the box.
    fn place(&self, p: Point) -> [f64; 2] {
        let along =
            |v: f32, axis: usize| ((f64::from(v) - self.centre[axis]) * self.scale).clamp(-Self::REACH, Self::REACH);
        [along(p.x, 0), along(p.y, 1)]
    }
}

/// The steps of finished strokes, in the bounding box of all their points. Strokes without points add nothing.
///
/// Size and place do not change them, nor do points given twice, and the number of points hardly does, as long as the
/// shape is the same.
///
/// # Errors
/// As [`WritingBox::around`].
pub fn normalize<S: AsRef<[Point]>>(strokes: &[S]) -> Result<Vec<Step>, RunError> {
    normalize_in(WritingBox::around(strokes)?, strokes)
}

/// The steps of finished strokes in a box that the caller knows: those that an [`InkNormalizer`] gives for the points
/// one by one, bit for bit.
///
/// # Errors
/// [`RunError::NonFinitePoint`] for the first point that is NaN or infinite, [`RunError::EmptyInk`] where there is none.
pub fn normalize_in<S: AsRef<[Point]>>(writing_box: WritingBox, strokes: &[S]) -> Result<Vec<Step>, RunError> {
    let mut normalizer = InkNormalizer::new(writing_box);
    let mut steps = Vec::new();
    for (stroke, points) in strokes.iter().enumerate() {
        for (point, &p) in points.as_ref().iter().enumerate() {
            // The normaliser does not count strokes without points.
            normalizer.add_point(p, &mut steps).map_err(|_| RunError::NonFinitePoint { stroke, point })?;
        }
        normalizer.end_stroke(&mut steps);
    }
    if steps.is_empty() { Err(RunError::EmptyInk) } else { Ok(steps) }
}

/// The square of the distance of two points.
fn distance2(a: [f64; 2], b: [f64; 2]) -> f64 {
    let (dx, dy) = (a[0] - b[0], a[1] - b[1]);
    dx * dx + dy * dy
}

/// The square of the distance of `p` from the line between `a` and `b`, its ends included.
fn distance2_to_line(p: [f64; 2], a: [f64; 2], b: [f64; 2]) -> f64 {
    let (line, way) = ([b[0] - a[0], b[1] - a[1]], [p[0] - a[0], p[1] - a[1]]);
    let along = line[0] * way[0] + line[1] * way[1];
    let length2 = line[0] * line[0] + line[1] * line[1];
    if along <= 0.0 {
        distance2(p, a)
    } else if along >= length2 {
        distance2(p, b)
    } else {
        let across = line[0] * way[1] - line[1] * way[0];
        across * across / length2
    }
}

/// The square root of a number that is not negative, to the last bit or the one before it: `core` has none.
fn sqrt(x: f64) -> f64 {
    if x < f64::MIN_POSITIVE {
        return 0.0;
    }
    // Half the exponent is within 4 %; each of Newton's steps doubles the digits.
    let mut root = f64::from_bits((x.to_bits() >> 1) + 0x1FF7_A3BE_A91D_9B1B);
    for _ in 0..4 {
        root = 0.5 * (root + x / root);
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_right() {
        for exponent in -300..300 {
            let x = 1.37 * 10f64.powi(exponent);
            assert!((sqrt(x) / x.sqrt() - 1.0).abs() < 5e-16, "{x}");
        }
        assert_eq!((sqrt(0.0), sqrt(9.0), sqrt(2.0f64.powi(-40))), (0.0, 3.0, 2.0f64.powi(-20)));
    }

    #[test]
    fn distances_from_lines_end_with_them() {
        let (a, b) = ([0.0, 0.0], [4.0, 0.0]);
        let from = |p| distance2_to_line(p, a, b);
        assert_eq!((from([1.0, 2.0]), from([-3.0, 4.0]), from([7.0, -4.0])), (4.0, 25.0, 25.0));
        assert_eq!(distance2_to_line([3.0, 4.0], a, a), 25.0);
    }
}
