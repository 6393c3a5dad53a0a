//! Whether samples to test on are among those to train on.

use std::collections::HashSet;

/// What to say of samples to test on that are also among those to train on, each given as a hash; nothing where there are none.
pub(crate) fn overlap(train: impl IntoIterator<Item = u64>, test: impl IntoIterator<Item = u64>) -> Option<String> {
    let known: HashSet<u64> = train.into_iter().collect();
    let (mut len, mut equal) = (0, 0);
    for sample in test {
        len += 1;
        equal += usize::from(known.contains(&sample));
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
        assert_eq!(overlap(0..100, 100..200), None);
        let text = overlap(0..100, 90..190).unwrap();
        assert!(text.starts_with("; 10 of the 100 characters"), "{text}");
    }
}
