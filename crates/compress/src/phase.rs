//! A phase of training, cut into intervals.

use crate::error::{CompressError, InputError};
use crate::schedule::Schedule;
use crate::trainer::Trainer;
use serde::{Deserialize, Serialize};

/// A phase of training that advances by intervals: how long and how fast, and what it has measured. Before its first interval
/// it serves as a configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    schedule: Schedule,
    interval: usize,
    evaluate_every: usize,
    history: Vec<Record>,
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
    /// Share of training samples recognized during the interval, 0 to 1.
    pub accuracy: f32,
    /// Share of held-out samples recognized after the interval, where it was measured.
    pub dev_accuracy: Option<f32>,
}

/// Where a stage stands after one call of its `advance`.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// Units of work done: mini-batches, or measurements where nothing is trained.
    pub done: usize,
    /// Units of work in all (for a measurement that may stop early: at most).
    pub total: usize,
    /// What was just done, for a progress bar.
    pub message: String,
}

impl Phase {
    /// A phase of `schedule.steps` mini-batches, `interval` of them per call of [`advance`](Self::advance). Held-out data is read
    /// whenever `evaluate_every` mini-batches are done, and at the end; with 0 at the end only.
    pub fn new(schedule: Schedule, interval: usize, evaluate_every: usize) -> Self {
        Self { schedule, interval, evaluate_every, history: Vec::new() }
    }

    /// Refuses an interval of 0, and a [`Schedule`] that makes no sense; `field` names the phase in its owner.
    pub(crate) fn check(&self, field: &'static str) -> Result<(), InputError> {
        if self.interval == 0 {
            return Err(InputError::config(field, "interval is 0, must be at least one step"));
        }
        self.schedule.check(field)
    }

    /// Mini-batches in all.
    pub fn steps(&self) -> usize {
        self.schedule.steps
    }

    /// The same phase with another number of mini-batches between two evaluations.
    #[must_use]
    pub fn evaluated_every(self, evaluate_every: usize) -> Self {
        Self { evaluate_every, ..self }
    }

    /// Evaluations in all.
    pub fn evaluations(&self) -> usize {
        let interval = self.interval.max(1);
        let starts = (0..self.steps()).step_by(interval);
        starts.filter(|&start| self.is_evaluated(start, self.steps().min(start + interval))).count()
    }

    /// Whether held-out data is read after the interval from `start` to `end`.
    fn is_evaluated(&self, start: usize, end: usize) -> bool {
        let done = |step: usize| step.checked_div(self.evaluate_every).unwrap_or(0);
        end == self.steps() || done(end) > done(start)
    }

    /// Mini-batches done.
    pub fn step(&self) -> usize {
        self.history.last().map_or(0, |record| record.step)
    }

    /// Mini-batches done after the next interval.
    pub fn next_step(&self) -> usize {
        self.schedule.steps.min(self.step() + self.interval)
    }

    /// Everything measured so far.
    pub fn history(&self) -> &[Record] {
        &self.history
    }

    /// Whether all intervals are trained.
    pub fn is_done(&self) -> bool {
        self.step() == self.schedule.steps
    }

    /// Trains one interval at the learning rate of its middle; nothing where all are trained.
    ///
    /// # Errors
    /// [`CompressError`] where the trainer fails, the interval is 0 or the schedule makes no sense.
    pub fn advance<T: Trainer>(&mut self, trainer: &mut T) -> Result<Progress, CompressError<T::Error>> {
        self.check("phase")?;
        let (start, end, total) = (self.step(), self.next_step(), self.schedule.steps);
        if start == end {
            return Ok(Progress { done: start, total, message: "done".into() });
        }
        let steps = end - start;
        let learning_rate = self.schedule.rate(start as f32 + steps as f32 / 2.0);
        let stats = trainer.train(steps, learning_rate).map_err(CompressError::Trainer)?;
        let dev_accuracy = if self.is_evaluated(start, end) {
            Some(trainer.evaluate().map_err(CompressError::Trainer)?)
        } else {
            None
        };
        let dev = dev_accuracy.map(|a| format!(", held out {:.2} %", 100.0 * a)).unwrap_or_default();
        let message = format!("loss {:.4}, accuracy {:.2} %{dev}", stats.loss, 100.0 * stats.accuracy);
        self.history.push(Record {
            step: end,
            learning_rate,
            loss: stats.loss,
            accuracy: stats.accuracy,
            dev_accuracy,
        });
        Ok(Progress { done: end, total, message })
    }
}

/// Training after all layers have been changed at once: what the change alone cost, then the training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Retraining {
    /// Share of held-out samples recognized before the first step, once measured.
    pub(crate) accuracy_before: Option<f32>,
    pub(crate) phase: Phase,
}

impl Retraining {
    /// # Errors
    /// As [`Phase::check`].
    pub(crate) fn new(phase: Phase) -> Result<Self, InputError> {
        phase.check("phase")?;
        Ok(Self { accuracy_before: None, phase })
    }

    pub(crate) fn is_done(&self) -> bool {
        self.accuracy_before.is_some() && self.phase.is_done()
    }

    /// Evaluates first, then trains one interval per call; says what it did. `changed` names the change.
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
        Ok(self.phase.advance(trainer)?.message)
    }
}
