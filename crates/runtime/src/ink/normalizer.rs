//! Steps from points that come one by one.

use super::geometry::{distance2, distance2_to_line, sqrt};
use super::{InkError, Point, WritingBox, check_finite};
use alloc::vec::Vec;

/// The number of features of a step.
pub const FEATURES: usize = 6;

/// What the network sees of one point: `[x, y, dx, dy, same_stroke, new_stroke]`.
///
/// `x` and `y` lie from -1 to 1 along the longest side of the writing box; `dx` and `dy` lead here from the step before (0
/// at the first). One of the last two is 1, the other 0: the way here was written, or the pen was lifted on it. X.-Y. Zhang
/// et al. (arXiv 1606.06539) describe the way to the *next* point instead; the way from the last one holds the same, and
/// is known before the next point is.
///
/// ```
/// use hccr_runtime::ink::{Ink, Point, Step};
///
/// let steps: Vec<Step> = Ink::new(&[[Point { x: 7.0, y: 3.0 }]])?.steps();
/// assert_eq!(steps, [[0.0, 0.0, 0.0, 0.0, 0.0, 1.0]]); // a dot
/// # Ok::<_, hccr_runtime::ink::InkError>(())
/// ```
pub type Step = [f32; FEATURES];

/// The rows of a network that reads `at_once` steps together, at least one: `[rows, 6 * at_once]`, row after row, the last one filled up with
/// zeros, which no step consists of.
pub fn rows(steps: &[Step], at_once: usize) -> Vec<f32> {
    let mut rows = steps.as_flattened().to_vec();
    rows.resize(steps.len().next_multiple_of(at_once) * FEATURES, 0.0);
    rows
}

/// The distance along the pen's path of the points that are looked at, whatever the device's were: 1/64 of the box.
const SPACING: f64 = 1.0 / 32.0;
/// The straightness test: no point on the way lies farther from the straight line between two steps.
const TOLERANCE: f64 = 0.05;
/// The longest way between two steps, in points: straight lines are divided too, so that a step tells about a piece of
/// bounded length, and the work for a point is bounded.
const WINDOW: usize = 10;
/// The distance test: the end of a stroke is no step of its own so close to the last one.
const CLOSE: f64 = SPACING / 2.0;

/// Turns points into [`Step`]s as they come.
///
/// The pen's path is divided at equal distances, which takes the device's sampling rate out. Of these points, a step is
/// made of the first and the last of a stroke, of those where the path turns, and of some on long straight lines. The tests
/// are those of X.-Y. Zhang et al. (arXiv 1606.06539), distance and straightness, made on the path instead of the
/// device's points. Steps, once made, stay: what comes later adds to them.
///
/// The state is small and does not grow; a clone taken between two strokes undoes what follows.
///
/// ```
/// use hccr_runtime::ink::{InkNormalizer, Point, WritingBox};
///
/// let mut normalizer = InkNormalizer::new(WritingBox::new(0.0, 0.0, 300.0, 300.0)?);
/// let mut steps = Vec::new();
/// normalizer.add_point(Point { x: 40.0, y: 150.0 }, &mut steps)?;
/// normalizer.add_point(Point { x: 260.0, y: 147.0 }, &mut steps)?;
/// normalizer.end_stroke(&mut steps);
/// assert_eq!(steps[0][4..], [0.0, 1.0]); // the pen was lifted before
/// # Ok::<_, hccr_runtime::ink::InkError>(())
/// ```
#[derive(Clone, Debug)]
pub struct InkNormalizer {
    writing_box: WritingBox,
    /// The strokes before, and the points of this one: to name a bad point.
    strokes: usize,
    points: usize,
    /// Where the pen is; nowhere between strokes.
    pen: Option<[f64; 2]>,
    /// The way from there to the next point to look at; positive.
    ahead: f64,
    /// The last step.
    last: Option<[f64; 2]>,
    /// The points looked at since.
    window: [[f64; 2]; WINDOW],
    window_len: usize,
}

