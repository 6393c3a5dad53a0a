//! Learning rate schedules.

use serde::{Deserialize, Serialize};

/// A learning rate over a run of a given number of steps, after a linear warm-up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Learning rate after the warm-up.
    pub base: f32,
    /// Steps over which the rate rises from `base / warm_up` to `base`.
    pub warm_up: usize,
    /// Steps of the run.
    pub steps: usize,
    /// How it falls.
    pub decay: Decay,
}

/// How a learning rate falls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Decay {
    /// Multiplied by `factor` at each of these shares of the run (0 to 1).
    Step {
        /// Shares of the run at which the rate falls.
        at: Vec<f32>,
        /// What it is multiplied by.
        factor: f32,
    },
    /// Half a cosine, down to zero (Loshchilov and Hutter 2017).
    Cosine,
}

impl Schedule {
    /// Learning rate of step `step`, counted from 0.
    pub fn rate(&self, step: usize) -> f32 {
        if step < self.warm_up {
            return self.base * (step + 1) as f32 / self.warm_up as f32;
        }
        let done = step as f32 / self.steps.max(1) as f32;
        match &self.decay {
            Decay::Step { at, factor } => self.base * factor.powi(at.iter().filter(|&&a| done >= a).count() as i32),
            Decay::Cosine => {
                let done = (step - self.warm_up) as f32 / (self.steps.saturating_sub(self.warm_up)).max(1) as f32;
                self.base * 0.5 * (1.0 + (std::f32::consts::PI * done.min(1.0)).cos())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warm_up_then_decay() {
        let mut s = Schedule { base: 0.1, warm_up: 10, steps: 110, decay: Decay::Cosine };
        assert!((s.rate(0) - 0.01).abs() < 1e-7 && (s.rate(9) - 0.1).abs() < 1e-7);
        assert!((s.rate(60) - 0.05).abs() < 1e-6 && s.rate(109) < 1e-4);
        s.decay = Decay::Step { at: vec![0.5, 0.8], factor: 0.1 };
        assert_eq!((s.rate(54), s.rate(55), s.rate(88)), (0.1, 0.1 * 0.1, 0.1 * 0.1f32.powi(2)));
    }
}
