//! Softmax cross-entropy, and distillation.

use crate::batch::{Batch, Chunk};
use hccr_tensor::Scalar;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

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

/// Mean softmax cross-entropy of `logits` (`[classes]` an image) against `labels`, and its gradient by the logits. Of a share of a
/// mini-batch: the mean over the whole mini-batch.
///
/// # Panics
/// Where there is not one label per image, or a label is no class.
pub fn softmax_cross_entropy<T: Scalar>(logits: &Batch<T>, labels: &[u16]) -> (StepStats, Batch<T>) {
    let (classes, samples) = (logits.shape[0], logits.share.size() * logits.images());
    assert_eq!(labels.len(), logits.images(), "one label an image");
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
    let mut gradient = Batch::new(logits.shape, Vec::with_capacity(parts.len())).with_share(logits.share.clone());
    let mut figures = Vec::with_capacity(2 * parts.len());
    for (loss, correct, chunk) in parts {
        figures.extend([loss, correct as f64]);
        gradient.chunks.push(chunk);
    }
    for figures in logits.share.all(figures).chunks_exact(2) {
        stats.loss += figures[0];
        stats.correct += figures[1] as usize;
    }
    (stats, gradient)
}

/// How much a network learns from another one's answers (Hinton et al., arXiv:1503.02531).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Distillation {
    /// Share of the answers in the loss, 0 to 1; the labels have the rest.
    pub weight: f64,
    /// What both networks' logits are divided by where their answers are compared.
    pub temperature: f64,
}

/// The mean loss of `logits` and its gradient by them: `1 - weight` of the cross-entropy against `labels`, and `weight` of the
/// Kullback-Leibler divergence from the answers of `teacher` (its logits for the same samples), both at the temperature, times the square of
/// the temperature, so that gradients keep their size. Of a share of a mini-batch: the mean over the whole mini-batch.
///
/// # Panics
/// As of [`softmax_cross_entropy`], and where the teacher's logits are of another shape.
pub fn distillation_loss<T: Scalar>(
    logits: &Batch<T>,
    labels: &[u16],
    teacher: &Batch<T>,
    Distillation { weight, temperature }: Distillation,
) -> (StepStats, Batch<T>) {
    let (mut stats, mut gradient) = softmax_cross_entropy(logits, labels);
    assert_eq!(logits.shape, teacher.shape, "a teacher of other classes");
    let (classes, samples) = (logits.shape[0], (logits.share.size() * logits.images()) as f64);
    let of_chunk = |((gradient, chunk), teacher): ((&mut Chunk<T>, &Chunk<T>), &Chunk<T>)| {
        let (n, mut divergence) = (chunk.images, 0.0);
        assert_eq!(teacher.images, n, "a teacher of other samples");
        for i in 0..n {
            let [own, wanted] = [chunk, teacher].map(|chunk| log_softmax(chunk, i, classes, temperature));
            for c in 0..classes {
                let (p, q) = (wanted[c].exp(), own[c].exp());
                divergence += p * (wanted[c] - own[c]);
                let labelled = (1.0 - weight) * gradient.data[c * n + i].as_f64();
                gradient.data[c * n + i] = T::of(labelled + weight * temperature * (q - p) / samples);
            }
        }
        divergence
    };
    let chunks = gradient.chunks.par_iter_mut().zip(&logits.chunks).zip(&teacher.chunks);
    let divergences: Vec<f64> = chunks.map(of_chunk).collect();
    let divergence = logits.share.all(divergences).iter().sum::<f64>() / samples;
    stats.loss = (1.0 - weight) * stats.loss + weight * temperature * temperature * divergence;
    (stats, gradient)
}

/// Logarithms of the probabilities of sample `i`, its logits divided by the temperature.
fn log_softmax<T: Scalar>(chunk: &Chunk<T>, i: usize, classes: usize, temperature: f64) -> Vec<f64> {
    let logits: Vec<f64> = (0..classes).map(|c| chunk.data[c * chunk.images + i].as_f64() / temperature).collect();
    let max = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let total = logits.iter().map(|l| (l - max).exp()).sum::<f64>().ln() + max;
    logits.into_iter().map(|l| l - total).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hccr_random::Rng;

    fn logits(seed: u64) -> Batch<f64> {
        let mut rng = Rng::new(seed, 0);
        let chunks =
            [3, 2].map(|images| Chunk { images, data: (0..4 * images).map(|_| rng.normal().into()).collect() });
        Batch::new([4, 1, 1], chunks.into())
    }

    const LABELS: [u16; 5] = [0, 3, 1, 1, 2];

    #[test]
    fn the_gradient_of_distillation_is_its_slope() {
        let (student, teacher) = (logits(1), logits(2));
        let how = Distillation { weight: 0.6, temperature: 2.5 };
        let loss = |student: &Batch<f64>| distillation_loss(student, &LABELS, &teacher, how).0.loss;
        let (_, gradient) = distillation_loss(&student, &LABELS, &teacher, how);
        for chunk in 0..2 {
            for at in 0..student.chunks[chunk].data.len() {
                let [up, down] = [1e-5, -1e-5].map(|by| {
                    let mut moved = student.clone();
                    moved.chunks[chunk].data[at] += by;
                    loss(&moved)
                });
                let (slope, found) = ((up - down) / 2e-5, gradient.chunks[chunk].data[at]);
                assert!((slope - found).abs() < 1e-7, "{found} instead of {slope}");
            }
        }
    }

    #[test]
    fn without_weight_only_labels_count_and_a_copy_has_nothing_to_learn() {
        let (student, teacher) = (logits(1), logits(2));
        let labels_only = Distillation { weight: 0.0, temperature: 2.0 };
        let [a, b] =
            [distillation_loss(&student, &LABELS, &teacher, labels_only), softmax_cross_entropy(&student, &LABELS)];
        assert_eq!((a.0, &a.1.chunks[1].data), (b.0, &b.1.chunks[1].data));
        let teacher_only = Distillation { weight: 1.0, temperature: 2.0 };
        let (stats, gradient) = distillation_loss(&student, &LABELS, &student, teacher_only);
        assert!(stats.loss.abs() < 1e-12 && gradient.chunks.iter().flat_map(|c| &c.data).all(|g| g.abs() < 1e-12));
    }
}
