//! Trainable parameters.

use hccr_constraint::Constraint;
use hccr_random::Rng;
use hccr_runtime::shape::elements;
use hccr_tensor::Scalar;
use serde::{Deserialize, Serialize};

/// A trainable parameter with its gradient and the optimizer's state.
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
    /// Momentum of [`Sgd`](crate::Sgd), running mean of the gradient of [`Adam`](crate::Adam); empty until it is used.
    pub velocity: Vec<T>,
    /// Running mean of the squared gradient of [`Adam`](crate::Adam); empty until it is used.
    pub squares: Vec<T>,
    /// Gradients that [`Adam`](crate::Adam) has averaged over.
    pub updates: i32,
    /// What the values keep to.
    pub(crate) constraint: Constraint,
    /// Whether weight decay applies: to weights, not to biases and slopes.
    pub decays: bool,
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
        Self { name, shape: shape.to_vec(), value, ..Self::default() }
    }

    /// Whether it is of `shape`, and so are the optimizer's state and the constraint.
    pub(crate) fn has_shape(&self, shape: &[usize]) -> bool {
        let len = self.value.len();
        self.shape == shape
            && elements(shape) == Some(len)
            && [&self.velocity, &self.squares].iter().all(|state| state.is_empty() || state.len() == len)
            && self.constraint.fits(len)
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
    /// mean of their label. The optimizer's state is made to fit as well; for shared values it starts anew.
    ///
    /// # Panics
    /// Where the constraint has another length than the values.
    pub fn set_constraint(&mut self, constraint: Constraint) {
        assert!(constraint.fits(self.value.len()), "a constraint of another length than {}", self.name);
        if matches!(constraint, Constraint::Shared(_)) {
            self.velocity.fill(T::zero());
            self.squares.fill(T::zero());
            self.updates = 0;
        }
        self.constraint = constraint;
        self.constraint.project(&mut self.value);
        self.constraint.project(&mut self.velocity);
        self.constraint.project(&mut self.squares);
    }

    /// Makes the values keep to the constraint, where they were changed by hand.
    pub fn keep_constraint(&mut self) {
        self.constraint.project(&mut self.value);
    }

    /// Drops the gradient and the optimizer's state: training begins anew.
    pub(crate) fn forget_training(&mut self) {
        [&mut self.grad, &mut self.velocity, &mut self.squares].into_iter().for_each(|state| *state = Vec::new());
        self.updates = 0;
    }

    /// Makes the gradient one that keeps the constraint: its projection onto the values that are allowed.
    pub(crate) fn project_grad(&mut self) {
        self.constraint.project(&mut self.grad);
    }
}
