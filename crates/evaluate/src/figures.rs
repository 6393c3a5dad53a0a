//! The figures of a set of answers.

use crate::calibration::Reliability;
use crate::{Answer, RiskCoverage};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How well a set was read. Accuracies are shares from 0 to 1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Samples read.
    pub samples: u64,
    /// Share of samples whose character is the likeliest.
    pub top1: f64,
    /// Share of samples whose character is among the five likeliest.
    pub top5: f64,
    /// Share of samples whose character is among the ten likeliest.
    pub top10: f64,
    /// Mean of the negative logarithm of the truth's probability.
    pub nll: f64,
    /// Whether the probabilities can be relied on.
    pub reliability: Reliability,
    /// What is gained by leaving out the least certain samples.
    pub risk_coverage: RiskCoverage,
    /// Accuracy per writer, in their order.
    pub writers: Vec<WriterAccuracy>,
}

/// Accuracy on the samples of one writer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WriterAccuracy {
    /// Place of the writer in the set, from 1.
    pub writer: u32,
    /// Samples read.
    pub test_samples: u64,
    /// Share of samples whose character is the likeliest, 0 to 1.
    pub top1: f64,
    /// Share of samples whose character is among the five likeliest, 0 to 1.
    pub top5: f64,
}

impl Figures {
    /// The figures of these answers.
    pub fn new(answers: &[Answer]) -> Self {
        let nll: f64 = answers.iter().map(|a| -f64::from(a.truth_probability.max(f32::MIN_POSITIVE)).ln()).sum();
        Self {
            samples: answers.len() as u64,
            top1: share(answers, 1),
            top5: share(answers, 5),
            top10: share(answers, 10),
            nll: nll / answers.len().max(1) as f64,
            reliability: Reliability::new(answers),
            risk_coverage: RiskCoverage::new(answers),
            writers: writers(answers),
        }
    }
}

/// Share of answers whose truth is among the `k` likeliest.
fn share(answers: &[Answer], k: usize) -> f64 {
    answers.iter().filter(|answer| answer.rank <= k).count() as f64 / answers.len().max(1) as f64
}

fn writers(answers: &[Answer]) -> Vec<WriterAccuracy> {
    let mut by_writer: BTreeMap<u32, Vec<Answer>> = BTreeMap::new();
    for answer in answers {
        by_writer.entry(answer.writer).or_default().push(*answer);
    }
    let row = |(writer, answers): (u32, Vec<Answer>)| WriterAccuracy {
        writer: writer + 1,
        test_samples: answers.len() as u64,
        top1: share(&answers, 1),
        top5: share(&answers, 5),
    };
    by_writer.into_iter().map(row).collect()
}

/// Samples of characters that the model does not know. They count in no accuracy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unknown {
    /// The samples.
    pub samples: u64,
    /// Their characters.
    pub characters: BTreeSet<char>,
}

impl Unknown {
    /// Of samples with these characters.
    pub(crate) fn count(characters: impl Iterator<Item = char>) -> Self {
        let mut unknown = Self::default();
        for character in characters {
            unknown.samples += 1;
            unknown.characters.insert(character);
        }
        unknown
    }
}
