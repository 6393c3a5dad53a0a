//! Dropout.

use super::mode::Mode;
use crate::batch::Batch;
use hccr_random::Rng;
use hccr_tensor::Scalar;
use serde::{Deserialize, Serialize};

/// Sets each element to zero with a probability in training and scales the others up, so that nothing is left to do
/// at inference.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Dropout {
    /// Name of the layer.
    pub name: String,
    /// Share of elements set to zero.
    pub probability: f32,
    #[serde(skip)]
    pub(super) kept: Vec<Vec<bool>>,
}

impl Dropout {
    /// A layer that drops elements with `probability`, in `[0, 1)`.
    pub fn new(name: &str, probability: f32) -> Self {
        assert!((0.0..1.0).contains(&probability), "dropout probability {probability} is not in [0, 1)");
        Self { name: name.into(), probability, kept: Vec::new() }
    }

    pub(crate) fn forward<T: Scalar>(&mut self, mut x: Batch<T>, mode: Mode) -> Batch<T> {
        if let Mode::Train { seed } = mode {
            let first = x.share.rank() * x.chunks.len();
            self.kept = x
                .chunks
                .iter()
                .enumerate()
                .map(|(i, chunk)| {
                    let mut rng = Rng::new(seed, (first + i) as u64);
                    chunk.data.iter().map(|_| !rng.chance(self.probability)).collect()
                })
                .collect();
            self.apply(&mut x);
        }
        x
    }

    pub(crate) fn backward<T: Scalar>(&mut self, mut dy: Batch<T>) -> Batch<T> {
        self.apply(&mut dy);
        dy
    }

    fn apply<T: Scalar>(&self, batch: &mut Batch<T>) {
        let scale = T::of(1.0 / (1.0 - f64::from(self.probability)));
        for (chunk, kept) in batch.chunks.iter_mut().zip(&self.kept) {
            for (v, &kept) in chunk.data.iter_mut().zip(kept) {
                *v = if kept { *v * scale } else { T::zero() };
            }
        }
    }
}
