//! Softmax cross-entropy.

use crate::batch::{Batch, Chunk};
use hccr_tensor::Scalar;
use rayon::prelude::*;

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
    let mut rest = labels;
    let labels_of = |chunk: &Chunk<T>| rest.split_off(..chunk.images).expect("one label an image");
    let labels: Vec<&[u16]> = logits.chunks.iter().map(labels_of).collect();
    let of_chunk = |(chunk, labels): (&Chunk<T>, &[u16])| {
        let (n, mut loss, mut correct) = (chunk.images, 0.0, 0);
        let (mut data, mut exponentials) = (chunk.data.clone(), vec![0.0; classes]);
        for (i, &label) in labels.iter().enumerate() {
            let label = usize::from(label);
            let at = |c: usize| chunk.data[c * n + i].as_f64();
            let max = (0..classes).map(at).fold(f64::NEG_INFINITY, f64::max);
            exponentials.iter_mut().enumerate().for_each(|(c, e)| *e = (at(c) - max).exp());
            let total: f64 = exponentials.iter().sum();
            loss += (total.ln() + max - at(label)) / samples as f64;
            correct += usize::from(at(label) >= max);
            for (c, e) in exponentials.iter().enumerate() {
                data[c * n + i] = T::of((e / total - f64::from(u8::from(c == label))) / samples as f64);
            }
        }
        (loss, correct, Chunk { images: n, data })
    };
    let parts: Vec<_> = logits.chunks.par_iter().zip(labels).map(of_chunk).collect();
    let mut stats = StepStats { samples, ..StepStats::default() };
    let mut gradient = Batch::new(logits.shape, Vec::with_capacity(parts.len()));
    for (loss, correct, chunk) in parts {
        stats.loss += loss;
        stats.correct += correct;
        gradient.chunks.push(chunk);
    }
    (stats, gradient)
}
