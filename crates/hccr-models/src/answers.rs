//! What a model answers on a labelled set, recognized in the runtime.

use crate::{SampleSet, TrainError};
use hccr_nn_train::Evaluation;
use hccr_runtime::{Plan, Session};
use rayon::prelude::*;
use std::ops::Range;
use std::sync::Arc;

/// What was recognized in one sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Answer {
    /// The class with the largest logit.
    pub guess: usize,
    /// Its probability.
    pub probability: f32,
    /// The sample, counted.
    pub count: Evaluation,
}

/// Recognizes all of `set` on all threads, one session each, and calls `after_each` after each sample.
///
/// # Errors
/// [`TrainError::Sample`] where a sample cannot be read, [`TrainError::Run`] for a plan whose input is another.
pub fn answers(plan: &Arc<Plan>, set: &dyn SampleSet, after_each: impl Fn() + Sync) -> Result<Vec<Answer>, TrainError> {
    answers_to(0..set.labels().len(), plan, set, after_each)
}

/// The same for some of the samples.
pub(crate) fn answers_to(
    samples: Range<usize>,
    plan: &Arc<Plan>,
    set: &dyn SampleSet,
    after_each: impl Fn() + Sync,
) -> Result<Vec<Answer>, TrainError> {
    let recognize = |(session, input): &mut (Session, Vec<f32>), i: usize| {
        set.fill_input(i, input)?;
        let logits = session.run(input)?;
        let mut count = Evaluation::default();
        count.count(logits, set.labels()[i].into());
        let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let total: f32 = logits.iter().map(|l| (l - max).exp()).sum();
        let guess = logits.iter().position(|&l| l == max).unwrap_or(0);
        after_each();
        Ok(Answer { guess, probability: 1.0 / total, count })
    };
    samples.into_par_iter().map_init(|| (Session::new(plan.clone()), Vec::new()), recognize).collect()
}
