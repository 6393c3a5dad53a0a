//! Mini-batches of sequences of different lengths.

use crate::batch::{Batch, Chunk};
use crate::packing::Packing;
use crate::share::Share;
use hccr_random::Rng;
use hccr_tensor::Scalar;
use rayon::prelude::*;

/// Sequences per chunk. Larger ones make larger matrix products of each step, smaller ones more work to divide.
pub const CHUNK_SEQUENCES: usize = 32;

/// Mini-batches that are sorted by length together: enough for like lengths to meet, few enough to stay random.
const POOL_BATCHES: usize = 16;

impl<T: Scalar> Batch<T> {
    /// A batch of sequences, each of them rows of `features` values, one row per step.
    ///
    /// # Panics
    /// Where a sequence has no steps, or its length is no multiple of `features`.
    pub fn from_sequences(sequences: &[&[f32]], features: usize) -> Self {
        let pack = |sequences: &[&[f32]]| {
            let steps = |s: &&[f32]| {
                assert!(!s.is_empty() && s.len().is_multiple_of(features), "{} values in rows of {features}", s.len());
                s.len() / features
            };
            let packing = Packing::new(&sequences.iter().map(steps).collect::<Vec<_>>());
            let columns = packing.columns();
            let mut data = vec![T::zero(); features * columns];
            for (place, &sequence) in packing.order().iter().enumerate() {
                for (column, row) in packing.columns_of(place).zip(sequences[sequence].chunks_exact(features)) {
                    for (f, &v) in row.iter().enumerate() {
                        data[f * columns + column] = T::of(v.into());
                    }
                }
            }
            (Chunk { images: columns, data }, packing)
        };
        let (chunks, packings): (_, Vec<Packing>) = sequences.par_chunks(CHUNK_SEQUENCES).map(pack).unzip();
        Self { shape: [features, 1, 1], chunks, packings: packings.into(), share: Share::default() }
    }
}

/// One pass over sequences of the given lengths, in random order: mini-batches of `batch_size` sequences (the last one
/// perhaps fewer) of similar length, which keeps the matrix products of their last steps large.
pub fn bucketed_batches(lengths: &[usize], batch_size: usize, rng: &mut Rng) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    rng.shuffle(&mut order);
    for pool in order.chunks_mut(POOL_BATCHES * batch_size) {
        pool.sort_by_key(|&i| lengths[i]);
    }
    let mut batches: Vec<Vec<usize>> = order.chunks(batch_size).map(<[usize]>::to_vec).collect();
    rng.shuffle(&mut batches);
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_are_packed_without_padding() {
        let sequences: [&[f32]; 3] = [&[1.0, -1.0], &[2.0, -2.0, 3.0, -3.0, 4.0, -4.0], &[5.0, -5.0, 6.0, -6.0]];
        let batch = Batch::<f64>::from_sequences(&sequences, 2);
        let packing = &batch.packings[0];
        assert_eq!((packing.order(), packing.steps(), packing.columns()), (&[1, 2, 0][..], 3, 6));
        assert_eq!((0..3).map(|t| packing.step(t)).collect::<Vec<_>>(), [0..3, 3..5, 5..6]);
        let first = [2.0, 5.0, 1.0, 3.0, 6.0, 4.0];
        assert_eq!(batch.chunks[0].data, [first, first.map(|v: f64| -v)].concat());
    }

    #[test]
    fn a_pass_takes_each_sequence_once_and_like_lengths_together() {
        let mut rng = Rng::new(4, 0);
        let lengths: Vec<usize> = (0..1000).map(|_| 1 + rng.below(200)).collect();
        let batches = bucketed_batches(&lengths, 32, &mut rng);
        let mut seen = batches.concat();
        seen.sort_unstable();
        assert_eq!(seen, (0..1000).collect::<Vec<_>>());
        assert!(batches.iter().all(|b| b.len() == 32 || b.len() == 1000 % 32));
        let spread = |batch: &Vec<usize>| {
            let lengths = batch.iter().map(|&i| lengths[i]);
            lengths.clone().max().unwrap() - lengths.min().unwrap()
        };
        let mean = batches.iter().map(spread).sum::<usize>() / batches.len();
        assert!(mean < 40, "lengths within a batch differ by {mean} in the mean");
        assert_ne!(batches, bucketed_batches(&lengths, 32, &mut rng), "each pass has an order of its own");
    }
}
