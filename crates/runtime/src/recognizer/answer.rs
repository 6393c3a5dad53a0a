//! From a network's scores to candidates.

use super::RecognizerError;
use crate::kernels::f32::softmax::{exp, ln, softmax};
use alloc::collections::{BTreeSet, BinaryHeap};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Reverse;

/// A character, and how likely it is the one that was written.
///
/// ```
/// # use hccr_runtime::image::{Image, PixelFormat};
/// # use hccr_runtime::{ModelBuilder, Op, Recognizer};
/// # let mut network = ModelBuilder::new(&[1, 1, 1]);
/// # network.push("flatten", Op::Flatten);
/// # network.set_labels(vec!['一']);
/// # let mut recognizer = Recognizer::new(network.finish()?)?;
/// # let image = Image::new(&[0], 1, 1, PixelFormat::Gray)?;
/// for candidate in recognizer.recognize(&image, 5)? {
///     println!("{} {:.1} %", candidate.character, 100.0 * candidate.probability);
/// }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Candidate {
    /// The character.
    pub character: char,
    /// From 0 to 1; those of all labels of the recognizer add up to 1.
    pub probability: f32,
}

/// The last answer of a network to the question which of its labels it was, or which of some of them.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) labels: Arc<[char]>,
    /// The class of each label, where not all of the network's are labels.
    classes: Option<Arc<[usize]>>,
    temperature: f32,
    scores: Vec<f32>,
    probabilities: Vec<f32>,
}

impl Answer {
    /// Of a network with these labels, all of them allowed.
    pub(super) fn new(labels: Arc<[char]>, temperature: f32) -> Self {
        let zeros = vec![0.0; labels.len()];
        Self { labels, classes: None, temperature, scores: zeros.clone(), probabilities: zeros }
    }

    /// Of the same network, with fewer labels.
    pub(super) fn restricted(&self, characters: &[char]) -> Result<Self, RecognizerError> {
        let known: BTreeSet<char> = self.labels.iter().copied().collect();
        let wanted: BTreeSet<char> = characters.iter().copied().collect();
        if let Some(&character) = wanted.difference(&known).next() {
            return Err(RecognizerError::UnknownCharacter { character });
        }
        let kept: Vec<usize> = (0..self.labels.len()).filter(|&i| wanted.contains(&self.labels[i])).collect();
        if kept.is_empty() {
            return Err(RecognizerError::NoCharacters);
        }
        let labels = kept.iter().map(|&i| self.labels[i]).collect();
        let classes = kept.iter().map(|&i| self.class(i)).collect();
        Ok(Self { classes: Some(classes), ..Self::new(labels, self.temperature) })
    }

    fn class(&self, label: usize) -> usize {
        self.classes.as_ref().map_or(label, |classes| classes[label])
    }

    /// Takes the scores of the network's classes in, and gives the probabilities of the labels.
    pub(super) fn read(&mut self, score: impl Fn(usize) -> f32) -> &[f32] {
        for label in 0..self.labels.len() {
            self.scores[label] = score(self.class(label));
        }
        softmax(&self.scores, self.temperature, &mut self.probabilities);
        &self.probabilities
    }

    /// The probabilities of the labels.
    pub(super) fn probabilities(&self) -> &[f32] {
        &self.probabilities
    }

    /// The highest score times `factor`, and the logarithm of the sum of the exponentials of all scores times `factor`.
    pub(super) fn highest_and_sum(&self, factor: f32) -> [f32; 2] {
        let highest = self.scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = self.scores.iter().map(|score| exp(factor * (score - highest))).sum();
        [factor * highest, factor * highest + ln(sum)]
    }

    /// The `k` likeliest labels, the likeliest first.
    pub(super) fn candidates(&self, k: usize) -> Vec<Candidate> {
        // Probabilities may be equal, or zero, where scores are not. Of equal candidates the class that comes first stays first.
        let rank = |label: usize| (u64::from(ordered(self.scores[label])) << 32) | u64::from(!(label as u32));
        // Sorting thousands of classes would take as long as an online network.
        let mut best = BinaryHeap::new();
        for rank in (0..self.labels.len()).map(rank).map(Reverse) {
            if best.len() < k {
                best.push(rank);
            } else if let Some(mut last) = best.peek_mut().filter(|last| rank < **last) {
                *last = rank;
            }
        }
        let label = |Reverse(rank): Reverse<u64>| !(rank as u32) as usize;
        let ranked = best.into_sorted_vec().into_iter().map(label);
        ranked.map(|i| Candidate { character: self.labels[i], probability: self.probabilities[i] }).collect()
    }
}

/// A number for each score, in the order of [`f32::total_cmp`].
fn ordered(score: f32) -> u32 {
    let bits = score.to_bits();
    if score.is_sign_negative() { !bits } else { bits | (1 << 31) }
}
