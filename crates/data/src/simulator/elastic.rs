//! Distortions of a whole written character: where its room goes, and elastic fields.

use crate::field::Field;
use crate::trajectory::Trajectory;
use hccr_random::Rng;

/// The grid that distortions are defined on: characters fill about its middle.
const LOW: f32 = -128.0;
const SIDE: f32 = 1280.0;

/// A distortion of the plane, drawn for one sample.
#[derive(Clone, Debug)]
pub(super) struct Elastic {
    /// For each axis, how room is taken from one part and given to another: in halves, and in quarters.
    room: [[f32; 2]; 2],
    /// How much larger the character is on its right, and at its bottom, than on the other side.
    perspective: [f32; 2],
    /// Bends parts of the character.
    coarse: Field,
    /// Bends strokes.
    fine: Field,
}

impl Elastic {
    /// `strength` 1 is the usual amount: more than people distort their writing, since networks trained on more read
    /// people's better.
    pub(super) fn new(strength: f32, rng: &mut Rng) -> Self {
        let mut pair = |size: f32, limit: f32| {
            [size * strength * rng.normal(), size * strength * rng.normal()].map(|v| v.clamp(-limit, limit))
        };
        let perspective = pair(0.16, 0.3);
        // Together less than 1, or the order of what lies along an axis would change.
        let (halves, quarters) = (pair(0.44, 0.5), pair(0.3, 0.35));
        let room = [0, 1].map(|axis| [halves[axis], quarters[axis]]);
        let coarse = Field::new(2, 120.0 * strength, rng);
        let fine = Field::new(5, 50.0 * strength, rng);
        Self { room, perspective, coarse, fine }
    }

    pub(super) fn apply_to(&self, trajectory: &mut Trajectory) {
        for p in trajectory.strokes.iter_mut().flatten() {
            let at = [(p.x - LOW) / SIDE, (p.y - LOW) / SIDE];
            let moved = [self.coarse.at(at), self.fine.at(at)];
            let mut to = [0, 1].map(|axis| at[axis] + self.shift(axis, at[axis]));
            let scale = 1.0 + self.perspective[0] * (to[0] - 0.5) + self.perspective[1] * (to[1] - 0.5);
            to = to.map(|t| 0.5 + (t - 0.5) * scale);
            p.x = LOW + SIDE * to[0] + moved[0][0] + moved[1][0];
            p.y = LOW + SIDE * to[1] + moved[0][1] + moved[1][1];
        }
    }

    /// The way that room given and taken moves what lies at `t` of an axis: none at its ends.
    fn shift(&self, axis: usize, t: f32) -> f32 {
        // Bows that meet 0 with a slope of 1, as sine waves over pi do.
        let bow = |t: f32| t * (1.0 - t);
        let t = t.clamp(0.0, 1.0);
        let half = if t < 0.5 { 0.5 * bow(2.0 * t) } else { -0.5 * bow(2.0 * t - 1.0) };
        self.room[axis][0] * bow(t) + self.room[axis][1] * half
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trajectory::PenPoint;

    #[test]
    fn room_keeps_order_and_ends() {
        for seed in 0..50 {
            let elastic = Elastic::new(2.0, &mut Rng::new(seed, 1));
            for axis in 0..2 {
                let to = |i: i32| i as f32 / 100.0 + elastic.shift(axis, i as f32 / 100.0);
                assert_eq!((to(0), to(100)), (0.0, 1.0));
                assert!((1..=100).all(|i| to(i) > to(i - 1)), "seed {seed}");
            }
        }
    }

    #[test]
    fn no_strength_moves_nothing() {
        let pen = PenPoint { x: 100.0, y: 900.0, pressure: 0.7 };
        let mut trajectory = Trajectory { strokes: vec![vec![pen]] };
        Elastic::new(0.0, &mut Rng::new(1, 1)).apply_to(&mut trajectory);
        let moved = trajectory.strokes[0][0];
        assert!((moved.x - pen.x).abs() < 0.01 && (moved.y - pen.y).abs() < 0.01 && moved.pressure == 0.7);
    }
}
