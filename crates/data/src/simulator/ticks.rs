//! Ticks: short movements on the paper where the pen lands, before the stroke sets out, and where it lifts, after its end.

use super::path::distance;
use crate::strokes::{Point, Stroke};
use hccr_random::Rng;

/// The ticks that a writer makes.
#[derive(Clone, Debug)]
pub(super) struct Ticks {
    /// How often, where the pen lands and where it lifts.
    landing: f32,
    lifting: f32,
    /// From where the pen comes, in radians to the right of the way that it goes on.
    from: f32,
}

/// The longest ticks, in grid units.
const LANDING: f32 = 120.0;
const LIFTING: f32 = 140.0;
const SHORTEST: f32 = 15.0;

impl Ticks {
    pub(super) fn new(rng: &mut Rng) -> Self {
        let side = if rng.chance(0.6) { -1.0 } else { 1.0 };
        Self { landing: rng.uniform(), lifting: rng.uniform(), from: side * 1.6 + 0.4 * rng.normal() }
    }

    /// Makes all of them so many times as often.
    pub(super) fn scale(&mut self, factor: f32) {
        self.landing *= factor;
        self.lifting *= factor;
    }

    /// Adds ticks where the pen is in the air before or after; strokes `joined` are joined to the one before.
    pub(super) fn add(&self, strokes: &mut [Stroke], joined: &[bool], rng: &mut Rng) {
        let joined = |i: usize| joined.get(i) == Some(&true);
        for (i, stroke) in strokes.iter_mut().enumerate() {
            if let (&[start, next, ..], false) = (&stroke[..], joined(i))
                && rng.chance(self.landing)
            {
                let angle = self.from + 0.5 * rng.normal();
                stroke.insert(0, beside(start, [start, next], angle, rng.range(SHORTEST, LANDING)));
            }
            if let (&[.., before, end], false) = (&stroke[..], joined(i + 1))
                && rng.chance(self.lifting)
            {
                // Back, to the same side.
                let angle = 2.4 * self.from.signum() + 0.5 * rng.normal();
                stroke.push(beside(end, [before, end], angle, rng.range(SHORTEST, LIFTING)));
            }
        }
    }
}

/// The point at a distance from `at`, at an angle to the way from one point to another.
fn beside(at: Point, [from, to]: [Point; 2], angle: f32, length: f32) -> Point {
    let size = distance(from, to).max(1.0);
    let (x, y) = ((to.x - from.x) / size, (to.y - from.y) / size);
    let (sin, cos) = (libm::sinf(angle), libm::cosf(angle));
    Point { x: at.x + length * (cos * x - sin * y), y: at.y + length * (sin * x + cos * y) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Stroke {
        vec![Point { x: 0.0, y: 0.0 }, Point { x: 400.0, y: 0.0 }]
    }

    #[test]
    fn ticks_are_short_and_stand_where_the_pen_is_lifted() {
        let ticks = Ticks { landing: 1.0, lifting: 1.0, from: 1.6 };
        let mut strokes = [line(), line(), line()];
        ticks.add(&mut strokes, &[false, true, false], &mut Rng::new(1, 0));
        let [first, second, third] = &strokes;
        assert_eq!((first.len(), second.len(), third.len()), (3, 3, 4));
        assert_eq!((&first[1..], &second[..2], &third[1..3]), (&line()[..], &line()[..], &line()[..]));
        for (tick, end) in [(first[0], line()[0]), (second[2], line()[1]), (third[0], line()[0]), (third[3], line()[1])]
        {
            let length = distance(tick, end);
            assert!((SHORTEST - 0.1..=LIFTING + 0.1).contains(&length), "{length}");
        }
        assert!(second[2].x < 400.0, "the pen lifts on the way back");
    }

    #[test]
    fn without_ticks_nothing_changes() {
        let mut ticks = Ticks::new(&mut Rng::new(1, 0));
        ticks.scale(0.0);
        let mut strokes = [line(), vec![Point { x: 1.0, y: 1.0 }], Vec::new()];
        ticks.add(&mut strokes, &[false; 3], &mut Rng::new(1, 0));
        assert_eq!(strokes, [line(), vec![Point { x: 1.0, y: 1.0 }], Vec::new()]);
    }
}
