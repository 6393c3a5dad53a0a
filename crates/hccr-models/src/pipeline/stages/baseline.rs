//! The stage that trains the uncompressed network.

use crate::TrainerState;
use crate::pipeline::{Measured, Output, Run, Stage, StageError};
use hccr_compress::{Phase, Progress};
use hccr_nn_train::Optimizer;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::fmt::Debug;

/// Trains the uncompressed network, to the end of its phase or until it gets no better.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Baseline<O> {
    phase: Phase,
    patience: Option<Patience<O>>,
}

/// Early stopping (Prechelt 1998).
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Patience<O> {
    /// Evaluations in a row without a new best after which training ends.
    limit: usize,
    /// So many there were.
    without_best: usize,
    best: f32,
    /// The trainer at the best evaluation; once training has ended, at its end.
    other: Option<TrainerState<O>>,
}

impl<O: Clone> Baseline<O> {
    /// Training by `phase`.
    pub fn new(phase: Phase) -> Self {
        Self { phase, patience: None }
    }

    /// Takes the best of all evaluations on the development set, and ends once so many in a row have brought no better one. The state at
    /// the end of training stays in the checkpoint.
    #[must_use]
    pub fn with_patience(self, evaluations: Option<usize>) -> Self {
        let patience = |limit| Patience { limit, without_best: 0, best: f32::NEG_INFINITY, other: None };
        Self { patience: evaluations.map(patience), ..self }
    }
}

impl<O: Optimizer + Clone> Patience<O> {
    /// Looks at an evaluation.
    fn evaluated(&mut self, accuracy: f32, run: &Run<'_, O>) {
        if accuracy > self.best {
            (self.best, self.without_best) = (accuracy, 0);
            self.other = Some(run.trainer.state().clone());
        } else {
            self.without_best += 1;
        }
    }

    /// Puts the best state in the place of the last one.
    fn take_best(&mut self, run: &mut Run<'_, O>) {
        if let Some(best) = self.other.take() {
            self.other = Some(run.trainer.state().clone());
            run.trainer.restore(best);
        }
    }
}

impl<O> Stage<O> for Baseline<O>
where
    O: Optimizer + Clone + Debug + Serialize + DeserializeOwned,
{
    fn name(&self) -> &str {
        "baseline"
    }

    fn advance(&mut self, run: &mut Run<'_, O>) -> Result<Progress, StageError> {
        let progress = self.phase.advance(&mut run.trainer)?;
        let accuracy = self.phase.history().last().and_then(|record| record.dev_accuracy);
        if let (Some(patience), Some(accuracy)) = (&mut self.patience, accuracy) {
            patience.evaluated(accuracy, run);
        }
        if Stage::<O>::is_done(self)
            && let Some(patience) = &mut self.patience
        {
            patience.take_best(run);
        }
        Ok(progress)
    }

    fn is_done(&self) -> bool {
        self.phase.is_done() || self.patience.as_ref().is_some_and(|patience| patience.without_best >= patience.limit)
    }

    fn output(&self, run: &Run<'_, O>) -> Result<Output, StageError> {
        Ok(Output::Model(run.network()?))
    }

    fn measured(&self) -> Measured<'_> {
        Measured::Training(self.phase.history())
    }
}
