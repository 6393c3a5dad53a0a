//! Whether a model's probabilities are right as often as they say, and the temperature that makes them so.

use crate::Answer;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The bins of a reliability diagram.
pub const BINS: usize = 15;

/// How often answers of each probability are right.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reliability {
    /// The expected calibration error: the mean over the samples of how far the accuracy of a sample's bin is from its mean
    /// probability, 0 to 1.
    pub ece: f64,
    /// The bins, of equal width, in the order of probability; those without samples are left out.
    pub bins: Vec<Bin>,
}

/// Answers whose probabilities lie close together.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// The answers.
    pub samples: u64,
    /// Mean probability of the guess.
    pub probability: f64,
    /// Share of right guesses.
    pub accuracy: f64,
}

impl Reliability {
    /// Of these answers, in [`BINS`] bins.
    pub fn new(answers: &[Answer]) -> Self {
        let mut sums = [(0u64, 0.0, 0u64); BINS];
        for answer in answers {
            let bin = (f64::from(answer.probability) * BINS as f64) as usize;
            let (samples, probability, right) = &mut sums[bin.min(BINS - 1)];
            *samples += 1;
            *probability += f64::from(answer.probability);
            *right += u64::from(answer.is_right());
        }
        let bin = |&(samples, probability, right): &(u64, f64, u64)| Bin {
            samples,
            probability: probability / samples as f64,
            accuracy: right as f64 / samples as f64,
        };
        let bins: Vec<Bin> = sums.iter().filter(|(samples, ..)| *samples > 0).map(bin).collect();
        let gap = |bin: &Bin| bin.samples as f64 * (bin.accuracy - bin.probability).abs();
        Self { ece: bins.iter().map(gap).sum::<f64>() / answers.len().max(1) as f64, bins }
    }
}

/// The lowest and the highest temperature that is fitted.
const TEMPERATURES: [f64; 2] = [0.05, 20.0];
/// Halvings of the range of temperatures, on a logarithmic scale: the last is a millionth wide.
const HALVINGS: usize = 23;

/// The temperature by which scores must be divided to make the truth's probabilities, by a softmax, as likely as they can be: the
/// mean negative logarithm of the truth's probability is least. From 0.05 to 20. (C. Guo et al., arXiv 1706.04599.)
///
/// `logits` are `[samples, classes]`, row-major, and `labels` the class of each sample. Use samples that the model was not
/// trained on.
///
/// # Panics
/// Where the logits are not a whole number of scores per label, or a label is not below it.
///
/// ```
/// use hccr_evaluate::calibration::fit_temperature;
///
/// // Sure of itself, by e^4 to one, and right in three of four cases: by 3 to one.
/// let logits = [4.0, 0.0, 4.0, 0.0, 4.0, 0.0, 4.0, 0.0];
/// let temperature = fit_temperature(&logits, &[0, 0, 0, 1]);
/// assert!((temperature - 4.0 / 3f32.ln()).abs() < 1e-3);
/// ```
pub fn fit_temperature(logits: &[f32], labels: &[u16]) -> f32 {
    if labels.is_empty() {
        return 1.0;
    }
    assert!(logits.len().is_multiple_of(labels.len()), "the logits are not [samples, classes]");
    let classes = logits.len() / labels.len();
    // The loss is convex in the inverse temperature. Its slope there is the mean of how far the mean score, by the
    // probabilities, lies above the truth's.
    let slope = |temperature: f64| -> f64 {
        let each = |(scores, &label): (&[f32], &u16)| {
            let max = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let (mut sum, mut weighted) = (0.0, 0.0);
            for &score in scores {
                let above = f64::from(score - max);
                let power = (above / temperature).exp();
                sum += power;
                weighted += power * above;
            }
            weighted / sum - f64::from(scores[usize::from(label)] - max)
        };
        // In the order of the samples, so that the number of threads changes no bit.
        let slopes: Vec<f64> = logits.par_chunks_exact(classes).zip(labels).map(each).collect();
        slopes.iter().sum()
    };
    let [mut low, mut high] = TEMPERATURES.map(f64::ln);
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        // Too sure: the mean score lies above the truth's, so that the inverse temperature must fall.
        if slope(middle.exp()) > 0.0 { low = middle } else { high = middle }
    }
    (0.5 * (low + high)).exp() as f32
}
