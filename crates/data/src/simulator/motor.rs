//! How a hand moves: from target to target, each movement begun before the last one has ended.
//!
//! A movement brings the pen from one target to the next with the bell-shaped speed of least jerk, in a time that grows with
//! the square root of its length. Movements that overlap in time add up. That alone rounds corners, bows links, shortens
//! strokes that go back and forth, and melts short ones into a wave: the more, the more hasty the hand.

use super::path::distance;
use crate::strokes::{Point, Stroke};
use crate::trajectory::PenPoint;
use hccr_random::Rng;

/// What a hand does with a plan.
#[derive(Clone, Debug)]
pub(super) struct Motor {
    /// The share of a movement's time during which the next one is already under way, where the path turns.
    pub(super) haste: f32,
    /// The same where the pen is lifted or lands.
    pub(super) flick: f32,
    /// How far strokes bow to a side, as a share of their length.
    pub(super) bow: f32,
    /// The same of the ways between strokes.
    pub(super) link_bow: f32,
    /// The pressure on links.
    pub(super) link_pressure: f32,
}

/// What the pen does on the way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// It writes a stroke, or a straight piece of one.
    Stroke,
    /// It goes on to the next stroke on the paper.
    Link,
    /// It goes there in the air.
    Air,
}

/// A movement from one target to the next.
struct Movement {
    way: Way,
    by: [f32; 2],
    /// How far it bows to the right, as a share of its length.
    bow: f32,
    start: f32,
    duration: f32,
}

impl Movement {
    fn end(&self) -> f32 {
        self.start + self.duration
    }

    fn length(&self) -> f32 {
        (self.by[0] * self.by[0] + self.by[1] * self.by[1]).sqrt()
    }
}

impl Motor {
    /// Writes `strokes`; those `joined` are joined to the one before. Gives the points of each pen-down, at equal times:
    /// a movement takes the square root of its length in grid units from one to the next.
    pub(super) fn write(&self, strokes: &[Stroke], joined: &[bool], rng: &mut Rng) -> Vec<Vec<PenPoint>> {
        let mut movements: Vec<Movement> = Vec::new();
        // The first and the last movement of each pen-down.
        let mut downs: Vec<[usize; 2]> = Vec::new();
        let mut at: Option<Point> = None;
        for (stroke, &is_joined) in strokes.iter().zip(joined) {
            let (Some(&first), Some(&last)) = (stroke.first(), stroke.last()) else { continue };
            let is_joined = is_joined && at.is_some();
            if let Some(at) = at.replace(last) {
                self.push(&mut movements, if is_joined { Way::Link } else { Way::Air }, at, first, rng);
            }
            let begin = movements.len();
            // A stroke of one point is a movement too: a dot.
            for (&from, &to) in stroke.iter().zip(stroke.iter().skip(1).chain([&last])).take((stroke.len() - 1).max(1))
            {
                self.push(&mut movements, Way::Stroke, from, to, rng);
            }
            let end = movements.len() - 1;
            match downs.last_mut() {
                Some(down) if is_joined => down[1] = end,
                _ => downs.push([begin, end]),
            }
        }
        let origin = strokes.iter().flatten().next().map_or([0.0; 2], |p| [p.x, p.y]);
        trace(&movements, &downs, origin, self.link_pressure, rng)
    }

    /// Plans the next movement.
    fn push(&self, movements: &mut Vec<Movement>, way: Way, from: Point, to: Point, rng: &mut Rng) {
        let by = [to.x - from.x, to.y - from.y];
        let bow = rng.normal() * if way == Way::Stroke { self.bow } else { self.link_bow };
        let mut movement = Movement { way, by, bow, start: 0.0, duration: distance(from, to).sqrt().max(2.0) };
        if let Some(before) = movements.last() {
            let dot = before.by[0] * by[0] + before.by[1] * by[1];
            let cosine = dot / (before.length() * movement.length()).max(1.0);
            let usual = match (before.way, way) {
                (Way::Air, _) | (_, Way::Air) => self.flick,
                // Where the path goes straight on, the pen does not slow down.
                _ => self.haste.max(0.5 * cosine),
            };
            let shared = (usual * (1.0 + 0.25 * rng.normal())).clamp(0.0, 0.8);
            movement.start = before.end() - shared * before.duration.min(movement.duration);
        }
        movements.push(movement);
    }
}

