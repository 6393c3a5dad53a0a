//! Accuracy on a labelled set.

use crate::batch::{Batch, CHUNK_IMAGES};
use crate::layers::Mode;
use crate::network::Network;
use crate::sequence::CHUNK_SEQUENCES;
use std::iter::Sum;

/// How many of the samples of a set were recognized.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evaluation {
    /// Samples.
    pub samples: usize,
    /// Samples whose label had the largest logit.
    pub top1: usize,
    /// Samples whose label was among the five largest logits.
    pub top5: usize,
}

impl Evaluation {
    /// Share of samples whose label had the largest logit.
    pub fn top1_accuracy(&self) -> f32 {
        self.top1 as f32 / self.samples.max(1) as f32
    }

    /// Counts a sample by the place of its label among the logits; an equal logit of another class counts against it.
    pub fn count(&mut self, logits: &[f32], label: usize) {
        let own = logits[label];
        let above = logits.iter().enumerate().filter(|&(c, &v)| c != label && (v >= own || v.is_nan())).count();
        self.samples += 1;
        self.top1 += usize::from(above == 0 && !own.is_nan());
        self.top5 += usize::from(above < 5 && !own.is_nan());
    }

    fn count_batch(&mut self, network: &mut Network<f32>, batch: Batch<f32>, labels: impl Iterator<Item = u16>) {
        for (logits, label) in network.forward(batch, Mode::Eval).vectors().iter().zip(labels) {
            self.count(logits, label.into());
        }
    }
}

impl Sum for Evaluation {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), |a, b| Self {
            samples: a.samples + b.samples,
            top1: a.top1 + b.top1,
            top5: a.top5 + b.top5,
        })
    }
}

/// Evaluates `network` on images given as bytes, with running statistics.
pub fn evaluate(network: &mut Network<f32>, images: &[&[u8]], labels: &[u16]) -> Evaluation {
    let mut total = Evaluation::default();
    let size = [network.input[1], network.input[2]];
    for (images, labels) in images.chunks(8 * CHUNK_IMAGES).zip(labels.chunks(8 * CHUNK_IMAGES)) {
        let batch = Batch::from_bytes(images, size, &network.mean);
        total.count_batch(network, batch, labels.iter().copied());
    }
    total
}

/// Evaluates `network` on sequences, each of them rows of the network's features, one row per step.
pub fn evaluate_sequences(network: &mut Network<f32>, sequences: &[&[f32]], labels: &[u16]) -> Evaluation {
    let mut total = Evaluation::default();
    // Like lengths together make the largest matrix products.
    let mut order: Vec<usize> = (0..sequences.len()).collect();
    order.sort_by_key(|&i| sequences[i].len());
    for indices in order.chunks(8 * CHUNK_SEQUENCES) {
        let sequences: Vec<&[f32]> = indices.iter().map(|&i| sequences[i]).collect();
        let batch = Batch::from_sequences(&sequences, network.input[0]);
        total.count_batch(network, batch, indices.iter().map(|&i| labels[i]));
    }
    total
}
