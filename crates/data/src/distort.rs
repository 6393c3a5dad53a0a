//! Inks written in another way: what an online network must not depend on, and what it must bear.

use crate::InkSet;
use hccr_random::Rng;

/// The same inks with the strokes of each in a random order.
pub fn shuffled(inks: &InkSet, seed: u64) -> InkSet {
    rewritten(inks, |i, strokes| Rng::new(seed, i as u64).shuffle(strokes))
}

/// The same inks without lifting the pen: each stroke is joined to the next by a straight line.
pub fn joined(inks: &InkSet) -> InkSet {
    rewritten(inks, |_, strokes| *strokes = vec![strokes.concat()])
}

fn rewritten(inks: &InkSet, rewrite: impl Fn(usize, &mut Vec<Vec<[i16; 2]>>)) -> InkSet {
    let mut set = InkSet::new(inks.classes.clone());
    for i in 0..inks.len() {
        let mut strokes: Vec<Vec<[i16; 2]>> = inks.strokes(i).map(<[_]>::to_vec).collect();
        rewrite(i, &mut strokes);
        set.push(strokes, inks.labels[i], inks.writers[i]);
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set() -> InkSet {
        let mut set = InkSet::new(vec!['一']);
        for writer in 0..20 {
            set.push([vec![[0, 0], [9, 1]], vec![[3, 3]], vec![[5, 0], [5, 9], [6, 9]]], 0, writer);
        }
        set
    }

    #[test]
    fn strokes_change_places_and_nothing_else() {
        let (set, shuffled) = (set(), shuffled(&set(), 1));
        let strokes = |set: &InkSet, i: usize| set.strokes(i).map(<[_]>::to_vec).collect::<Vec<_>>();
        let mut moved = 0;
        for i in 0..set.len() {
            let (mut before, mut after) = (strokes(&set, i), strokes(&shuffled, i));
            moved += usize::from(before != after);
            before.sort();
            after.sort();
            assert_eq!(before, after);
        }
        assert!((10..20).contains(&moved), "five orders of six are another: {moved} of 20");
        assert_eq!((&shuffled.labels, &shuffled.writers), (&set.labels, &set.writers));
    }

    #[test]
    fn joined_ink_is_one_stroke_of_all_points() {
        let joined = joined(&set());
        assert_eq!(joined.strokes(7).collect::<Vec<_>>(), [[[0, 0], [9, 1], [3, 3], [5, 0], [5, 9], [6, 9]]]);
    }
}
