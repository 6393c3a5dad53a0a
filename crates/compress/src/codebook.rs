//! Weight sharing: the non-zero weights of a layer take a few values, its codebook.

use crate::error::InputError;
use crate::kmeans::{kmeans, nearest};
use serde::{Deserialize, Serialize};

/// How the centres of a codebook are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Centres {
    /// k-means: the least sum of squared errors.
    #[default]
    KMeans,
    /// The middles of intervals of equal width between the smallest and the largest weight: uniform quantization.
    Even,
}

/// Shared values of a layer's weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Codebook {
    /// The values, ascending.
    pub centres: Vec<f32>,
    /// One label per weight: 0 for a zero, `c + 1` for a weight that takes `centres[c]`.
    pub labels: Vec<u8>,
    /// Sum of squared errors as a share of the sum of squared weights.
    pub relative_error: f32,
}

impl Codebook {
    /// Clusters the non-zeros of `weight` (k-means) into at most `2^bits - 1` centres, so that a label, zero included, takes `bits`
    /// bits.
    ///
    /// # Errors
    /// [`InputError::Config`] where a weight is not finite, or `bits` is not 1 to 8.
    pub fn new(weight: &[f32], bits: u8) -> Result<Self, InputError> {
        Self::of(Centres::KMeans, weight, bits)
    }

    /// The same with centres chosen in another way.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn of(centres: Centres, weight: &[f32], bits: u8) -> Result<Self, InputError> {
        check_finite(weight)?;
        if !(1..=8).contains(&bits) {
            return Err(InputError::config("bits", format!("is {bits}, must be from 1 to 8")));
        }
        let nonzeros: Vec<f32> = weight.iter().copied().filter(|&w| w != 0.0).collect();
        let energy: f64 = nonzeros.iter().map(|&w| f64::from(w).powi(2)).sum();
        let most = (1 << bits) - 1;
        let centres = match centres {
            Centres::KMeans => kmeans(&nonzeros, most),
            Centres::Even => even(&nonzeros, most),
        };
        let label = |&w: &f32| if w == 0.0 { 0 } else { nearest(&centres, w) as u8 + 1 };
        let labels: Vec<u8> = weight.iter().map(label).collect();
        let mut codebook = Self { centres, labels, relative_error: 0.0 };
        let squares = weight.iter().zip(codebook.values()).map(|(&w, v)| (f64::from(w) - f64::from(v)).powi(2));
        codebook.relative_error = (squares.sum::<f64>() / energy.max(f64::MIN_POSITIVE)) as f32;
        Ok(codebook)
    }

    /// The shared values, one per weight.
    pub fn values(&self) -> impl Iterator<Item = f32> {
        self.labels.iter().map(|&l| if l == 0 { 0.0 } else { self.centres[usize::from(l) - 1] })
    }
}

/// The centres of [`Centres::Even`]; none where there are no values.
fn even(values: &[f32], most: usize) -> Vec<f32> {
    let low = values.iter().copied().fold(f32::INFINITY, f32::min);
    let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if low >= high {
        return values.first().copied().into_iter().collect();
    }
    (0..most).map(|i| low + (high - low) * (i as f32 + 0.5) / most as f32).collect()
}

/// Bytes that the released model's scheme takes for `values`: for the size comparison only, nothing is stored this way.
///
/// A header (u16 number of centres, i32 weights, i32 bytes, u8 gap bits, i32 pairs), the centres with zero among them as
/// f32, then a pair of gap and label for each non-zero; a gap too long for its bits is bridged by pairs that stand for a zero.
/// The number of gap bits is the best one.
pub fn released_scheme_bytes(values: &[f32]) -> usize {
    let centres = different(values).len() + 1;
    let label_bits = centres.next_power_of_two().trailing_zeros() as usize;
    let mut gaps = Vec::new();
    let mut next = 0;
    for (at, _) in values.iter().enumerate().filter(|(_, v)| **v != 0.0) {
        gaps.push(at - next);
        next = at + 1;
    }
    let bits = |gap_bits: usize| {
        let pairs: usize = gaps.iter().map(|gap| 1 + (gap >> gap_bits)).sum();
        pairs * (gap_bits + label_bits)
    };
    let best = (1..=16).map(bits).min().unwrap_or(0);
    15 + 4 * centres + best.div_ceil(8)
}

