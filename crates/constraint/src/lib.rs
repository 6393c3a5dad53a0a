//! What a weight keeps to while it trains: nothing, a mask of zeros, or shared values.
//!
//! Compression sets a [`Constraint`], a trainer keeps it by [`Constraint::project`], and [`Constraint::weight`] writes the
//! weight in the form that the constraint gives it: dense, sparse, or a codebook.
#![forbid(unsafe_code)]

use hccr_runtime::{Pattern, Weight, WeightData};
use num_traits::{Float, FromPrimitive};
use serde::{Deserialize, Serialize};

/// What the values of a weight keep to while it trains.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Constraint {
    /// Nothing.
    #[default]
    Free,
    /// Values whose entry is false are zero and stay zero.
    Mask(Vec<bool>),
    /// Values of equal label stay equal; label 0 means zero for ever, label `c + 1` centre `c` of a codebook.
    ///
    /// A gradient step moves all values of one label by the mean of their gradients: the projection of the gradient
    /// onto what the constraint allows.
    Shared(Vec<u8>),
}

impl Constraint {
    /// Whether it is for a weight of `len` values.
    pub fn fits(&self, len: usize) -> bool {
        match self {
            Self::Free => true,
            Self::Mask(keep) => keep.len() == len,
            Self::Shared(labels) => labels.len() == len,
        }
    }

    /// Becomes that of the values at the places for which `keep` is true.
    pub fn keep(&mut self, keep: impl Fn(usize) -> bool) {
        let mut at = 0..;
        let mut kept = || at.next().is_some_and(&keep);
        match self {
            Self::Free => {}
            Self::Mask(mask) => mask.retain(|_| kept()),
            Self::Shared(labels) => labels.retain(|_| kept()),
        }
    }

    /// Makes `values` (a weight, its gradient, an optimizer's mean of gradients) the nearest that the constraint allows: masked
    /// values become zero, shared ones the mean of their label.
    pub fn project<T: Float + FromPrimitive>(&self, values: &mut [T]) {
        match self {
            Self::Free => {}
            Self::Mask(keep) => {
                for (v, &keep) in values.iter_mut().zip(keep) {
                    *v = if keep { *v } else { T::zero() };
                }
            }
            Self::Shared(labels) => {
                let (mut sum, mut count) = ([0.0f64; 256], [0u32; 256]);
                for (v, &l) in values.iter().zip(labels) {
                    sum[usize::from(l)] += v.to_f64().unwrap_or(f64::NAN);
                    count[usize::from(l)] += 1;
                }
                let mut mean = [T::zero(); 256];
                for l in 1..256 {
                    mean[l] = T::from_f64(sum[l] / f64::from(count[l].max(1))).unwrap_or_else(T::nan);
                }
                for (v, &l) in values.iter_mut().zip(labels) {
                    *v = mean[usize::from(l)];
                }
            }
        }
    }

    /// The weight `name` of `shape` (output dimension first) for a model file, without loss: `values` keep to the constraint.
    pub fn weight(&self, name: &str, shape: &[usize], values: &[f32]) -> Weight {
        let columns = shape.iter().skip(1).product();
        let data = match self {
            Self::Free => WeightData::Dense(values.to_vec()),
            Self::Mask(keep) => {
                let kept = values.iter().zip(keep).filter(|&(_, &keep)| keep);
                WeightData::Sparse {
                    pattern: Pattern::from_mask(keep.iter().copied(), columns),
                    values: kept.map(|(&v, _)| v).collect(),
                }
            }
            Self::Shared(labels) => {
                let mut centres = vec![0.0; labels.iter().copied().max().unwrap_or(0).into()];
                for (&l, &v) in labels.iter().zip(values).filter(|&(&l, _)| l != 0) {
                    centres[usize::from(l) - 1] = v;
                }
                WeightData::Codebook {
                    pattern: Pattern::from_mask(labels.iter().map(|&l| l != 0), columns),
                    centres,
                    labels: labels.iter().filter(|&&l| l != 0).map(|l| l - 1).collect(),
                }
            }
        };
        Weight::new(name, shape, data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_zeroes_and_is_written_sparse() {
        let mask = Constraint::Mask(vec![true, false, true, false]);
        let mut values = [1.0f32, 2.0, 0.0, -4.0];
        mask.project(&mut values);
        assert_eq!(values, [1.0, 0.0, 0.0, 0.0]);
        let weight = mask.weight("w", &[2, 2], &values);
        assert_eq!(weight.to_dense(), values);
        let WeightData::Sparse { values, .. } = weight.data else { panic!("not sparse") };
        assert_eq!(values, [1.0, 0.0], "a kept zero is written");
        assert!(mask.fits(4) && !mask.fits(3));
    }

    #[test]
    fn of_fewer_values_less_is_asked() {
        let kept = |mut constraint: Constraint| {
            constraint.keep(|at| at != 1);
            constraint
        };
        assert_eq!(kept(Constraint::Mask(vec![true, false, false])), Constraint::Mask(vec![true, false]));
        assert_eq!(kept(Constraint::Shared(vec![2, 0, 1])), Constraint::Shared(vec![2, 1]));
        assert_eq!(kept(Constraint::Free), Constraint::Free);
    }

    #[test]
    fn shared_values_become_their_mean_and_are_written_as_a_codebook() {
        let shared = Constraint::Shared(vec![2, 0, 1, 2]);
        let mut values = [1.0f64, 9.0, -1.0, 2.0];
        shared.project(&mut values);
        assert_eq!(values, [1.5, 0.0, -1.0, 1.5]);
        let values = values.map(|v| v as f32);
        let weight = shared.weight("w", &[2, 2], &values);
        weight.validate().unwrap();
        assert_eq!(weight.to_dense(), values);
        let WeightData::Codebook { centres, labels, .. } = weight.data else { panic!("not a codebook") };
        assert_eq!((centres, labels), (vec![-1.0, 1.5], vec![1, 0, 1]));
    }

    #[test]
    fn nothing_is_asked_of_a_free_weight() {
        let mut values = [1.0f32, 2.0];
        Constraint::Free.project(&mut values);
        assert_eq!(Constraint::Free.weight("w", &[1, 2], &values).to_dense(), [1.0, 2.0]);
        assert!(Constraint::Free.fits(7));
    }
}
