//! The square that an ink is written in.

use super::{InkError, Point};

/// The square, given or found, that is normalized to `-1..1`.
///
/// ```
/// use hccr_runtime::ink::WritingBox;
///
/// let writing_box = WritingBox::new(0.0, 0.0, 300.0, 200.0)?; // left, top, width, height
/// assert_eq!(writing_box, WritingBox::new(0.0, -50.0, 300.0, 300.0)?);
/// # Ok::<_, hccr_runtime::ink::InkError>(())
/// ```
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
    /// [`InkError::WritingBox`] where a side is not positive, or anything not finite.
    pub fn new(left: f32, top: f32, width: f32, height: f32) -> Result<Self, InkError> {
        let is_sensible = [left, top, width, height].iter().all(|v| v.is_finite()) && width > 0.0 && height > 0.0;
        if !is_sensible {
            return Err(InkError::WritingBox);
        }
        let [left, top, width, height] = [left, top, width, height].map(f64::from);
        Ok(Self { centre: [left + 0.5 * width, top + 0.5 * height], scale: 2.0 / width.max(height) })
    }

    /// The bounding box of finite points, or `None` where there are none.
    pub(crate) fn around(points: impl Iterator<Item = Point>) -> Option<Self> {
        let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        for p in points {
            let p = [f64::from(p.x), f64::from(p.y)];
            low = [low[0].min(p[0]), low[1].min(p[1])];
            high = [high[0].max(p[0]), high[1].max(p[1])];
        }
        if low[0] > high[0] {
            return None;
        }
        let side = (high[0] - low[0]).max(high[1] - low[1]);
        // Points that are all the same have no size: they lie in the centre.
        let scale = if side > 0.0 { 2.0 / side } else { 0.0 };
        Some(Self { centre: [0.5 * (low[0] + high[0]), 0.5 * (low[1] + high[1])], scale })
    }

    /// Whether a finite point lies no more than so many half sides from the centre along each axis. All points do where the box has no
    /// size.
    pub(super) fn is_near(&self, p: Point, half_sides: f64) -> bool {
        let near = |v: f32, axis: usize| ((f64::from(v) - self.centre[axis]) * self.scale).abs() <= half_sides;
        near(p.x, 0) && near(p.y, 1)
    }

    /// Where a finite point lies in the box.
    pub(super) fn place(&self, p: Point) -> [f64; 2] {
        let along =
            |v: f32, axis: usize| ((f64::from(v) - self.centre[axis]) * self.scale).clamp(-Self::REACH, Self::REACH);
        [along(p.x, 0), along(p.y, 1)]
    }
}