/// The different non-zeros of `values`, ascending.
fn different(values: &[f32]) -> Vec<f32> {
    let mut different: Vec<f32> = values.iter().copied().filter(|&v| v != 0.0).collect();
    different.sort_unstable_by(f32::total_cmp);
    different.dedup();
    different
}

fn check_finite(weight: &[f32]) -> Result<(), InputError> {
    match weight.iter().position(|w| !w.is_finite()) {
        None => Ok(()),
        Some(at) => Err(InputError::config("weight", format!("element {at} is NaN or infinite"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hccr_random::Rng;
    use proptest::prelude::*;

    fn sparse_normals(n: usize, density: f32) -> Vec<f32> {
        let mut rng = Rng::new(9, 0);
        (0..n).map(|_| if rng.chance(density) { rng.normal() } else { 0.0 }).collect()
    }

    #[test]
    fn even_centres_are_the_middles_of_equal_intervals() {
        let codebook = Codebook::of(Centres::Even, &[-1.0, 0.0, 0.1, 2.0], 2).unwrap();
        assert_eq!((codebook.centres, codebook.labels), (vec![-0.5, 0.5, 1.5], vec![1, 0, 2, 3]));
        assert_eq!(Codebook::of(Centres::Even, &[3.0, 0.0, 3.0], 4).unwrap().centres, [3.0]);
        assert_eq!(Codebook::of(Centres::Even, &[0.0], 4).unwrap().centres, []);
        let weight = sparse_normals(2000, 0.5);
        let error = |centres| Codebook::of(centres, &weight, 4).unwrap().relative_error;
        assert!(error(Centres::KMeans) < error(Centres::Even));
    }

    #[test]
    fn shares_the_non_zeros_only() {
        let weight = sparse_normals(5000, 0.3);
        let codebook = Codebook::new(&weight, 5).unwrap();
        assert_eq!(codebook.centres.len(), 31);
        assert!(weight.iter().zip(&codebook.labels).all(|(w, l)| (*w == 0.0) == (*l == 0)));
        // A 32-level quantizer of a normal distribution has an error of 0.0025.
        assert!(codebook.relative_error < 0.003, "{}", codebook.relative_error);
        let shared: Vec<f32> = codebook.values().collect();
        assert_eq!(different(&shared), codebook.centres);
        assert_eq!(Codebook::new(&shared, 5).unwrap(), Codebook { relative_error: 0.0, ..codebook });
    }

    #[test]
    fn what_cannot_be_shared_is_refused() {
        assert!(Codebook::new(&[1.0], 0).is_err() && Codebook::new(&[1.0], 9).is_err());
        assert!(Codebook::new(&[f32::NAN], 2).is_err());
    }

    #[test]
    fn a_layer_without_weights_has_no_centres() {
        let codebook = Codebook::new(&[0.0, -0.0], 5).unwrap();
        assert_eq!((codebook.centres.len(), &codebook.labels[..]), (0, &[0, 0][..]));
    }

    /// Writes the pairs one after the other, as the format's description says, and counts their bits.
    fn pair_bits(values: &[f32], gap_bits: u32, label_bits: u32) -> u32 {
        let (mut pairs, mut next) = (0, 0);
        for at in (0..values.len()).filter(|&at| values[at] != 0.0) {
            while at - next >= 1 << gap_bits {
                next += 1 << gap_bits;
                pairs += 1;
            }
            next = at + 1;
            pairs += 1;
        }
        pairs * (gap_bits + label_bits)
    }

    #[test]
    fn released_scheme_counts_its_fillers() {
        for density in [0.01, 0.2, 1.0] {
            let weight = sparse_normals(3000, density);
            let shared: Vec<f32> = Codebook::new(&weight, 4).unwrap().values().collect();
            let best = (1..=16).map(|b| pair_bits(&shared, b, 4)).min().unwrap();
            assert_eq!(released_scheme_bytes(&shared), 15 + 4 * 16 + best.div_ceil(8) as usize);
        }
        assert_eq!(released_scheme_bytes(&[0.0; 10]), 19);
    }

    proptest! {
        #[test]
        fn few_values_come_back_exactly(
            centres in prop::collection::vec(-2.0f32..2.0, 1..20),
            picks in prop::collection::vec(0usize..40, 240),
        ) {
            let values: Vec<f32> = picks.iter().map(|&pick| centres.get(pick).copied().unwrap_or(0.0)).collect();
            let codebook = Codebook::new(&values, 8).unwrap();
            prop_assert_eq!(codebook.values().collect::<Vec<_>>(), values);
        }
    }
}
