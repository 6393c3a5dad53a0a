//! Which writers of given files are set aside.

use anyhow::{Result, ensure};
use std::collections::BTreeSet;

/// One in this many writers of the training files is set aside for development.
pub(crate) const DEV_SHARE: usize = 16;

/// The most samples of them to develop on: each evaluation reads them all.
pub(crate) const DEV_SAMPLES: usize = 20_000;

/// Every `share`-th writer, and at least one, of those who wrote the samples; never all. An error where there is only one.
pub(crate) fn held_out_writers(writers: &[u32], share: usize) -> Result<BTreeSet<u32>> {
    let writers: BTreeSet<u32> = writers.iter().copied().collect();
    ensure!(writers.len() >= 2, "the files hold too few writers (files) to set some aside for development or testing");
    Ok(writers.into_iter().skip(1).step_by(share).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_writer_at_least_is_set_aside_and_one_is_left() {
        let all: Vec<u32> = (0..34).rev().flat_map(|w| [w, w]).collect();
        assert_eq!(held_out_writers(&all, DEV_SHARE).unwrap(), BTreeSet::from([1, 17, 33]));
        assert_eq!(held_out_writers(&[7, 5, 7], DEV_SHARE).unwrap(), BTreeSet::from([7]));
        assert!(held_out_writers(&[5, 5], DEV_SHARE).is_err());
        assert!(held_out_writers(&[], DEV_SHARE).is_err());
    }
}
