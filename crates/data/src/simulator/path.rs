//! A pen's path: points at equal distances, smoothed, trembling, pressed.

use crate::strokes::Point;
use crate::trajectory::PenPoint;
use hccr_random::Rng;

/// The distance between the points of a finished path.
pub(super) const STEP: f32 = 16.0;

/// The distance between two points.
pub(super) fn distance(a: Point, b: Point) -> f32 {
    let (dx, dy) = (a.x - b.x, a.y - b.y);
    (dx * dx + dy * dy).sqrt()
}

/// Points `step` apart along a line, its ends included.
pub(super) fn resample(line: &[PenPoint], step: f32) -> Vec<PenPoint> {
    let Some(&first) = line.first() else { return Vec::new() };
    let mut out = vec![first];
    for pair in line.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        let (dx, dy) = (b.x - a.x, b.y - a.y);
        let pieces = ((dx * dx + dy * dy).sqrt() / step + 0.5).max(1.0) as usize;
        for piece in 1..=pieces {
            let t = piece as f32 / pieces as f32;
            let mix = |from: f32, to: f32| from + (to - from) * t;
            out.push(PenPoint { x: mix(a.x, b.x), y: mix(a.y, b.y), pressure: mix(a.pressure, b.pressure) });
        }
    }
    out
}

/// Rounds corners: `passes` times the binomial filter 1 2 1, the ends fixed.
pub(super) fn smooth(line: &mut [PenPoint], passes: usize) {
    for _ in 0..passes {
        let Some(mut before) = line.first().copied() else { return };
        for i in 1..line.len().saturating_sub(1) {
            let (here, after) = (line[i], line[i + 1]);
            let mean = |a: f32, b: f32, c: f32| 0.25 * (a + c) + 0.5 * b;
            line[i] = PenPoint {
                x: mean(before.x, here.x, after.x),
                y: mean(before.y, here.y, after.y),
                pressure: mean(before.pressure, here.pressure, after.pressure),
            };
            before = here;
        }
    }
}

/// Moves the points by up to a few `tremor` and varies their pressure by about `unsteadiness`, slowly along the line.
pub(super) fn tremble(line: &mut [PenPoint], tremor: f32, unsteadiness: f32, rng: &mut Rng) {
    const KNOT: usize = 4;
    let mut draw = || [rng.normal() * tremor, rng.normal() * tremor, rng.normal() * unsteadiness];
    let mut from = draw();
    let mut to = draw();
    for (i, p) in line.iter_mut().enumerate() {
        if i > 0 && i.is_multiple_of(KNOT) {
            from = to;
            to = draw();
        }
        let t = (i % KNOT) as f32 / KNOT as f32;
        let at = |axis: usize| from[axis] + (to[axis] - from[axis]) * t;
        p.x += at(0);
        p.y += at(1);
        p.pressure *= 1.0 + at(2);
    }
}

/// Lets the pen land and lift: less pressure towards the ends, `landing` and `lifting` being the shares lost there.
pub(super) fn taper(line: &mut [PenPoint], landing: f32, lifting: f32) {
    const REACH: usize = 5;
    let n = line.len();
    for i in 0..n.min(REACH) {
        let near = 1.0 - i as f32 / REACH as f32;
        line[i].pressure *= 1.0 - landing * near;
        line[n - 1 - i].pressure *= 1.0 - lifting * near;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pen(x: f32, y: f32) -> PenPoint {
        PenPoint { x, y, pressure: 1.0 }
    }

    #[test]
    fn resampling_keeps_ends_and_steps() {
        let line = resample(&[pen(0.0, 0.0), pen(100.0, 0.0), pen(100.0, 3.0)], 10.0);
        assert_eq!((line.len(), line[1], line[11]), (12, pen(10.0, 0.0), pen(100.0, 3.0)));
        assert!(resample(&[], 1.0).is_empty());
    }

    #[test]
    fn smoothing_rounds_corners_only() {
        let mut corner = resample(&[pen(0.0, 0.0), pen(100.0, 0.0), pen(100.0, 100.0)], 10.0);
        smooth(&mut corner, 3);
        assert_eq!((corner[0], corner[20], corner[4]), (pen(0.0, 0.0), pen(100.0, 100.0), pen(40.0, 0.0)));
        assert!(corner[10].x < 96.0 && corner[10].y > 4.0, "{:?}", corner[10]);
    }

    #[test]
    fn tapering_thins_the_ends() {
        let mut line = vec![pen(0.0, 0.0); 20];
        taper(&mut line, 0.5, 0.2);
        assert_eq!((line[0].pressure, line[10].pressure, line[19].pressure), (0.5, 1.0, 0.8));
    }
}