impl InkNormalizer {
    /// No strokes yet, in a box that stays.
    pub fn new(writing_box: WritingBox) -> Self {
        Self {
            writing_box,
            strokes: 0,
            points: 0,
            pen: None,
            ahead: SPACING,
            last: None,
            window: [[0.0; 2]; WINDOW],
            window_len: 0,
        }
    }

    /// The box.
    pub fn writing_box(&self) -> WritingBox {
        self.writing_box
    }

    /// Goes on with the stroke under way, or begins one, and appends the steps that are certain now.
    ///
    /// # Errors
    /// [`InkError::NonFinitePoint`] where the point is NaN or infinite, with its number among the points accepted; nothing
    /// has changed then.
    pub fn add_point(&mut self, point: Point, steps: &mut Vec<Step>) -> Result<(), InkError> {
        check_finite(&[point], self.strokes, self.points)?;
        self.add_finite(point, steps);
        Ok(())
    }

    /// As [`InkNormalizer::add_point`], for a point that was checked before.
    pub(crate) fn add_finite(&mut self, point: Point, steps: &mut Vec<Step>) {
        self.points += 1;
        let to = self.writing_box.place(point);
        let Some(from) = self.pen.replace(to) else {
            self.ahead = SPACING;
            self.emit(to, true, steps);
            return;
        };
        let length = sqrt(distance2(from, to));
        while self.ahead <= length {
            let t = self.ahead / length;
            self.look_at([from[0] + t * (to[0] - from[0]), from[1] + t * (to[1] - from[1])], steps);
            self.ahead += SPACING;
        }
        self.ahead -= length;
    }

    /// Ends the stroke under way, if there is one, and appends its last steps.
    pub fn end_stroke(&mut self, steps: &mut Vec<Step>) {
        let Some(end) = self.pen.take() else { return };
        self.turn_towards(end, steps);
        if !self.is_within(CLOSE, end) {
            self.emit(end, false, steps);
        }
        self.window_len = 0;
        self.strokes += 1;
        self.points = 0;
    }

    /// Appends what [`InkNormalizer::end_stroke`] would, and changes nothing: the steps of the stroke under way as far
    /// as it goes.
    pub fn provisional(&self, steps: &mut Vec<Step>) {
        self.clone().end_stroke(steps);
    }

    /// Takes in the next point on the path.
    fn look_at(&mut self, point: [f64; 2], steps: &mut Vec<Step>) {
        self.turn_towards(point, steps);
        self.window[self.window_len] = point;
        self.window_len += 1;
        if self.window_len == WINDOW {
            self.window_len = 0;
            // A pen that trembles in one place goes a long way, and nowhere.
            if !self.is_within(SPACING, point) {
                self.emit(point, false, steps);
            }
        }
    }

    /// Makes steps of the points where the path turned, until it is straight from the last of them to `point`.
    fn turn_towards(&mut self, point: [f64; 2], steps: &mut Vec<Step>) {
        while let Some(corner) = self.corner_before(point) {
            self.emit(self.window[corner], false, steps);
            self.window.copy_within(corner + 1..self.window_len, 0);
            self.window_len -= corner + 1;
        }
    }

    /// The point of the window farthest from the line between the last step and `point`, where this is too far.
    fn corner_before(&self, point: [f64; 2]) -> Option<usize> {
        let last = self.last?;
        let mut farthest = (None, TOLERANCE * TOLERANCE);
        for (i, &p) in self.window[..self.window_len].iter().enumerate() {
            let distance2 = distance2_to_line(p, last, point);
            if distance2 > farthest.1 {
                farthest = (Some(i), distance2);
            }
        }
        farthest.0
    }

    fn is_within(&self, distance: f64, point: [f64; 2]) -> bool {
        self.last.is_some_and(|last| distance2(last, point) < distance * distance)
    }

    fn emit(&mut self, point: [f64; 2], is_new_stroke: bool, steps: &mut Vec<Step>) {
        let from = self.last.replace(point).unwrap_or(point);
        let new_stroke = if is_new_stroke { 1.0 } else { 0.0 };
        let [x, y] = point;
        let features = [x, y, x - from[0], y - from[1]].map(|v| v as f32);
        steps.push([features[0], features[1], features[2], features[3], 1.0 - new_stroke, new_stroke]);
    }
}
