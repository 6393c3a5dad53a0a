//! A device that records the pen: points at equal times, some of them lost, in whole units.

use crate::trajectory::{PenPoint, Trajectory};
use hccr_random::Rng;

/// A digitizer in a writer's hand: what the device does, and how the hand's speed varies.
#[derive(Clone, Debug)]
pub(super) struct Device {
    /// The way of the pen at full speed between two points, in grid units.
    spacing: f32,
    /// How much the pen slows down in bends.
    slowing: f32,
    /// Its speed where it lands and lifts, as a share of full speed.
    landing_speed: f32,
    /// The share of points that get lost.
    loss: f32,
    /// The standard deviation of the sensor's noise, in grid units.
    noise: f32,
    /// The device's units in one of the grid.
    resolution: f32,
}

impl Device {
    /// Points on the path over which the pen speeds up after landing, and slows down before lifting.
    const REACH: usize = 5;

    pub(super) fn new(rng: &mut Rng) -> Self {
        let loss = rng.uniform();
        Self {
            spacing: 12.0 * libm::expf(rng.range(0.0, 1.8)),
            slowing: rng.range(0.5, 4.0),
            landing_speed: rng.range(0.3, 0.9),
            loss: 0.3 * loss * loss,
            noise: rng.range(0.0, 1.5),
            resolution: 0.25 * libm::expf(rng.range(0.0, 2.7)),
        }
    }

    /// The points of each stroke that the device gives for what a pen wrote.
    pub(super) fn record(&self, trajectory: &Trajectory, rng: &mut Rng) -> Vec<Vec<[i16; 2]>> {
        let spacing = self.spacing * libm::expf(0.2 * rng.normal());
        trajectory.strokes.iter().map(|stroke| self.stroke(stroke, spacing, rng)).collect()
    }

    fn stroke(&self, path: &[PenPoint], spacing: f32, rng: &mut Rng) -> Vec<[i16; 2]> {
        let (Some(first), Some(last)) = (path.first(), path.last()) else { return Vec::new() };
        let mut points = vec![self.sense([first.x, first.y], rng)];
        // The time to the next point, where it takes 1 from one to the next.
        let mut wait = 1.0;
        for (i, pair) in path.windows(2).enumerate() {
            let (dx, dy) = (pair[1].x - pair[0].x, pair[1].y - pair[0].y);
            let time = (dx * dx + dy * dy).sqrt() / (spacing * self.speed(path, i));
            while wait <= time {
                let t = wait / time;
                let point = self.sense([pair[0].x + t * dx, pair[0].y + t * dy], rng);
                if !rng.chance(self.loss) {
                    points.push(point);
                }
                wait += 1.0;
            }
            wait -= time;
        }
        points.push(self.sense([last.x, last.y], rng));
        points
    }

    /// The pen's speed between points `i` and `i + 1` of its path, as a share of full speed.
    fn speed(&self, path: &[PenPoint], i: usize) -> f32 {
        let at = |i: usize| &path[i.min(path.len() - 1)];
        let way = |from: &PenPoint, to: &PenPoint| (to.x - from.x, to.y - from.y);
        let (before, after) = (way(at(i.saturating_sub(2)), at(i)), way(at(i + 1), at(i + 3)));
        let dot = before.0 * after.0 + before.1 * after.1;
        let lengths = (before.0 * before.0 + before.1 * before.1) * (after.0 * after.0 + after.1 * after.1);
        // At an end one of the ways has no length: nothing bends there.
        let cosine = if lengths > 0.0 { dot / lengths.sqrt() } else { 1.0 };
        let from_end = i.min(path.len() - 2 - i).min(Self::REACH) as f32 / Self::REACH as f32;
        (self.landing_speed + (1.0 - self.landing_speed) * from_end) / (1.0 + self.slowing * (1.0 - cosine))
    }

    /// What the sensor says about where the pen is.
    fn sense(&self, at: [f32; 2], rng: &mut Rng) -> [i16; 2] {
        at.map(|v| ((v + self.noise * rng.normal()) * self.resolution + 0.5).floor() as i16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Device =
        Device { spacing: 20.0, slowing: 0.0, landing_speed: 1.0, loss: 0.0, noise: 0.0, resolution: 1.0 };

    /// A path from 0 along x for 800, then along y for 800.
    fn corner() -> Trajectory {
        let pen = |x: i32, y: i32| PenPoint { x: x as f32, y: y as f32, pressure: 1.0 };
        let path = (0..=50).map(|i| pen(16 * i, 0)).chain((1..=50).map(|i| pen(800, 16 * i)));
        Trajectory { strokes: vec![path.collect()] }
    }

    fn points(device: &Device) -> Vec<[i16; 2]> {
        device.stroke(&corner().strokes[0], device.spacing, &mut Rng::new(1, 1))
    }

    #[test]
    fn points_come_at_equal_times() {
        let points = points(&PLAIN);
        assert!((80..=83).contains(&points.len()), "{}", points.len());
        assert_eq!(
            (points[0], points[1], points[41], points[points.len() - 1]),
            ([0, 0], [20, 0], [800, 20], [800, 800])
        );
    }

    #[test]
    fn the_pen_is_slow_at_corners_and_ends() {
        let slow = points(&Device { slowing: 4.0, landing_speed: 0.3, ..PLAIN });
        let near = |at: [i16; 2]| slow.iter().filter(|p| p[0].abs_diff(at[0]).max(p[1].abs_diff(at[1])) <= 48).count();
        let middle = near([400, 0]);
        assert!(near([800, 0]) > middle * 3 / 2 && near([0, 0]) > middle / 2 * 3 / 2 && middle > 2, "{slow:?}");
    }

    #[test]
    fn points_get_lost_but_not_the_ends() {
        let lossy = points(&Device { loss: 0.3, ..PLAIN });
        assert!((40..70).contains(&lossy.len()), "{}", lossy.len());
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
