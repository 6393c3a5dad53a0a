//! What a reader answers on a whole set.

use crate::{ReadError, Reader, Samples, Unknown};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// What was recognized in one sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answer {
    /// The sample's number in its set.
    pub sample: usize,
    /// Its writer.
    pub writer: u32,
    /// The character that was written.
    pub truth: char,
    /// The likeliest character.
    pub guess: char,
    /// The guess's probability.
    pub probability: f32,
    /// The truth's probability.
    pub truth_probability: f32,
    /// The truth's place among all labels by their probabilities, from 1; an equal probability counts against it.
    pub rank: usize,
}

impl Answer {
    /// Whether the guess is the truth and no other character is as likely.
    pub fn is_right(&self) -> bool {
        self.rank == 1
    }
}

/// Reads all samples on all threads, one clone of `reader` each, and calls `after_each` after each sample. The samples of
/// characters that the reader does not know are counted apart.
///
/// # Errors
/// That of a sample which could not be read.
pub fn answers(reader: &impl Reader, after_each: impl Fn() + Sync) -> Result<(Vec<Answer>, Unknown), ReadError> {
    let Samples { labels, writers, classes } = reader.samples();
    let places: BTreeMap<char, usize> = reader.labels().iter().copied().zip(0..).collect();
    let known = |&i: &usize| places.contains_key(&classes[usize::from(labels[i])]);
    let (known, unknown): (Vec<usize>, Vec<usize>) = (0..labels.len()).partition(known);
    let characters = unknown.iter().map(|&i| classes[usize::from(labels[i])]);
    let read = |reader: &mut _, i: usize| {
        let truth = classes[usize::from(labels[i])];
        let answer = answer(reader, i, truth, places[&truth], writers[i])?;
        after_each();
        Ok(answer)
    };
    let answers = known.into_par_iter().map_init(|| reader.clone(), read).collect::<Result<_, ReadError>>()?;
    Ok((answers, Unknown::count(characters)))
}

fn answer(
    reader: &mut impl Reader,
    sample: usize,
    truth: char,
    place: usize,
    writer: u32,
) -> Result<Answer, ReadError> {
    let probabilities = reader.probabilities(sample)?;
    let truth_probability = probabilities[place];
    let rank = probabilities.iter().filter(|&&p| p >= truth_probability).count();
    // Where another character is as likely as the truth, that one is the guess.
    let mut guess = if place == 0 && probabilities.len() > 1 { 1 } else { 0 };
    for (label, &probability) in probabilities.iter().enumerate() {
        if probability > probabilities[guess] || (probability == probabilities[guess] && guess == place) {
            guess = label;
        }
    }
    let probability = probabilities[guess];
    Ok(Answer { sample, writer, truth, guess: reader.labels()[guess], probability, truth_probability, rank })
}
