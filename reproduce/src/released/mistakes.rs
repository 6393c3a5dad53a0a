//! Accuracy per writer, and which characters are confused with which.

use crate::report::types::{ConfusedPair, WriterAccuracy};
use hccr_data::ImageSet;
use hccr_models::Answer;
use hccr_nn_train::Evaluation;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Largest number of pairs in the report.
const PAIRS: usize = 20;
/// Largest number of samples shown per pair.
const SHOWN: usize = 6;

/// Accuracy per writer, in the order of the writers.
pub(super) fn writers(answers: &[Answer], set: &ImageSet) -> Vec<WriterAccuracy> {
    let writers: BTreeSet<u32> = set.writers.iter().copied().collect();
    let accuracy = |writer| {
        let own = answers.iter().zip(&set.writers).filter(|(_, w)| **w == writer);
        let accuracy: Evaluation = own.map(|(answer, _)| answer.count).sum();
        WriterAccuracy {
            writer: writer + 1,
            test_samples: accuracy.samples as u64,
            top1: accuracy.top1 as f64 / accuracy.samples as f64,
            top5: accuracy.top5 as f64 / accuracy.samples as f64,
        }
    };
    writers.into_iter().map(accuracy).collect()
}

/// The pairs of characters confused most.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Mistakes {
    /// Worst first: by the number of misread samples, then by their share, then in the order of the classes.
    pub(super) pairs: Vec<ConfusedPair>,
    /// Misread samples of these pairs, pair after pair.
    pub(super) samples: Vec<usize>,
}

/// Counts how often each two characters were taken for each other.
pub(super) fn confused_pairs(answers: &[Answer], set: &ImageSet) -> Mistakes {
    let mut test_samples = vec![0u64; set.classes.len()];
    // Misread samples by the pair's lower and higher class.
    let mut misread: BTreeMap<[usize; 2], Vec<usize>> = BTreeMap::new();
    for (i, answer) in answers.iter().enumerate() {
        let (truth, guess) = (usize::from(set.labels[i]), answer.guess);
        test_samples[truth] += 1;
        if guess != truth {
            misread.entry([truth.min(guess), truth.max(guess)]).or_default().push(i);
        }
    }
    let mut pairs: Vec<_> = misread.into_iter().collect();
    pairs.sort_by_key(|([a, b], samples)| (Reverse(samples.len()), test_samples[*a] + test_samples[*b]));
    pairs.truncate(PAIRS);
    let mut mistakes = Mistakes::default();
    for (classes, samples) in pairs {
        let of = |class: usize| samples.iter().filter(|&&i| usize::from(set.labels[i]) == class).count() as u64;
        mistakes.pairs.push(ConfusedPair {
            characters: classes.map(|class| set.classes[class]),
            confused: classes.map(of),
            test_samples: classes.map(|class| test_samples[class]),
        });
        mistakes.samples.extend(samples.iter().take(SHOWN));
    }
    mistakes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples as (writer, true class, recognized class, true class among the best five).
    fn made(samples: &[(u32, u16, usize, bool)]) -> (Vec<Answer>, ImageSet) {
        let mut set = ImageSet::new(1, vec!['一', '乙', '二', '十']);
        let mut answers = Vec::new();
        for &(writer, label, guess, top5) in samples {
            set.pixels.push(0);
            set.labels.push(label);
            set.writers.push(writer);
            let top1 = usize::from(usize::from(label) == guess);
            let count = Evaluation { samples: 1, top1, top5: usize::from(top5) };
            answers.push(Answer { guess, probability: 0.5, count });
        }
        (answers, set)
    }

    #[test]
    fn writers_are_counted_apart() {
        let (answers, set) =
            made(&[(4, 0, 0, true), (1, 1, 2, true), (4, 2, 0, false), (4, 3, 3, true), (4, 0, 1, true)]);
        let row = |writer, test_samples, top1, top5| WriterAccuracy { writer, test_samples, top1, top5 };
        assert_eq!(writers(&answers, &set), [row(2, 1, 0.0, 1.0), row(5, 4, 0.5, 0.75)]);
    }

    #[test]
    fn both_directions_of_a_pair_count_together() {
        let wrong = [(0, 1, 0), (0, 2, 3), (0, 0, 1), (0, 0, 1), (0, 3, 1)].map(|(w, l, g)| (w, l, g, true));
        let right = [(0, 0, 0, true), (0, 2, 2, true), (0, 2, 2, true)];
        let (answers, set) = made(&[&wrong[..], &right].concat());
        let mistakes = confused_pairs(&answers, &set);
        let pair = |characters, confused, test_samples| ConfusedPair { characters, confused, test_samples };
        let want = [
            pair(['一', '乙'], [2, 1], [3, 1]),
            // As often confused as the next, in fewer samples.
            pair(['乙', '十'], [0, 1], [1, 1]),
            pair(['二', '十'], [1, 0], [3, 1]),
        ];
        assert_eq!(mistakes.pairs, want);
        assert_eq!(mistakes.samples, [0, 2, 3, 4, 1]);
        assert_eq!(confused_pairs(&answers[5..], &set.subset(&[5, 6, 7])), Mistakes::default());
    }

    #[test]
    fn long_lists_are_cut() {
        let samples: Vec<_> = (0..50).map(|_| (0, 0, 1, true)).collect();
        let (answers, set) = made(&samples);
        let mistakes = confused_pairs(&answers, &set);
        assert_eq!((mistakes.pairs[0].confused, mistakes.samples.len()), ([50, 0], SHOWN));
    }
}
