//! Distortions of a character's skeleton, before the pen follows it.

use super::path::distance;
use crate::strokes::{Point, Stroke};
use hccr_random::Rng;

/// The middle of the grid.
const MIDDLE: f32 = 512.0;

/// `p -> about + linear * (p - about) + shift`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Affine {
    linear: [[f32; 2]; 2],
    about: Point,
    shift: Point,
}

impl Affine {
    /// A turn of small `angle` (radians, clockwise on the page) after a scaling, about a point, then a shift.
    pub(super) fn new(angle: f32, scale: [f32; 2], about: Point, shift: Point) -> Self {
        let (sin, cos) = (libm::sinf(angle), libm::cosf(angle));
        let linear = [[cos * scale[0], -sin * scale[1]], [sin * scale[0], cos * scale[1]]];
        Self { linear, about, shift }
    }

    /// Rows rise to the right by `slope`, columns lean to the right by `slant`, and the whole is `aspect` times as wide.
    pub(super) fn lean(slope: f32, slant: f32, aspect: f32) -> Self {
        let about = Point { x: MIDDLE, y: MIDDLE };
        Self { linear: [[aspect, -slant], [-slope * aspect, 1.0]], about, shift: Point { x: 0.0, y: 0.0 } }
    }

    fn apply(&self, p: &mut Point) {
        let (x, y) = (p.x - self.about.x, p.y - self.about.y);
        let [[a, b], [c, d]] = self.linear;
        p.x = self.about.x + a * x + b * y + self.shift.x;
        p.y = self.about.y + c * x + d * y + self.shift.y;
    }

    pub(super) fn apply_to(&self, strokes: &mut [Stroke]) {
        strokes.iter_mut().flatten().for_each(|p| self.apply(p));
    }
}

/// A smooth displacement of the plane: a few slow waves, which move and resize components.
#[derive(Clone, Debug)]
pub(super) struct Warp {
    waves: [Wave; 3],
}

#[derive(Clone, Debug)]
struct Wave {
    frequency: [f32; 2],
    phase: f32,
    amplitude: [f32; 2],
}

impl Warp {
    /// Displacements of about `strength`, in grid units.
    pub(super) fn new(strength: f32, rng: &mut Rng) -> Self {
        let mut wave = || Wave {
            // Radians a grid unit: up to about one period over the character.
            frequency: [rng.range(-0.006, 0.006), rng.range(-0.006, 0.006)],
            phase: rng.range(0.0, std::f32::consts::TAU),
            amplitude: [rng.normal() * strength, rng.normal() * strength],
        };
        Self { waves: [wave(), wave(), wave()] }
    }

    pub(super) fn apply_to(&self, strokes: &mut [Stroke]) {
        for p in strokes.iter_mut().flatten() {
            let from = *p;
            for wave in &self.waves {
                let sin = libm::sinf(wave.frequency[0] * from.x + wave.frequency[1] * from.y + wave.phase);
                p.x += wave.amplitude[0] * sin;
                p.y += wave.amplitude[1] * sin;
            }
        }
    }
}

/// The numbers of the strokes with which a new component begins, as far as the way of the pen tells: 0, and those
/// before which it goes far.
pub(super) fn components(strokes: &[Stroke]) -> Vec<usize> {
    const FAR: f32 = 260.0;
    let mut starts = vec![0];
    for i in 1..strokes.len() {
        let gap = match (strokes[i - 1].last(), strokes[i].first()) {
            (Some(&end), Some(&start)) => distance(end, start),
            _ => 0.0,
        };
        if gap > FAR && starts.last().is_none_or(|&last| i - last >= 2) {
            starts.push(i);
        }
    }
    starts
}

/// Moves, turns and scales each of the given groups of strokes (`starts` as of [`components`]) on its own; `strength` 1
/// is the usual amount.
pub(super) fn jitter_components(strokes: &mut [Stroke], starts: &[usize], strength: f32, rng: &mut Rng) {
    for (k, &start) in starts.iter().enumerate() {
        let end = starts.get(k + 1).copied().unwrap_or(strokes.len());
        let group = &mut strokes[start..end];
        let scale = [libm::expf(0.09 * strength * rng.normal()), libm::expf(0.09 * strength * rng.normal())];
        let shift = Point { x: 20.0 * strength * rng.normal(), y: 20.0 * strength * rng.normal() };
        Affine::new(0.05 * strength * rng.normal(), scale, centre(group), shift).apply_to(group);
    }
}

/// Moves, turns, scales and bends each stroke on its own; `strength` 1 is the usual amount.
pub(super) fn jitter_strokes(strokes: &mut [Stroke], strength: f32, rng: &mut Rng) {
    for stroke in strokes {
        let group = std::slice::from_mut(stroke);
        let scale = libm::expf(0.12 * strength * rng.normal());
        let shift = Point { x: 12.0 * strength * rng.normal(), y: 12.0 * strength * rng.normal() };
        Affine::new(0.06 * strength * rng.normal(), [scale, scale], centre(group), shift).apply_to(group);
        bend(stroke, 0.05 * strength * rng.normal());
    }
}

/// Bows a stroke sideways by `amount` of the distance of its ends, most in its middle.
fn bend(stroke: &mut Stroke, amount: f32) {
    let (Some(&from), Some(&to)) = (stroke.first(), stroke.last()) else { return };
    let (across_x, across_y) = (amount * (from.y - to.y), amount * (to.x - from.x));
    let last = (stroke.len() - 1).max(1) as f32;
    for (i, p) in stroke.iter_mut().enumerate() {
        let t = i as f32 / last;
        p.x += across_x * 4.0 * t * (1.0 - t);
        p.y += across_y * 4.0 * t * (1.0 - t);
    }
}

/// The mean of all points.
fn centre(strokes: &[Stroke]) -> Point {
    let n = strokes.iter().map(Vec::len).sum::<usize>().max(1) as f32;
    let (x, y) = strokes.iter().flatten().fold((0.0, 0.0), |(x, y), p| (x + p.x, y + p.y));
    Point { x: x / n, y: y / n }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(x: f32, y: f32) -> Point {
        Point { x, y }
    }

    #[test]
    fn affine_turns_about_its_centre() {
        let mut strokes = vec![vec![point(10.0, 5.0), point(12.0, 5.0)]];
        Affine::new(std::f32::consts::FRAC_PI_2, [1.0, 1.0], point(10.0, 5.0), point(0.0, 1.0)).apply_to(&mut strokes);
        assert!(distance(strokes[0][0], point(10.0, 6.0)) < 1e-5 && distance(strokes[0][1], point(10.0, 8.0)) < 1e-5);
    }

    #[test]
    fn components_begin_after_far_moves() {
        let line = |x: f32| vec![point(x, 0.0), point(x + 50.0, 0.0)];
        let strokes = [line(0.0), line(60.0), line(600.0), line(0.0), line(50.0)];
        assert_eq!(components(&strokes), [0, 2]);
    }

    #[test]
    fn bending_keeps_the_ends() {
        let mut stroke = vec![point(0.0, 0.0), point(50.0, 0.0), point(100.0, 0.0)];
        bend(&mut stroke, 0.1);
        assert_eq!(stroke, [point(0.0, 0.0), point(50.0, 10.0), point(100.0, 0.0)]);
    }
}
