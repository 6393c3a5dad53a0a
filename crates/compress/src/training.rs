//! One phase of training at a learning rate that falls along a cosine, cut into intervals.

use crate::error::{CompressError, InputError};
use crate::trainer::Trainer;
use serde::{Deserialize, Serialize};
use std::f32::consts::PI;

/// The learning rate never falls below this share of its peak.
const FLOOR: f32 = 0.01;

/// How long a phase trains, and how fast.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// Mini-batches in all.
    pub steps: usize,
    /// Peak learning rate; it falls along a cosine to a hundredth of it.
    pub learning_rate: f32,
    /// Mini-batches over which the learning rate first rises linearly to its peak.
    pub warmup_steps: usize,
    /// Mini-batches a call of `advance`: the learning rate and the constraints change between intervals only.
    pub interval: usize,
    /// Held-out data is read whenever this many mini-batches are done, and after the last one; 0: after the last only.
    pub evaluate_every: usize,
}

/// What one interval of training measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Mini-batches done in this phase, this interval included.
    pub step: usize,
    /// Learning rate of the interval.
    pub learning_rate: f32,
    /// Mean training loss over the interval.
    pub loss: f32,
    /// Share of training samples recognised during the interval, 0 to 1.
    pub accuracy: f32,
    /// Share of held-out samples recognised after the interval, where it was measured.
    pub dev_accuracy: Option<f32>,
}

/// Where a compression stands after one call of its `advance`.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Units of work done: mini-batches, or measurements where nothing is trained.
    pub done: usize,
    /// Units of work in all (for a measurement that may stop early: at most).
    pub total: usize,
    /// What was just done, for a progress bar.
    pub message: String,
}

impl Training {
    pub(crate) fn check(&self, field: &'static str) -> Result<(), InputError> {
        if self.interval == 0 {
            return Err(InputError::config(field, "interval is 0, must be at least one step"));
        }
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return Err(InputError::config(field, format!("learning_rate is {}, must be above 0", self.learning_rate)));
        }
        Ok(())
    }

    /// Steps of the interval that starts at `step`.
    pub(crate) fn interval_at(&self, step: usize) -> usize {
        self.interval.min(self.steps - step)
    }

    /// Learning rate of the interval that starts at `step`: that of its middle.
    fn learning_rate_at(&self, step: usize) -> f32 {
        let middle = step as f32 + self.interval_at(step) as f32 / 2.0;
        let warmup = self.warmup_steps.min(self.steps) as f32;
        if middle < warmup {
            return self.learning_rate * middle / warmup;
        }
        let phase = (middle - warmup) / (self.steps as f32 - warmup);
        self.learning_rate * (FLOOR + (1.0 - FLOOR) * 0.5 * (1.0 + libm::cosf(PI * phase)))
    }

    /// Trains the interval that starts at `step`, which must lie before the end.
    pub(crate) fn run<T: Trainer>(&self, step: usize, trainer: &mut T) -> Result<Record, CompressError<T::Error>> {
        let learning_rate = self.learning_rate_at(step);
        let steps = self.interval_at(step);
        let stats = trainer.train(steps, learning_rate).map_err(CompressError::Trainer)?;
        let end = step + steps;
        let due = |every: usize| every > 0 && end / every > step / every;
        let dev_accuracy = if end == self.steps || due(self.evaluate_every) {
            Some(trainer.evaluate().map_err(CompressError::Trainer)?)
        } else {
            None
        };
        Ok(Record { step: end, learning_rate, loss: stats.loss, accuracy: stats.accuracy, dev_accuracy })
    }
}

impl Record {
    /// The figures as text, for a progress bar.
    pub(crate) fn summary(&self) -> String {
        let dev = self.dev_accuracy.map(|a| format!(", held out {:.2} %", 100.0 * a)).unwrap_or_default();
        format!("loss {:.4}, accuracy {:.2} %{dev}", self.loss, 100.0 * self.accuracy)
    }
}

/// Training after all layers have been changed at once: what the change alone cost, then the training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Retraining {
    pub(crate) training: Training,
    /// Share of held-out samples recognised before the first step, once measured.
    pub(crate) accuracy_before: Option<f32>,
    pub(crate) step: usize,
    pub(crate) history: Vec<Record>,
}

impl Retraining {
    /// # Errors
    /// As [`Training::check`].
    pub(crate) fn new(training: Training) -> Result<Self, InputError> {
        training.check("training")?;
        Ok(Self { training, accuracy_before: None, step: 0, history: Vec::new() })
    }

    pub(crate) fn is_done(&self) -> bool {
        self.accuracy_before.is_some() && self.step == self.training.steps
    }

    /// Evaluates first, then trains one interval a call; says what it did. `changed` names the change.
    pub(crate) fn advance<T: Trainer>(
        &mut self,
        trainer: &mut T,
        changed: &str,
    ) -> Result<String, CompressError<T::Error>> {
        if self.accuracy_before.is_none() {
            let accuracy = trainer.evaluate().map_err(CompressError::Trainer)?;
            self.accuracy_before = Some(accuracy);
            return Ok(format!("{changed}: {:.2} %", 100.0 * accuracy));
        }
        let record = self.training.run(self.step, trainer)?;
        self.step = record.step;
        self.history.push(record);
        Ok(record.summary())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn learning_rate_rises_then_falls_to_the_floor() {
        let training = Training { steps: 105, learning_rate: 0.5, warmup_steps: 20, interval: 10, evaluate_every: 0 };
        let rates: Vec<f32> = (0..105).step_by(10).map(|step| training.learning_rate_at(step)).collect();
        assert_eq!(&rates[..2], &[0.125, 0.375]);
        assert!(rates[2] > 0.49 && rates[2] <= 0.5);
        assert!(rates[2..].windows(2).all(|w| w[1] < w[0]));
        assert!((0.005..0.008).contains(&rates[10]), "{rates:?}");
        assert_eq!(training.interval_at(100), 5);
        let all_warmup = Training { warmup_steps: 1000, ..training };
        assert!(all_warmup.learning_rate_at(100).is_finite());
    }
}
