//! Adam.

use crate::batch::PIECE;
use crate::optimizer::Optimizer;
use crate::param::Param;
use hccr_tensor::Scalar;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Keeps the step finite where a gradient has always been zero.
const EPSILON: f64 = 1e-8;

/// Adam (Kingma and Ba 2015) with decoupled weight decay (Loshchilov and Hutter 2019): with the running means `m` of the
/// gradient and `s` of its square, both corrected for their start at zero, `w = w - rate (m / (sqrt(s) + 1e-8) + decay w)`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adam {
    /// Share of the running mean of the gradient that a step keeps.
    pub beta1: f32,
    /// Share of the running mean of the squared gradient that a step keeps.
    pub beta2: f32,
    /// Weight decay, applied to weights but not to biases, slopes and affine parameters.
    pub weight_decay: f32,
}

impl Default for Adam {
    /// The paper's: 0.9 and 0.999, without weight decay.
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, weight_decay: 0.0 }
    }
}

impl Optimizer for Adam {
    fn step<T: Scalar>(&self, params: &mut [&mut Param<T>], learning_rate: f32) {
        let [beta1, beta2, rate] = [self.beta1, self.beta2, learning_rate].map(f64::from);
        for param in params {
            param.project_grad();
            for state in [&mut param.velocity, &mut param.squares] {
                state.resize(param.value.len(), T::zero());
            }
            param.updates = param.updates.saturating_add(1);
            let [mean, square] = [beta1, beta2].map(|beta| 1.0 - beta.powi(param.updates));
            let decay = if param.decays { self.weight_decay.into() } else { 0.0 };
            let [keep, rate_of_mean, root] = [1.0 - rate * decay, rate / mean, 1.0 / square.sqrt()].map(T::of);
            let [b1, a1, b2, a2, epsilon] = [beta1, 1.0 - beta1, beta2, 1.0 - beta2, EPSILON].map(T::of);
            let states = param.velocity.par_chunks_mut(PIECE).zip(param.squares.par_chunks_mut(PIECE));
            let values = param.value.par_chunks_mut(PIECE).zip(param.grad.par_chunks(PIECE));
            values.zip(states).for_each(|((value, grad), (means, squares))| {
                for ((w, &g), (m, s)) in value.iter_mut().zip(grad).zip(means.iter_mut().zip(squares)) {
                    *m = b1 * *m + a1 * g;
                    *s = b2 * *s + a2 * g * g;
                    *w = keep * *w - rate_of_mean * *m / (s.sqrt() * root + epsilon);
                }
            });
        }
    }
}
