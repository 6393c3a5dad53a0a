//! Training of the uncompressed network.

use crate::SampleSet;
use crate::pipeline::run::Run;
use crate::pipeline::stage::{Measured, Output, Stage, StageError};
use hccr_compress::{Progress, Record, TrainStats, Trainer};
use hccr_nn_train::{Optimizer, Schedule};
use serde::{Deserialize, Serialize};

/// Training of the uncompressed network, as a state that advances by small intervals like the stages of compression.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    schedule: Schedule,
    interval: usize,
    evaluate_every: usize,
    step: usize,
    history: Vec<Record>,
}

impl Baseline {
    /// Training by `schedule`, in intervals of `interval` mini-batches, evaluated every `evaluate_every` of them.
    pub fn new(schedule: Schedule, interval: usize, evaluate_every: usize) -> Self {
        Self { schedule, interval: interval.max(1), evaluate_every, step: 0, history: Vec::new() }
    }

    /// Whether all steps are done.
    pub fn is_done(&self) -> bool {
        self.step >= self.schedule.steps
    }

    /// Everything measured so far.
    pub fn history(&self) -> &[Record] {
        &self.history
    }

    /// Trains one interval.
    ///
    /// # Errors
    /// Where the trainer fails.
    pub fn advance<T: Trainer>(&mut self, trainer: &mut T) -> Result<Progress, T::Error> {
        let steps = self.interval.min(self.schedule.steps.saturating_sub(self.step));
        let learning_rate = self.schedule.rate(self.step + steps / 2);
        let stats = trainer.train(steps, learning_rate)?;
        let before = self.step;
        self.step += steps;
        let due = self.evaluate_every > 0 && self.step / self.evaluate_every > before / self.evaluate_every;
        let dev_accuracy = if due || self.is_done() { Some(trainer.evaluate()?) } else { None };
        let TrainStats { loss, accuracy } = stats;
        self.history.push(Record { step: self.step, learning_rate, loss, accuracy, dev_accuracy });
        let message = format!("loss {loss:.3}, train {:.1} %", 100.0 * accuracy);
        Ok(Progress { done: self.step, total: self.schedule.steps, message })
    }
}

impl<S: SampleSet, O: Optimizer> Stage<S, O> for Baseline {
    fn name(&self) -> &str {
        "baseline"
    }

    fn advance(&mut self, run: &mut Run<'_, S, O>) -> Result<Progress, StageError> {
        Ok(self.advance(&mut run.trainer)?)
    }

    fn is_done(&self) -> bool {
        self.is_done()
    }

    fn output(&self, run: &Run<'_, S, O>) -> Result<Output, StageError> {
        Ok(Output::Model(run.network()?))
    }

    fn measured(&self) -> Measured<'_> {
        Measured::Training(&self.history)
    }
}
