//! The strokes of a character.

use super::{InkError, InkNormalizer, Step, WritingBox, render};
use alloc::vec::Vec;

/// A point of a pen's path, in any unit.
///
/// ```
/// let point = hccr_runtime::ink::Point { x: 40.0, y: 150.0 };
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// To the right.
    pub x: f32,
    /// Downwards.
    pub y: f32,
}

/// The finished strokes of one character, at least one point, all finite.
///
/// ```
/// use hccr_runtime::ink::{Ink, Point, WritingBox};
///
/// let stroke = [Point { x: 40.0, y: 150.0 }, Point { x: 260.0, y: 147.0 }];
/// let ink = Ink::new(&[stroke])?; // in its bounding box
/// assert!(ink.steps().len() >= 2);
/// let ink = ink.in_box(WritingBox::new(0.0, 0.0, 300.0, 300.0)?); // left, top, width, height
/// assert_eq!(ink.strokes().count(), 1);
/// # Ok::<_, hccr_runtime::ink::InkError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Ink {
    points: Vec<Point>,
    /// The end of each stroke in `points`.
    ends: Vec<usize>,
    bounds: WritingBox,
    /// The caller's.
    writing_box: Option<WritingBox>,
}

impl Ink {
    /// The most points of an ink, of which a stroke without any counts as one: a minute of writing at 240 points per second.
    /// They make at most 30 steps each, 12 MB in all.
    pub const MAX_POINTS: usize = 1 << 14;

    /// The ink of `strokes`, in the bounding box of all their points but taps far from the writing: a palm's. Strokes without points
    /// add nothing.
    ///
    /// # Errors
    /// [`InkError::NonFinitePoint`] for the first point that is NaN or infinite, [`InkError::Empty`] where there is none,
    /// [`InkError::TooLong`] for more than [`Ink::MAX_POINTS`].
    pub fn new<S: AsRef<[Point]>>(strokes: &[S]) -> Result<Self, InkError> {
        let (mut points, mut ends) = (Vec::new(), Vec::new());
        check_length(strokes.iter().map(|stroke| counted(stroke.as_ref().len())))?;
        for (number, stroke) in strokes.iter().enumerate() {
            check_finite(stroke.as_ref(), number, 0)?;
            points.extend_from_slice(stroke.as_ref());
            ends.push(points.len());
        }
        let starts = core::iter::once(0).chain(ends.iter().copied());
        let strokes = starts.zip(&ends).map(|(start, &end)| &points[start..end]);
        let bounds = bounds(strokes).ok_or(InkError::Empty)?;
        Ok(Self { points, ends, bounds, writing_box: None })
    }

    /// The same ink in a box that the caller knows.
    pub fn in_box(self, writing_box: WritingBox) -> Self {
        Self { writing_box: Some(writing_box), ..self }
    }

    /// The points of each stroke.
    pub fn strokes(&self) -> impl Iterator<Item = &[Point]> {
        self.ends.iter().scan(0, |start, &end| Some(&self.points[core::mem::replace(start, end)..end]))
    }

    /// The box that it is in: the caller's, or the bounding box.
    pub fn writing_box(&self) -> WritingBox {
        self.writing_box.unwrap_or(self.bounds)
    }

    /// The network's steps: those that an [`InkNormalizer`] gives for the points one by one, bit for bit.
    ///
    /// Size and place do not change those in the bounding box, nor do points given twice, and the number of points hardly
    /// does, as long as the shape is the same.
    pub fn steps(&self) -> Vec<Step> {
        let mut normalizer = InkNormalizer::new(self.writing_box());
        let mut steps = Vec::new();
        for stroke in self.strokes().filter(|stroke| self.writing_box.is_some() || is_written(stroke, self.bounds)) {
            stroke.iter().for_each(|&point| normalizer.add_finite(point, &mut steps));
            normalizer.end_stroke(&mut steps);
        }
        steps
    }

