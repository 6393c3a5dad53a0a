//! Strokes that merge: one goes on into the next, and the end of the first or the start of the second is left out, as where
//! the horizontal of 方 turns at its right end into the stroke that falls to the left.

use super::path::distance;
use crate::strokes::{Point, Stroke};
use hccr_random::Rng;

/// What is left out where a stroke merges with the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Merge {
    /// Its start: it begins where the one before ends.
    Start,
    /// The end of the one before, which leads to where it begins.
    End,
}

/// Of each stroke of a character, whether it may merge with the one before.
#[derive(Clone, Debug)]
pub(super) struct Merges(Vec<Option<Merge>>);

impl Merges {
    /// Those of the character of these strokes.
    pub(super) fn of(strokes: &[Stroke]) -> Self {
        let merge = |i: usize| i.checked_sub(1).and_then(|before| merge(&strokes[before], &strokes[i]));
        Self((0..strokes.len()).map(merge).collect())
    }

    /// Merges strokes, a share of those that may, and says which are joined by that to the one before.
    pub(super) fn make(&self, strokes: &mut [Stroke], share: f32, rng: &mut Rng) -> Vec<bool> {
        /// How often an end is left out, for each time that a start is.
        const ENDS: f32 = 0.3;
        let mut joined = vec![false; strokes.len()];
        for (i, merge) in self.0.iter().enumerate() {
            let Some(merge) = merge else { continue };
            let (&[first, .., end], &[start, .., last]) = (&strokes[i - 1][..], &strokes[i][..]) else { continue };
            match merge {
                Merge::Start if rng.chance(share) => strokes[i] = vec![end, last],
                Merge::End if rng.chance(ENDS * share) => strokes[i - 1] = vec![first, start],
                _ => continue,
            }
            joined[i] = true;
        }
        joined
    }
}

/// Whether `stroke` may merge with the one `before`.
fn merge(before: &Stroke, stroke: &Stroke) -> Option<Merge> {
    let (&[first, .., end], &[start, .., last]) = (&before[..], &stroke[..]) else { return None };
    let link = distance(end, start);
    let straight = |stroke: &Stroke| {
        let length: f32 = stroke.windows(2).map(|pair| distance(pair[0], pair[1])).sum();
        distance(stroke[0], stroke[stroke.len() - 1]) > 0.78 * length
    };
    // The way between them is short, and leads on.
    let leads_on =
        |length: f32, other: f32, cosine: f32, least: f32| link < 0.8 * length && link < 3.0 * other && cosine > least;
    if !straight(before) {
        None
    } else if straight(stroke)
        && leads_on(distance(first, end), distance(start, last), cosine([end, start], [start, last]), 0.3)
    {
        Some(Merge::Start)
    } else {
        leads_on(distance(start, last), distance(first, end), cosine([first, end], [end, start]), 0.5)
            .then_some(Merge::End)
    }
}

/// The cosine of the angle between two ways.
fn cosine([a, b]: [Point; 2], [c, d]: [Point; 2]) -> f32 {
    let dot = (b.x - a.x) * (d.x - c.x) + (b.y - a.y) * (d.y - c.y);
    dot / (distance(a, b) * distance(c, d)).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strokes::Skeletons;

    fn merges(c: char) -> Vec<Option<Merge>> {
        let skeletons = Skeletons::embedded().expect("embedded file");
        Merges::of(skeletons.get(c).expect("a character of level 1")).0
    }

    #[test]
    fn strokes_that_lead_on_may_merge() {
        assert_eq!(merges('而')[..2], [None, Some(Merge::Start)]);
        assert_eq!(merges('百')[..2], [None, Some(Merge::Start)]);
        assert_eq!(merges('一'), [None]);
        for c in ['十', '二', '厂', '口', '人'] {
            assert!(merges(c).iter().all(Option::is_none), "{c}: {:?}", merges(c));
        }
    }

    #[test]
    fn a_merged_stroke_begins_where_the_last_one_ends() {
        let line = |points: &[[f32; 2]]| points.iter().map(|&[x, y]| Point { x, y }).collect::<Stroke>();
        // A horizontal, and from below its middle a stroke to the left.
        let copybook = [line(&[[0.0, 0.0], [400.0, 0.0]]), line(&[[200.0, 20.0], [150.0, 200.0], [0.0, 400.0]])];
        let merges = Merges::of(&copybook);
        let mut strokes = copybook.to_vec();
        assert_eq!(merges.make(&mut strokes, 1.0, &mut Rng::new(1, 0)), [false, true]);
        assert_eq!(strokes, [copybook[0].clone(), line(&[[400.0, 0.0], [0.0, 400.0]])]);
        let mut strokes = copybook.to_vec();
        assert_eq!(merges.make(&mut strokes, 0.0, &mut Rng::new(1, 0)), [false, false]);
        assert_eq!(strokes, copybook);
        assert!(Merges::of(&[]).0.is_empty());
    }
}
