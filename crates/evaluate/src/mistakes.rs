//! Which characters are confused with which.

use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Largest number of pairs in a report.
const PAIRS: usize = 20;
/// Largest number of samples shown per pair.
const SHOWN: usize = 6;

/// Two characters taken for each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConfusedPair {
    /// In the order of their code points.
    pub characters: [char; 2],
    /// Samples of the first read as the second, and of the second read as the first.
    pub confused: [u64; 2],
    /// Samples of each.
    pub test_samples: [u64; 2],
}

/// The pairs of characters confused most.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mistakes {
    /// Worst first: by the number of misread samples, then by their share, then by code points.
    pub pairs: Vec<ConfusedPair>,
    /// Misread samples of these pairs, pair after pair.
    pub samples: Vec<usize>,
}

impl Mistakes {
    /// Counts how often each two characters were taken for each other. A sample is its number, the true character and the
    /// character that was read.
    pub fn new(samples: impl IntoIterator<Item = (usize, [char; 2])>) -> Self {
        let mut test_samples: BTreeMap<char, u64> = BTreeMap::new();
        let mut misread: BTreeMap<[char; 2], Vec<(usize, char)>> = BTreeMap::new();
        for (sample, [truth, guess]) in samples {
            *test_samples.entry(truth).or_default() += 1;
            if guess != truth {
                misread.entry([truth.min(guess), truth.max(guess)]).or_default().push((sample, truth));
            }
        }
        let of = |character: char| test_samples.get(&character).copied().unwrap_or(0);
        let mut pairs: Vec<_> = misread.into_iter().collect();
        pairs.sort_by_key(|([a, b], samples)| (Reverse(samples.len()), of(*a) + of(*b)));
        pairs.truncate(PAIRS);
        let mut mistakes = Self::default();
        for (characters, samples) in pairs {
            let confused = characters.map(|character| samples.iter().filter(|(_, truth)| *truth == character).count());
            let [confused, test_samples] = [confused.map(|n| n as u64), characters.map(of)];
            mistakes.pairs.push(ConfusedPair { characters, confused, test_samples });
            mistakes.samples.extend(samples.iter().take(SHOWN).map(|(sample, _)| sample));
        }
        mistakes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(samples: &[[char; 2]]) -> Mistakes {
        Mistakes::new(samples.iter().copied().enumerate())
    }

    #[test]
    fn both_directions_of_a_pair_count_together() {
        let wrong = [['乙', '一'], ['二', '十'], ['一', '乙'], ['一', '乙'], ['十', '乙']];
        let right = [['一', '一'], ['二', '二'], ['二', '二']];
        let found = mistakes(&[&wrong[..], &right].concat());
        let pair = |characters, confused, test_samples| ConfusedPair { characters, confused, test_samples };
        let want = [
            pair(['一', '乙'], [2, 1], [3, 1]),
            // As often confused as the next, in fewer samples.
            pair(['乙', '十'], [0, 1], [1, 1]),
            pair(['二', '十'], [1, 0], [3, 1]),
        ];
        assert_eq!(found.pairs, want);
        assert_eq!(found.samples, [0, 2, 3, 4, 1]);
        assert_eq!(mistakes(&right), Mistakes::default());
    }

    #[test]
    fn long_lists_are_cut() {
        let found = mistakes(&[['一', '乙']; 50]);
        assert_eq!((found.pairs[0].confused, found.samples.len()), ([50, 0], SHOWN));
    }
}