    /// Draws the ink with a round pen, `width` pixels wide: `size * size` grey values, row-major, dark on 255, the longest
    /// side of the ink filling the image, whatever the box. A width of `size / 24` comes nearest to the images that the
    /// offline network is trained on. A stroke of one point is a dot.
    ///
    /// # Errors
    /// [`InkError::Canvas`] where `width` is not a positive number below `size`, or `size` is above 4096.
    pub fn render(&self, size: usize, width: f32) -> Result<Vec<u8>, InkError> {
        let is_sensible = width > 0.0 && f64::from(width) < size as f64 && size <= 1 << 12;
        if is_sensible {
            Ok(render::render(self.strokes(), self.bounds, size, width))
        } else {
            Err(InkError::Canvas { size })
        }
    }
}

/// A tap so many half sides from the middle of the writing, along either axis, is a palm's.
const FAR: f64 = 2.5;

/// The bounding box of the strokes but for taps far from the writing: with a palm's it would be small in it. `None` without points.
pub(crate) fn bounds<'a>(strokes: impl Iterator<Item = &'a [Point]> + Clone) -> Option<WritingBox> {
    let all = WritingBox::around(strokes.clone().flatten().copied())?;
    let moved = strokes.clone().filter(|stroke| !is_tap(stroke)).flatten().copied();
    let Some(moved) = WritingBox::around(moved) else { return Some(all) };
    let near = strokes.filter(|stroke| is_written(stroke, moved)).flatten().copied();
    Some(WritingBox::around(near).unwrap_or(all))
}

/// Whether a stroke belongs to the writing that has these bounds: it is no tap, or not far from it.
pub(crate) fn is_written(stroke: &[Point], bounds: WritingBox) -> bool {
    !is_tap(stroke) || stroke.iter().all(|&point| bounds.is_near(point, FAR))
}

/// Whether the pen landed and did not move.
fn is_tap(stroke: &[Point]) -> bool {
    stroke.iter().all(|point| stroke.first() == Some(point))
}

/// Strokes that grow, within the limits of an ink. The work of adding does not grow with them.
#[derive(Debug, Default)]
pub(crate) struct GrowingStrokes {
    strokes: Vec<Vec<Point>>,
    /// Points as [`Ink::MAX_POINTS`] counts them.
    points: usize,
}

impl GrowingStrokes {
    /// Begins a stroke, unless that is an error.
    pub(crate) fn add_stroke(&mut self, points: &[Point]) -> Result<(), InkError> {
        check_finite(points, self.strokes.len(), 0)?;
        self.points = check_length([self.points, counted(points.len())])?;
        self.strokes.push(points.to_vec());
        Ok(())
    }

    /// Goes on with the last stroke, or begins the first, unless that is an error.
    pub(crate) fn add_points(&mut self, points: &[Point]) -> Result<(), InkError> {
        let Some((last, before)) = self.strokes.split_last_mut() else { return self.add_stroke(points) };
        check_finite(points, before.len(), last.len())?;
        let others = self.points - counted(last.len());
        self.points = check_length([others, counted(last.len().saturating_add(points.len()))])?;
        last.extend_from_slice(points);
        Ok(())
    }

    /// Takes the last stroke back.
    pub(crate) fn undo_stroke(&mut self) -> Option<Vec<Point>> {
        let stroke = self.strokes.pop()?;
        self.points -= counted(stroke.len());
        Some(stroke)
    }
}

impl core::ops::Deref for GrowingStrokes {
    type Target = [Vec<Point>];

    fn deref(&self) -> &[Vec<Point>] {
        &self.strokes
    }
}

/// As how many points a stroke of so many counts.
fn counted(points: usize) -> usize {
    points.max(1)
}

/// Adds numbers of points, and checks the sum.
fn check_length(points: impl IntoIterator<Item = usize>) -> Result<usize, InkError> {
    let points = points.into_iter().fold(0, usize::saturating_add);
    if points <= Ink::MAX_POINTS { Ok(points) } else { Err(InkError::TooLong { points }) }
}

/// Checks points of stroke `stroke`, of which the first is its point `first`.
pub(super) fn check_finite(points: &[Point], stroke: usize, first: usize) -> Result<(), InkError> {
    match points.iter().position(|p| !(p.x.is_finite() && p.y.is_finite())) {
        Some(point) => Err(InkError::NonFinitePoint { stroke, point: first + point }),
        None => Ok(()),
    }
}
