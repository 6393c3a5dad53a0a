//! What optimizers have in common, and clipping.

use crate::layers::moments;
use crate::param::Param;
use hccr_tensor::Scalar;
use serde::{Deserialize, Serialize};

/// Updates parameters from their gradients.
///
/// Constraints hold after every step: masked weights stay zero, shared ones stay equal. What an optimizer remembers lies in
/// the parameters, and is saved with them.
pub trait Optimizer {
    /// One step.
    fn step<T: Scalar>(&self, params: &mut [&mut Param<T>], learning_rate: f32);
}

/// An optimizer on gradients that are scaled down where their common norm, after projection onto the constraints, is above
/// a maximum (Pascanu et al. 2013).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Clipped<O> {
    /// The optimizer.
    pub optimizer: O,
    /// The largest norm, over all parameters together.
    pub max_norm: f32,
}

impl<O: Optimizer> Optimizer for Clipped<O> {
    fn step<T: Scalar>(&self, params: &mut [&mut Param<T>], learning_rate: f32) {
        params.iter_mut().for_each(|p| p.project_grad());
        let norm = params.iter().map(|p| moments(&p.grad)[1]).sum::<f64>().sqrt();
        if norm > f64::from(self.max_norm) {
            let scale = T::of(f64::from(self.max_norm) / norm);
            for param in params.iter_mut() {
                param.grad.iter_mut().for_each(|g| *g *= scale);
            }
        }
        self.optimizer.step(params, learning_rate);
    }
}
