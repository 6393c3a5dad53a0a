//! A device that records the pen: points at equal times, some of them lost, in whole units.

use super::path::simplify;
use crate::strokes::Point;
use crate::trajectory::{PenPoint, Trajectory};
use hccr_random::Rng;

/// A digitizer.
#[derive(Clone, Debug)]
pub(super) struct Device {
    /// The time between two points, in points of the path.
    interval: f32,
    /// The share of points that get lost.
    loss: f32,
    /// The standard deviation of the sensor's noise, in grid units.
    noise: f32,
    /// The device leaves out points so near the line through the others, in grid units.
    thinning: f32,
    /// The device's units in one of the grid.
    resolution: f32,
}

impl Device {
    pub(super) fn new(rng: &mut Rng) -> Self {
        let loss = rng.uniform();
        Self {
            interval: 0.4 * libm::expf(rng.range(0.0, 2.3)),
            loss: 0.3 * loss * loss,
            noise: rng.range(0.0, 1.5),
            thinning: (rng.range(-1.0, 1.0) * 30.0).max(0.0),
            resolution: 0.25 * libm::expf(rng.range(0.0, 2.7)),
        }
    }

    /// The points of each stroke that the device gives for what a pen wrote.
    pub(super) fn record(&self, trajectory: &Trajectory, rng: &mut Rng) -> Vec<Vec<[i16; 2]>> {
        let interval = self.interval * libm::expf(0.2 * rng.normal());
        trajectory.strokes.iter().map(|stroke| self.stroke(stroke, interval, rng)).collect()
    }

    fn stroke(&self, path: &[PenPoint], interval: f32, rng: &mut Rng) -> Vec<[i16; 2]> {
        let at = |p: &PenPoint| Point { x: p.x, y: p.y };
        let (Some(first), Some(last)) = (path.first(), path.last()) else { return Vec::new() };
        let mut points = vec![at(first)];
        let between = ((path.len() - 1) as f32 / interval).ceil() as usize;
        for k in 1..between {
            let time = k as f32 * interval;
            let i = (time as usize).min(path.len() - 2);
            let (a, b, t) = (at(&path[i]), at(&path[i + 1]), time - i as f32);
            if !rng.chance(self.loss) {
                points.push(Point { x: a.x + t * (b.x - a.x), y: a.y + t * (b.y - a.y) });
            }
        }
        points.push(at(last));
        if self.thinning > 0.0 {
            points = simplify(&points, self.thinning);
        }
        points.into_iter().map(|p| self.sense([p.x, p.y], rng)).collect()
    }

    /// What the sensor says about where the pen is.
    fn sense(&self, at: [f32; 2], rng: &mut Rng) -> [i16; 2] {
        at.map(|v| ((v + self.noise * rng.normal()) * self.resolution + 0.5).floor() as i16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Device = Device { interval: 2.0, loss: 0.0, noise: 0.0, thinning: 0.0, resolution: 1.0 };

    /// A path from 0 along x for 800, then along y for 800, in 100 points of time.
    fn corner() -> Vec<PenPoint> {
        let pen = |x: i32, y: i32| PenPoint { x: x as f32, y: y as f32, pressure: 1.0 };
        (0..=50).map(|i| pen(16 * i, 0)).chain((1..=50).map(|i| pen(800, 16 * i))).collect()
    }

    fn points(device: &Device) -> Vec<[i16; 2]> {
        device.stroke(&corner(), device.interval, &mut Rng::new(1, 1))
    }

    #[test]
    fn points_come_at_equal_times() {
        let points = points(&PLAIN);
        assert_eq!(points.len(), 51);
        assert_eq!((points[0], points[1], points[26], points[50]), ([0, 0], [32, 0], [800, 32], [800, 800]));
        let finer = self::points(&Device { interval: 0.5, ..PLAIN });
        assert_eq!((finer.len(), finer[1]), (201, [8, 0]));
    }

    #[test]
    fn thinning_leaves_what_turns() {
        assert_eq!(points(&Device { thinning: 5.0, ..PLAIN }), [[0, 0], [800, 0], [800, 800]]);
    }

    #[test]
    fn points_get_lost_but_not_the_ends() {
        let lossy = points(&Device { loss: 0.3, ..PLAIN });
        assert!((25..46).contains(&lossy.len()), "{}", lossy.len());
        assert_eq!((lossy[0], lossy[lossy.len() - 1]), ([0, 0], [800, 800]));
    }

    #[test]
    fn noise_and_resolution_show() {
        let noisy = points(&Device { noise: 1.0, resolution: 4.0, ..PLAIN });
        let off: Vec<i16> = noisy.iter().filter(|p| p[0] < 3000).map(|p| p[1]).collect();
        assert!(off.iter().any(|&y| y > 2) && off.iter().all(|&y| y.abs() < 20), "{off:?}");
        assert!(noisy[noisy.len() - 1][0].abs_diff(3200) < 20);
    }

    #[test]
    fn a_dot_is_its_ends() {
        let dot = PenPoint { x: 3.0, y: -4.6, pressure: 1.0 };
        assert_eq!(PLAIN.stroke(&[dot], 20.0, &mut Rng::new(1, 1)), [[3, -5], [3, -5]]);
    }
}
