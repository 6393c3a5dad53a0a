//! Whether samples to test on are among those to train on.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// What to say of samples to test on that are also among those to train on; nothing where there are none.
pub(crate) fn overlap<S: Hash>(
    train: impl IntoIterator<Item = S>,
    test: impl IntoIterator<Item = S>,
) -> Option<String> {
    fn hash(sample: impl Hash) -> u64 {
        let mut hasher = DefaultHasher::new();
        sample.hash(&mut hasher);
        hasher.finish()
    }
    let known: HashSet<u64> = train.into_iter().map(hash).collect();
    let (mut len, mut equal) = (0, 0);
    for sample in test {
        len += 1;
        equal += usize::from(known.contains(&hash(sample)));
    }
    if equal == 0 {
        return None;
    }
    let text = format!("{equal} of the {len} characters to test on are among those to train on");
    eprintln!("warning: {text}: are the same files given for both?");
    Some(format!("; {text}, so that the accuracies say too much"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_samples_are_noticed() {
        let samples = |range: std::ops::Range<u32>| range.map(|i| vec![i; 3]);
        assert_eq!(overlap(samples(0..100), samples(100..200)), None);
        let text = overlap(samples(0..100), samples(90..190)).unwrap();
        assert!(text.starts_with("; 10 of the 100 characters"), "{text}");
    }
}