/// The points of each pen-down, given the numbers of its first and its last movement.
fn trace(
    movements: &[Movement],
    downs: &[[usize; 2]],
    origin: [f32; 2],
    link_pressure: f32,
    rng: &mut Rng,
) -> Vec<Vec<PenPoint>> {
    let mut lines = Vec::with_capacity(downs.len());
    // Where the movements that are over have led.
    let (mut over, mut base) = (0, origin);
    let mut lifted: f32 = 0.0;
    for &[first, last] in downs {
        let (start, end) = (movements[first].start, movements[last].end());
        // The pen lands while it still moves in, and lifts while it already moves on.
        let moving_in = first.checked_sub(1).map_or(0.0, |i| movements[i].end() - start);
        let moving_on = movements.get(last + 1).map_or(0.0, |m| end - m.start);
        let most = 0.5 * (end - start);
        let touch = (start + rng.uniform() * moving_in.clamp(0.0, most)).max(lifted);
        lifted = (end - rng.uniform() * moving_on.clamp(0.0, most)).max(touch);
        let ticks = (lifted - touch + 0.5).max(1.0) as usize;
        let mut line = Vec::with_capacity(ticks + 1);
        for tick in 0..=ticks {
            let time = touch + (lifted - touch) * tick as f32 / ticks as f32;
            while let Some(movement) = movements.get(over).filter(|m| m.end() <= time) {
                base = [base[0] + movement.by[0], base[1] + movement.by[1]];
                over += 1;
            }
            line.push(point(base, &movements[over..], time, link_pressure));
        }
        lines.push(line);
    }
    lines
}

/// Where the pen is, given where the movements before these have led.
fn point(base: [f32; 2], movements: &[Movement], time: f32, link_pressure: f32) -> PenPoint {
    let [mut x, mut y] = base;
    // The pressure is that of the movements, by their speeds.
    let (mut pressed, mut speeds) = (0.0, 0.0);
    for movement in movements.iter().take_while(|m| m.start <= time) {
        let t = ((time - movement.start) / movement.duration).min(1.0);
        let done = t * t * t * (10.0 + t * (6.0 * t - 15.0));
        let side = 4.0 * movement.bow * done * (1.0 - done);
        x += movement.by[0] * done - movement.by[1] * side;
        y += movement.by[1] * done + movement.by[0] * side;
        let speed = (t * (1.0 - t)) * (t * (1.0 - t)) + 1e-6;
        pressed += speed * if movement.way == Way::Link { link_pressure } else { 1.0 };
        speeds += speed;
    }
    PenPoint { x, y, pressure: if speeds > 0.0 { pressed / speeds } else { 1.0 } }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Motor = Motor { haste: 0.0, flick: 0.0, bow: 0.0, link_bow: 0.0, link_pressure: 0.5 };

    /// A line down and one to the right of its middle, with a corner at its end.
    fn strokes() -> Vec<Stroke> {
        let stroke = |points: &[[i16; 2]]| points.iter().map(|&[x, y]| Point { x: x.into(), y: y.into() }).collect();
        vec![stroke(&[[0, 0], [0, 400]]), stroke(&[[0, 200], [300, 200], [300, 400]])]
    }

    fn written(motor: &Motor, is_joined: bool) -> Vec<Vec<PenPoint>> {
        motor.write(&strokes(), &[false, is_joined], &mut Rng::new(1, 0))
    }

    /// The least distance of a line from a point.
    fn miss(line: &[PenPoint], x: f32, y: f32) -> f32 {
        let far = |p: &PenPoint| distance(Point { x: p.x, y: p.y }, Point { x, y });
        line.iter().map(far).fold(f32::INFINITY, f32::min)
    }

    #[test]
    fn a_slow_hand_reaches_its_targets() {
        let lines = written(&PLAIN, false);
        assert_eq!((lines.len(), lines[0].len()), (2, 21));
        for (line, stroke) in lines.iter().zip(strokes()) {
            assert!(stroke.iter().all(|p| miss(line, p.x, p.y) < 5.0), "{line:?}");
            assert!(line.iter().all(|p| p.pressure == 1.0));
        }
        // Fast in the middle.
        assert!(lines[0][11].y - lines[0][10].y > 3.0 * (lines[0][2].y - lines[0][1].y));
    }

    #[test]
    fn a_joined_stroke_goes_on_lightly() {
        let lines = written(&PLAIN, true);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].iter().any(|p| p.pressure < 0.6) && lines[0].iter().any(|p| p.pressure == 1.0));
    }

    #[test]
    fn haste_rounds_corners() {
        let hasty = written(&Motor { haste: 0.6, ..PLAIN }, false);
        assert!(miss(&hasty[1], 300.0, 200.0) > 20.0, "{:?}", hasty[1]);
    }

    #[test]
    fn strokes_bow_and_nothing_writes_nothing() {
        let bowed = written(&Motor { bow: 0.3, ..PLAIN }, false);
        assert!(bowed[0].iter().any(|p| p.x.abs() > 5.0));
        assert!(PLAIN.write(&[], &[], &mut Rng::new(1, 0)).is_empty());
        let dot = PLAIN.write(&[vec![Point { x: 7.0, y: 8.0 }]], &[false], &mut Rng::new(1, 0));
        assert!(dot.len() == 1 && dot[0].iter().all(|p| (p.x, p.y) == (7.0, 8.0)));
    }
}
