//! Trainable parameters.

use hccr_random::Rng;
use hccr_tensor::Scalar;
use serde::{Deserialize, Serialize};

/// What the values of a parameter must keep to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Constraint {
    /// Nothing.
    #[default]
    Free,
    /// Values whose entry is false are zero and stay zero.
    Mask(Vec<bool>),
    /// Values of equal label stay equal; label 0 means zero for ever.
    Shared(Vec<u8>),
}

/// A trainable parameter with its gradient and the optimiser's state.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Param<T> {
    /// Name, unique in the network, such as `conv2.weight`.
    pub name: String,
    /// Shape, output dimension first.
    pub shape: Vec<usize>,
    /// Values, row-major.
    pub value: Vec<T>,
    /// Gradient of the loss, of the last backward pass.
    #[serde(skip, default = "Vec::new")]
    pub grad: Vec<T>,
    /// Momentum of [`Sgd`](crate::Sgd), running mean of the gradient of [`Adam`](crate::Adam).
    pub(crate) velocity: Vec<T>,
    /// Running mean of the squared gradient of [`Adam`](crate::Adam); empty until it is used.
    pub(crate) squares: Vec<T>,
    /// Gradients that [`Adam`](crate::Adam) has averaged over.
    pub(crate) updates: i32,
    /// What the values keep to.
    pub(crate) constraint: Constraint,
    /// Whether weight decay applies: to weights, not to biases and slopes.
    pub(crate) decays: bool,
}

impl<T: Scalar> Param<T> {
    /// A weight drawn from a normal distribution of variance `gain / fan_in`.
    pub(crate) fn normal(name: String, shape: &[usize], gain: f64, rng: &mut Rng) -> Self {
        let fan_in: usize = shape[1..].iter().product();
        let deviation = (gain / fan_in as f64).sqrt();
        let value = (0..shape.iter().product()).map(|_| T::of(f64::from(rng.normal()) * deviation)).collect();
        Self::weight(name, shape, value)
    }

    /// The same with a gain of 2, for layers that a rectifier may follow (He et al. 2015).
    pub(crate) fn he_normal(name: String, shape: &[usize], rng: &mut Rng) -> Self {
        Self::normal(name, shape, 2.0, rng)
    }

    /// A weight of given values.
    pub(crate) fn weight(name: String, shape: &[usize], value: Vec<T>) -> Self {
        Self { decays: true, ..Self::new(name, shape, value) }
    }

    /// A parameter of one value everywhere, without weight decay.
    pub(crate) fn constant(name: String, len: usize, value: f64) -> Self {
        Self::new(name, &[len], vec![T::of(value); len])
    }

    /// A parameter of given values, without weight decay.
    pub(crate) fn new(name: String, shape: &[usize], value: Vec<T>) -> Self {
        let velocity = vec![T::zero(); value.len()];
        Self { name, shape: shape.to_vec(), value, velocity, ..Self::default() }
    }

    /// Name of the layer whose weight this is, or `None` for biases and the like.
    pub fn layer(&self) -> Option<&str> {
        self.name.strip_suffix(".weight")
    }

    /// What the values keep to.
    pub fn constraint(&self) -> &Constraint {
        &self.constraint
    }

    /// Sets what the values keep to from now on, and makes them fit: masked values become zero, and shared ones the
    /// mean of their label. The optimiser's state is made to fit as well; for shared values it starts anew.
    ///
    /// # Panics
    /// Where the constraint has another length than the values.
    pub fn set_constraint(&mut self, constraint: Constraint) {
        match &constraint {
            Constraint::Free => {}
            Constraint::Mask(keep) => {
                assert_eq!(keep.len(), self.value.len(), "mask of another length than {}", self.name);
            }
            Constraint::Shared(labels) => {
                assert_eq!(labels.len(), self.value.len(), "labels of another length than {}", self.name);
            }
        }
        if matches!(constraint, Constraint::Shared(_)) {
            self.velocity.fill(T::zero());
            self.squares.fill(T::zero());
            self.updates = 0;
        }
        self.constraint = constraint;
        project(&self.constraint, &mut self.value);
        project(&self.constraint, &mut self.velocity);
        project(&self.constraint, &mut self.squares);
    }

    /// Makes the gradient one that keeps the constraint: its projection onto the values that are allowed.
    pub(crate) fn project_grad(&mut self) {
        project(&self.constraint, &mut self.grad);
    }
}

fn project<T: Scalar>(constraint: &Constraint, values: &mut [T]) {
    match constraint {
        Constraint::Free => {}
        Constraint::Mask(keep) => {
            for (v, &keep) in values.iter_mut().zip(keep) {
                *v = if keep { *v } else { T::zero() };
            }
        }
        Constraint::Shared(labels) => {
            let (mut sum, mut count) = ([0.0f64; 256], [0u32; 256]);
            for (v, &l) in values.iter().zip(labels) {
                sum[l as usize] += v.as_f64();
                count[l as usize] += 1;
            }
            let mut mean = [T::zero(); 256];
            for l in 1..256 {
                mean[l] = T::of(sum[l] / f64::from(count[l].max(1)));
            }
            for (v, &l) in values.iter_mut().zip(labels) {
                *v = mean[l as usize];
            }
        }
    }
}
