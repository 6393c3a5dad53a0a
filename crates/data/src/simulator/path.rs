//! A pen's path: finer, simpler, trembling, pressed.

use crate::strokes::Point;
use crate::trajectory::PenPoint;
use hccr_random::Rng;

/// The distance between the points of a path that is traced.
pub(super) const STEP: f32 = 16.0;

/// The distance between two points.
pub(super) fn distance(a: Point, b: Point) -> f32 {
    let (dx, dy) = (a.x - b.x, a.y - b.y);
    (dx * dx + dy * dy).sqrt()
}

/// Points at most about `step` apart along a line, its own included.
pub(super) fn resample(line: &[Point], step: f32) -> Vec<Point> {
    let Some(&first) = line.first() else { return Vec::new() };
    let mut out = vec![first];
    for pair in line.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        let pieces = (distance(a, b) / step + 0.5).max(1.0) as usize;
        for piece in 1..=pieces {
            let t = piece as f32 / pieces as f32;
            out.push(Point { x: a.x + (b.x - a.x) * t, y: a.y + (b.y - a.y) * t });
        }
    }
    out
}

/// The ends of a line and the points where it turns: no point left out lies farther than `tolerance` from the lines between
/// those kept (Ramer, Douglas and Peucker).
pub(super) fn simplify(line: &[Point], tolerance: f32) -> Vec<Point> {
    let mut kept: Vec<Point> = line.first().copied().into_iter().collect();
    let mut spans = Vec::new();
    if line.len() > 1 {
        spans.push((0, line.len() - 1));
    }
    while let Some((from, to)) = spans.pop() {
        let mut farthest = (None, tolerance);
        for (i, &p) in line.iter().enumerate().take(to).skip(from + 1) {
            let off = distance_to_line(p, line[from], line[to]);
            if off > farthest.1 {
                farthest = (Some(i), off);
            }
        }
        match farthest.0 {
            Some(i) => spans.extend([(i, to), (from, i)]),
            None => kept.push(line[to]),
        }
    }
    kept
}

/// The distance of `p` from the straight line that ends at `a` and `b`.
fn distance_to_line(p: Point, a: Point, b: Point) -> f32 {
    let (dx, dy) = (b.x - a.x, b.y - a.y);
    let along = (((p.x - a.x) * dx + (p.y - a.y) * dy) / (dx * dx + dy * dy).max(1e-6)).clamp(0.0, 1.0);
    distance(p, Point { x: a.x + along * dx, y: a.y + along * dy })
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

    fn point(x: f32, y: f32) -> Point {
        Point { x, y }
    }

    #[test]
    fn resampling_keeps_points_and_steps() {
        let line = resample(&[point(0.0, 0.0), point(100.0, 0.0), point(100.0, 3.0)], 10.0);
        assert_eq!((line.len(), line[1], line[11]), (12, point(10.0, 0.0), point(100.0, 3.0)));
        assert!(resample(&[], 1.0).is_empty());
    }

    #[test]
    fn simplifying_keeps_ends_and_corners() {
        let corner = [point(0.0, 0.0), point(100.0, 0.0), point(100.0, 100.0)];
        let mut line = resample(&corner, 10.0);
        line[5].y += 4.0;
        assert_eq!(simplify(&line, 5.0), corner);
        assert!(simplify(&line, 3.0).contains(&line[5]));
        assert_eq!(simplify(&line[..1], 3.0), line[..1]);
        assert!(simplify(&[], 3.0).is_empty());
    }

    #[test]
    fn smoothing_rounds_corners_only() {
        let corner = resample(&[point(0.0, 0.0), point(100.0, 0.0), point(100.0, 100.0)], 10.0);
        let mut line: Vec<PenPoint> = corner.iter().map(|p| PenPoint { x: p.x, y: p.y, pressure: 1.0 }).collect();
        smooth(&mut line, 3);
        let at = |i: usize| point(line[i].x, line[i].y);
        assert_eq!((at(0), at(20), at(4)), (point(0.0, 0.0), point(100.0, 100.0), point(40.0, 0.0)));
        assert!(line[10].x < 96.0 && line[10].y > 4.0, "{:?}", line[10]);
    }

    #[test]
    fn tapering_thins_the_ends() {
        let mut line = vec![PenPoint { x: 0.0, y: 0.0, pressure: 1.0 }; 20];
        taper(&mut line, 0.5, 0.2);
        assert_eq!((line[0].pressure, line[10].pressure, line[19].pressure), (0.5, 1.0, 0.8));
    }
}
