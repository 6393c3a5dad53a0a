//! The learning rate of a phase of training.

use crate::error::InputError;
use serde::{Deserialize, Serialize};
use std::f32::consts::PI;

/// A learning rate that rises linearly to its peak and then falls along half a cosine (Loshchilov and Hutter 2017).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Learning rate after the warm-up.
    pub peak: f32,
    /// Mini-batches over which it rises from 0 to the peak.
    pub warm_up: usize,
    /// Mini-batches in all.
    pub steps: usize,
    /// Where the learning rate ends, as a share of the peak.
    pub floor: f32,
}

impl Schedule {
    /// The learning rate when `done` mini-batches are done; between two of them where an interval's middle lies there.
    pub fn rate(&self, done: f32) -> f32 {
        let warm_up = self.warm_up.min(self.steps) as f32;
        if done < warm_up {
            return self.peak * done / warm_up;
        }
        let phase = (done - warm_up) / (self.steps as f32 - warm_up);
        self.peak * (self.floor + (1.0 - self.floor) * 0.5 * (1.0 + libm::cosf(PI * phase)))
    }

    /// Refuses a learning rate that is not above 0, or a floor that is no share; `field` names the schedule's owner.
    pub(crate) fn check(&self, field: &'static str) -> Result<(), InputError> {
        if !(self.peak.is_finite() && self.peak > 0.0) {
            return Err(InputError::config(field, format!("peak learning rate is {}, must be above 0", self.peak)));
        }
        if !(0.0..=1.0).contains(&self.floor) {
            return Err(InputError::config(field, format!("floor is {}, must be from 0 to 1", self.floor)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_then_falls_to_the_floor() {
        let schedule = Schedule { peak: 0.5, warm_up: 20, steps: 105, floor: 0.01 };
        let rates: Vec<f32> = (0..11).map(|i| schedule.rate(5.0 + 10.0 * i as f32)).collect();
        assert_eq!(&rates[..2], &[0.125, 0.375]);
        assert!(rates[2] > 0.49 && rates[2] <= 0.5);
        assert!(rates[2..].windows(2).all(|w| w[1] < w[0]));
        assert!((schedule.rate(105.0) - 0.005).abs() < 1e-7, "{rates:?}");
        let all_warm_up = Schedule { warm_up: 1000, ..schedule };
        assert!(all_warm_up.rate(100.0).is_finite());
    }

    #[test]
    fn senseless_rates_are_refused() {
        let schedule = Schedule { peak: 0.5, warm_up: 0, steps: 1, floor: 0.0 };
        schedule.check("phase").unwrap();
        for (peak, floor) in [(0.0, 0.0), (f32::NAN, 0.0), (0.5, -0.1), (0.5, f32::NAN)] {
            assert!(Schedule { peak, floor, ..schedule }.check("phase").is_err());
        }
    }
}
