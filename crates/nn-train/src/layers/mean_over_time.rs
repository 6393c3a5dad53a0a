//! Mean over the steps of each sequence.

use super::mode::Mode;
use crate::batch::{Batch, Chunk};
use crate::packing::Packing;
use hccr_tensor::Scalar;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The mean of each feature over the steps of a sequence: sequences become vectors, in the order in which they were given.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct MeanOverTime {
    #[serde(skip)]
    packings: Arc<[Packing]>,
}

impl MeanOverTime {
    pub(crate) fn forward<T: Scalar>(&mut self, x: Batch<T>, mode: Mode) -> Batch<T> {
        assert_eq!(x.chunks.len(), x.packings.len(), "a mean over time is taken of sequences");
        let of_chunk = |(chunk, packing): (&Chunk<T>, &Packing)| {
            let n = packing.order().len();
            let mut data = vec![T::zero(); x.shape[0] * n];
            let mut sums = vec![T::zero(); n];
            let scales = scales(packing);
            for (row, means) in chunk.data.chunks_exact(packing.columns()).zip(data.chunks_exact_mut(n)) {
                sums.fill(T::zero());
                for t in 0..packing.steps() {
                    for (sum, &v) in sums.iter_mut().zip(&row[packing.step(t)]) {
                        *sum += v;
                    }
                }
                for (place, &sequence) in packing.order().iter().enumerate() {
                    means[sequence] = sums[place] * scales[place];
                }
            }
            Chunk { images: n, data }
        };
        let chunks = x.chunks.iter().zip(&x.packings[..]).map(of_chunk).collect();
        if mode != Mode::Eval {
            self.packings = x.packings;
        }
        Batch::new(x.shape, chunks).with_share(x.share)
    }

    pub(crate) fn backward<T: Scalar>(&mut self, dy: Batch<T>) -> Batch<T> {
        let packings = std::mem::take(&mut self.packings);
        let of_chunk = |(dy, packing): (&Chunk<T>, &Packing)| {
            let columns = packing.columns();
            let mut data = Vec::with_capacity(dy.data.len() / dy.images * columns);
            let scales = scales(packing);
            let mut shares = vec![T::zero(); dy.images];
            for row in dy.data.chunks_exact(dy.images) {
                for (place, &sequence) in packing.order().iter().enumerate() {
                    shares[place] = row[sequence] * scales[place];
                }
                for t in 0..packing.steps() {
                    data.extend_from_slice(&shares[..packing.step(t).len()]);
                }
            }
            Chunk { images: columns, data }
        };
        let chunks = dy.chunks.iter().zip(&packings[..]).map(of_chunk).collect();
        Batch { shape: dy.shape, chunks, packings, share: dy.share }
    }
}

/// One over the number of steps of each sequence, in the order of the columns.
fn scales<T: Scalar>(packing: &Packing) -> Vec<T> {
    let mut steps = vec![0u32; packing.order().len()];
    for t in 0..packing.steps() {
        steps[..packing.step(t).len()].iter_mut().for_each(|s| *s += 1);
    }
    steps.into_iter().map(|s| T::of(1.0 / f64::from(s))).collect()
}
