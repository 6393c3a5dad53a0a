//! Whether two networks differ by more than chance, on the same samples.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// How much more one method reads than another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Difference {
    /// Mean difference of top-1 accuracy, in points.
    pub(crate) points: f64,
    /// The interval of 95 % around it, in points.
    pub(crate) interval: [f64; 2],
    /// Seeds of which both were trained.
    pub(crate) seeds: usize,
}

/// What a difference says of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    /// The whole interval is above zero.
    Holds,
    /// Zero is in the interval.
    NoDifferenceSeen,
    /// The whole interval is below zero.
    DoesNotHold,
}

impl Difference {
    /// Of pairs of networks, a pair for each seed: whether each test sample is read right, by the one and by the other.
    ///
    /// The variance is that of the samples (each one's difference, as a mean over the seeds: with one seed the interval is McNemar's) plus
    /// that of the seeds. The interval is Student's, with the degrees of freedom of Satterthwaite: three seeds say little of how much seeds
    /// differ. `None` without pairs.
    ///
    /// # Panics
    /// Where the networks read different numbers of samples.
    pub(crate) fn of(pairs: &[[&[bool]; 2]]) -> Option<Self> {
        let seeds = pairs.len();
        let samples = pairs.first()?[0].len();
        assert!(pairs.iter().flatten().all(|right| right.len() == samples), "pairs on different samples");
        let gain = |pair: &[&[bool]; 2], i: usize| f64::from(i8::from(pair[0][i]) - i8::from(pair[1][i]));
        let of_sample = (0..samples).map(|i| pairs.iter().map(|pair| gain(pair, i)).sum::<f64>() / seeds as f64);
        let of_seed = pairs.iter().map(|pair| (0..samples).map(|i| gain(pair, i)).sum::<f64>() / samples as f64);
        let (mean, of_samples) = mean_and_its_variance(of_sample);
        let (_, of_seeds) = mean_and_its_variance(of_seed);
        let half = quantile([(of_samples, samples), (of_seeds, seeds)]) * (of_samples + of_seeds).sqrt();
        Some(Self { points: 100.0 * mean, interval: [mean - half, mean + half].map(|d| 100.0 * d), seeds })
    }

    pub(crate) fn verdict(&self) -> Verdict {
        match self.interval {
            [low, _] if low > 0.0 => Verdict::Holds,
            [_, high] if high < 0.0 => Verdict::DoesNotHold,
            _ => Verdict::NoDifferenceSeen,
        }
    }
}

/// The mean of the values, and the variance of that mean; 0 where there is one value.
fn mean_and_its_variance(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let n = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / n;
    let squares: f64 = values.map(|value| (value - mean).powi(2)).sum();
    (mean, if n > 1.0 { squares / (n - 1.0) / n } else { 0.0 })
}

/// By how many standard errors an interval of 95 % reaches to either side, where the error's square is the sum of these variances, each
/// estimated from so many values.
fn quantile(variances: [(f64, usize); 2]) -> f64 {
    let sum: f64 = variances.iter().map(|(variance, _)| variance).sum();
    let of = |&(variance, values): &(f64, usize)| variance.powi(2) / values.saturating_sub(1).max(1) as f64;
    let degrees = sum.powi(2) / variances.iter().map(of).sum::<f64>();
    // Without any variance there is no interval to stretch.
    StudentsT::new(0.0, 1.0, degrees).map_or(0.0, |student| student.inverse_cdf(0.975))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hccr_random::Rng;

    #[test]
    fn one_seed_gives_mcnemar_s_interval() {
        // Of 1000 samples 30 are read by the first alone, 10 by the second alone.
        let first: Vec<bool> = (0..1000).map(|i| i >= 10).collect();
        let second: Vec<bool> = (0..1000).map(|i| i < 970).collect();
        let difference = Difference::of(&[[&first, &second]]).unwrap();
        let error = 1.9623 * (40.0f64 - 400.0 / 1000.0).sqrt() / 1000.0;
        assert!((difference.points - 2.0).abs() < 1e-9);
        assert!((difference.interval[0] - 100.0 * (0.02 - error)).abs() < 1e-3, "{difference:?}");
        assert_eq!(difference.verdict(), Verdict::Holds);
        let other = Difference::of(&[[&second, &first]]).unwrap();
        assert_eq!((other.points, other.verdict()), (-difference.points, Verdict::DoesNotHold));
    }

    #[test]
    fn seeds_that_disagree_show_no_difference() {
        let (all, most) = (vec![true; 1000], (0..1000).map(|i| i >= 50).collect::<Vec<_>>());
        let agree = Difference::of(&[[&all, &most], [&all, &most]]).unwrap();
        let disagree = Difference::of(&[[&all, &most], [&all, &most], [&most, &all]]).unwrap();
        assert_eq!((agree.verdict(), disagree.verdict()), (Verdict::Holds, Verdict::NoDifferenceSeen));
        assert_eq!(Difference::of(&[]), None);
    }

    #[test]
    fn few_seeds_have_wide_intervals() {
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-3, "{a} {b}");
        near(quantile([(0.0, 1000), (1.0, 3)]), 4.3027);
        near(quantile([(0.0, 1000), (1.0, 2)]), 12.7062);
        near(quantile([(1.0, 1_000_000), (0.0, 3)]), 1.96);
        assert_eq!(quantile([(0.0, 1000), (0.0, 3)]), 0.0);

        // Three seeds whose differences are spread around 5 points by 4, on so many samples that those hardly matter.
        let mut rng = Rng::new(3, 0);
        let covered = covered(|| {
            let more = (800.0 + 50.0 + 40.0 * rng.normal()).round() as usize;
            [more, 800].map(|read| (0..1000).map(|i| i < read).collect())
        });
        // Three standard errors around 380; the normal quantile would cover 324.
        assert!((367..=393).contains(&covered), "{covered} of 400");
    }

    /// The interval holds the true difference about 95 times in 100.
    #[test]
    fn intervals_cover() {
        let mut rng = Rng::new(7, 0);
        let mut draw = |share: f32| (0..400).map(|_| rng.chance(share)).collect::<Vec<_>>();
        let covered = covered(|| [draw(0.9), draw(0.85)]);
        assert!((370..=400).contains(&covered), "{covered} of 400");
    }

    /// How many of 400 intervals hold the true difference of 5 points, where `seed` draws a pair of networks; each has three.
    fn covered(mut seed: impl FnMut() -> [Vec<bool>; 2]) -> usize {
        let covers = |_: &usize| {
            let runs = [(); 3].map(|()| seed());
            let pairs: Vec<[&[bool]; 2]> = runs.iter().map(|[a, b]| [&a[..], &b[..]]).collect();
            let [low, high] = Difference::of(&pairs).unwrap().interval;
            low < 5.0 && 5.0 < high
        };
        (0..400).filter(covers).count()
    }
}
