//! Inks written in another way: what an online network must not depend on, and what it must bear.

use crate::data::InkSet;
use hccr_tensor::Rng;

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
