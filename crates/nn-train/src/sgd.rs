//! Stochastic gradient descent.

use crate::batch::PIECE;
use crate::optimizer::Optimizer;
use crate::param::Param;
use hccr_constraint::Constraint;
use hccr_tensor::Scalar;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Stochastic gradient descent with momentum and weight decay: `v = momentum v + g + decay w; w = w - rate v`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sgd {
    /// Share of the velocity that a step keeps; the thesis's recipe has 0.9.
    pub momentum: f32,
    /// Weight decay, applied to weights but not to biases, slopes and affine parameters.
    pub weight_decay: f32,
}

impl Optimizer for Sgd {
    fn step<T: Scalar>(&self, params: &mut [&mut Param<T>], learning_rate: f32) {
        let (momentum, rate) = (T::of(self.momentum.into()), T::of(learning_rate.into()));
        for param in params {
            param.project_grad();
            param.velocity.resize(param.value.len(), T::zero());
            let decay = T::of(if param.decays { self.weight_decay.into() } else { 0.0 });
            let state = param.value.par_chunks_mut(PIECE).zip(param.velocity.par_chunks_mut(PIECE));
            state.zip(param.grad.par_chunks(PIECE)).for_each(|((value, velocity), grad)| {
                for ((w, v), &g) in value.iter_mut().zip(velocity).zip(grad) {
                    *v = momentum * *v + g + decay * *w;
                    *w -= rate * *v;
                }
            });
            debug_assert!(match &param.constraint {
                Constraint::Mask(keep) => param.value.iter().zip(keep).all(|(&w, &k)| k || w == T::zero()),
                Constraint::Free | Constraint::Shared(_) => true,
            });
        }
    }
}
