//! Softmax cross-entropy.

use crate::batch::{Batch, Chunk};
use hccr_tensor::Scalar;

/// What one training step did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepStats {
    /// Mean loss per sample (natural logarithm).
    pub loss: f64,
    /// Samples whose largest logit was that of their label.
    pub correct: usize,
    /// Samples.
    pub samples: usize,
}

/// Mean softmax cross-entropy of `logits` (`[classes]` an image) against `labels`, and its gradient by the logits.
///
/// # Panics
/// Where there is not one label per image, or a label is no class.
pub fn softmax_cross_entropy<T: Scalar>(logits: &Batch<T>, labels: &[u16]) -> (StepStats, Batch<T>) {
    let (classes, samples) = (logits.shape[0], logits.images());
    assert_eq!(labels.len(), samples, "one label an image");
    let mut stats = StepStats { samples, ..StepStats::default() };
    let mut gradient = Batch::new(logits.shape, Vec::with_capacity(logits.chunks.len()));
    let mut start = 0;
    for chunk in &logits.chunks {
        let n = chunk.images;
        let mut data = chunk.data.clone();
        for i in 0..n {
            let label = labels[start + i] as usize;
            let at = |c: usize| chunk.data[c * n + i].as_f64();
            let max = (0..classes).map(at).fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = (0..classes).map(|c| (at(c) - max).exp()).sum();
            stats.loss += (total.ln() + max - at(label)) / samples as f64;
            stats.correct += usize::from(at(label) >= max);
            for c in 0..classes {
                let p = (at(c) - max).exp() / total;
                data[c * n + i] = T::of((p - f64::from(u8::from(c == label))) / samples as f64);
            }
        }
        start += n;
        gradient.chunks.push(Chunk { images: n, data });
    }
    (stats, gradient)
}
