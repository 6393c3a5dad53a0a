//! Components of characters, as far as boxes around strokes tell them, and how their places and sizes vary.

use super::shape::Affine;
use crate::strokes::{Point, Stroke};
use hccr_random::Rng;

/// Components may overlap by this share of the extent of both together.
const OVERLAP: f32 = 0.1;

/// Moves, turns and scales the components of a character, of these their own components, and so on; `strength` 1 is the
/// usual amount.
///
/// Where the strokes up to one lie beside those after it, they are two components: characters are written one component
/// after the other.
pub(super) fn jitter_components(strokes: &mut [Stroke], strength: f32, rng: &mut Rng) {
    let Some(cut) = cut(strokes) else { return };
    let whole = Bounds::of(strokes);
    let extent = whole.extent(0).max(whole.extent(1));
    let (first, second) = strokes.split_at_mut(cut);
    for group in [first, second] {
        let size = rng.normal();
        let scale = [(); 2].map(|()| libm::expf((0.14 * strength * (size + rng.normal())).clamp(-0.5, 0.5)));
        let reach = 0.07 * strength * extent;
        let shift = Point { x: reach * rng.normal(), y: reach * rng.normal() };
        let turn = 0.05 * strength * rng.normal();
        Affine::new(turn, scale, Bounds::of(group).middle(), shift).apply_to(group);
        jitter_components(group, strength, rng);
    }
}

/// The number of strokes of the first of two components.
fn cut(strokes: &[Stroke]) -> Option<usize> {
    let mut from: Vec<Bounds> = strokes.iter().map(|stroke| Bounds::NONE.with(stroke)).collect();
    for i in (1..from.len()).rev() {
        from[i - 1] = from[i - 1].and(from[i]);
    }
    let whole = *from.first()?;
    let mut before = Bounds::NONE;
    let mut best = (OVERLAP, None);
    for (i, &after) in from.iter().enumerate().skip(1) {
        before = before.with(&strokes[i - 1]);
        for axis in [0, 1] {
            let overlap = (before.high[axis] - after.low[axis]).min(after.high[axis] - before.low[axis]);
            let share = overlap / whole.extent(axis).max(1.0);
            if share < best.0 {
                best = (share, Some(i));
            }
        }
    }
    best.1
}

/// The box around some points.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    low: [f32; 2],
    high: [f32; 2],
}

impl Bounds {
    const NONE: Self = Self { low: [f32::INFINITY; 2], high: [f32::NEG_INFINITY; 2] };

    pub(super) fn of(strokes: &[Stroke]) -> Self {
        strokes.iter().fold(Self::NONE, |bounds, stroke| bounds.with(stroke))
    }

    fn with(self, stroke: &[Point]) -> Self {
        stroke.iter().fold(self, |bounds, p| bounds.and(Self { low: [p.x, p.y], high: [p.x, p.y] }))
    }

    fn and(self, other: Self) -> Self {
        Self {
            low: [0, 1].map(|axis| self.low[axis].min(other.low[axis])),
            high: [0, 1].map(|axis| self.high[axis].max(other.high[axis])),
        }
    }

    /// Where a point lies in the box, as shares of its extents.
    pub(super) fn share(&self, p: Point) -> [f32; 2] {
        let share = |axis: usize, v: f32| (v - self.low[axis]) / self.extent(axis).max(1.0);
        [share(0, p.x), share(1, p.y)]
    }

    /// The point at these shares of the box's extents.
    pub(super) fn at(&self, share: [f32; 2]) -> Point {
        let [x, y] = [0, 1].map(|axis| self.low[axis] + share[axis] * self.extent(axis));
        Point { x, y }
    }

    pub(super) fn extent(&self, axis: usize) -> f32 {
        self.high[axis] - self.low[axis]
    }

    fn middle(&self) -> Point {
        Point { x: 0.5 * (self.low[0] + self.high[0]), y: 0.5 * (self.low[1] + self.high[1]) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(from: [f32; 2], to: [f32; 2]) -> Stroke {
        [from, to].map(|[x, y]| Point { x, y }).to_vec()
    }

    #[test]
    fn components_lie_beside_each_other() {
        let cross = |x: f32| [line([x, 50.0], [x + 100.0, 50.0]), line([x + 50.0, 0.0], [x + 50.0, 100.0])];
        assert_eq!(cut(&[cross(0.0), cross(105.0)].concat()), Some(2));
        assert_eq!(cut(&cross(0.0)), None);
        assert_eq!(cut(&[]), None);
    }

    #[test]
    fn components_keep_their_shape_and_change_places() {
        let before = [line([0.0, 0.0], [10.0, 40.0]), line([50.0, 0.0], [60.0, 0.0])];
        let mut after = before.to_vec();
        jitter_components(&mut after, 1.0, &mut Rng::new(1, 0));
        assert!(after[0] != before[0] && after[1] != before[1]);
        assert!(after[0][1].y > after[0][0].y && after[1][1].x > after[1][0].x);
        jitter_components(&mut after[..1], 1.0, &mut Rng::new(1, 0));
    }
}
