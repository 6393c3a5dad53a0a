//! Distortions of a character's skeleton, before the pen follows it.

use super::component::Bounds;
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

    /// Makes all displacements so many times as large.
    pub(super) fn scale(&mut self, factor: f32) {
        self.waves.iter_mut().flat_map(|wave| &mut wave.amplitude).for_each(|amplitude| *amplitude *= factor);
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

/// Moves, turns, scales and bends each stroke on its own; `strength` 1 is the usual amount. Long strokes get shorter and short
/// ones longer, by this power of their length, the `evenness`.
pub(super) fn jitter_strokes(strokes: &mut [Stroke], strength: f32, evenness: f32, rng: &mut Rng) {
    /// The extent that stays, in grid units, and the least that is looked at.
    const MIDDLING: f32 = 330.0;
    const SHORT: f32 = 60.0;
    for stroke in strokes {
        let group = std::slice::from_mut(stroke);
        let chance = libm::expf((0.4 * strength * rng.normal()).clamp(-0.9, 0.7));
        let reach = 26.0 * strength;
        let shift = Point { x: reach * rng.normal(), y: reach * rng.normal() };
        let bounds = Bounds::of(group);
        let length = bounds.extent(0).max(bounds.extent(1));
        let scale = chance * libm::powf(length.max(SHORT) / MIDDLING, -evenness);
        // Short strokes point anywhere.
        let turn = 0.13 * strength * (1.0 + 200.0 / length.max(50.0));
        Affine::new(turn * rng.normal(), [scale, scale], centre(group), shift).apply_to(group);
        bend(stroke, 0.1 * strength * rng.normal());
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
    use super::super::path::distance;
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
    fn bending_keeps_the_ends() {
        let mut stroke = vec![point(0.0, 0.0), point(50.0, 0.0), point(100.0, 0.0)];
        bend(&mut stroke, 0.1);
        assert_eq!(stroke, [point(0.0, 0.0), point(50.0, 10.0), point(100.0, 0.0)]);
    }
}
