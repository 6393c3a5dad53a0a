//! What writers do otherwise than the copybook says: strokes in another order or merged, hooks and corners left out, bends
//! written straight.

use super::merges::Merges;
use super::path::{self, distance};
use crate::strokes::{Point, Stroke};
use hccr_random::Rng;

/// The shortcuts that a writer takes.
#[derive(Clone, Debug)]
pub(super) struct Shortcuts {
    /// How often a stroke changes places with the next one.
    swaps: f32,
    /// How often strokes that may merge do.
    merges: f32,
    /// How often a hook is left out.
    hooks: f32,
    /// How often a stroke loses a corner, or begins at its first one.
    corners: f32,
    /// Bends smaller than this are written straight, in grid units.
    bends: f32,
}

impl Shortcuts {
    pub(super) fn new(rng: &mut Rng) -> Self {
        let [disorderly, separate] = [(); 2].map(|()| rng.uniform());
        Self {
            swaps: 0.1 * disorderly * disorderly,
            merges: 1.0 - 0.5 * separate * separate,
            hooks: rng.range(0.0, 0.6),
            corners: rng.range(0.0, 0.3),
            bends: 25.0 * libm::expf(0.2 * rng.normal()),
        }
    }

    /// Takes all of them so many times as often.
    pub(super) fn scale(&mut self, factor: f32) {
        for share in [&mut self.swaps, &mut self.merges, &mut self.hooks, &mut self.corners] {
            *share *= factor;
        }
    }

    /// Writes `strokes` in the writer's way, and says which are joined by that to the one before.
    pub(super) fn take(&self, strokes: &mut [Stroke], merges: &Merges, rng: &mut Rng) -> Vec<bool> {
        for i in 1..strokes.len() {
            if rng.chance(self.swaps) {
                strokes.swap(i - 1, i);
            }
        }
        for stroke in &mut *strokes {
            *stroke = path::simplify(stroke, self.bends * libm::expf(0.4 * rng.normal()));
            if has_hook(stroke) && rng.chance(self.hooks) {
                stroke.pop();
            }
            if stroke.len() > 2 && rng.chance(self.corners) {
                stroke.remove(rng.below(stroke.len() - 1));
            }
        }
        merges.make(strokes, self.merges, rng)
    }
}

/// Whether a simplified stroke ends in a hook: short, and across or against the way before.
fn has_hook(stroke: &[Point]) -> bool {
    /// The greatest length in grid units, and as a share of what comes before.
    const LONGEST: f32 = 160.0;
    const SHARE: f32 = 0.5;
    let &[.., a, b, c] = stroke else { return false };
    let before: f32 = stroke[..stroke.len() - 1].windows(2).map(|pair| distance(pair[0], pair[1])).sum();
    let cosine = (b.x - a.x) * (c.x - b.x) + (b.y - a.y) * (c.y - b.y);
    let hook = distance(b, c);
    hook < LONGEST && hook < SHARE * before && cosine < 0.2 * distance(a, b) * hook
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stroke(points: &[[i16; 2]]) -> Stroke {
        points.iter().map(|&[x, y]| Point { x: x.into(), y: y.into() }).collect()
    }

    #[test]
    fn hooks_are_short_and_turn_back() {
        assert!(has_hook(&stroke(&[[0, 0], [0, 500], [-60, 450]])));
        assert!(!has_hook(&stroke(&[[0, 0], [0, 500], [-300, 300]])), "too long");
        assert!(!has_hook(&stroke(&[[0, 0], [0, 500], [20, 600]])), "goes on");
        assert!(!has_hook(&stroke(&[[0, 0], [60, 0]])));
    }

    #[test]
    fn a_writer_without_shortcuts_follows_the_copybook() {
        let copybook = [stroke(&[[0, 0], [500, 0], [500, 400], [440, 350]]), stroke(&[[0, 200], [300, 200]])];
        let mut strokes = copybook.to_vec();
        let merges = Merges::of(&copybook);
        let strict = Shortcuts { swaps: 0.0, merges: 0.0, hooks: 0.0, corners: 0.0, bends: 10.0 };
        strict.take(&mut strokes, &merges, &mut Rng::new(1, 0));
        assert_eq!(strokes, copybook);

        Shortcuts { swaps: 1.0, hooks: 1.0, ..strict.clone() }.take(&mut strokes, &merges, &mut Rng::new(1, 0));
        assert_eq!(strokes, [copybook[1].clone(), stroke(&[[0, 0], [500, 0], [500, 400]])]);

        Shortcuts { corners: 1.0, ..strict }.take(&mut strokes, &merges, &mut Rng::new(1, 0));
        assert_eq!((strokes[0].len(), strokes[1].len()), (2, 2));
        assert_eq!(strokes[1][1], Point { x: 500.0, y: 400.0 }, "the end stays");
    }
}
