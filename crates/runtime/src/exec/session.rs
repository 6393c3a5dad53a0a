//! A session: working memory for one run at a time.

use super::error::RunError;
use super::plan::Plan;
use crate::compile::PlannedLayer;
use crate::tensor::Aligned;
use alloc::sync::Arc;

/// Runs a [`Plan`] for one sample at a time, on the calling thread.
///
/// All memory is allocated when the session is made; runs allocate nothing. The same input gives the same bits in every
/// session of plans of one instruction set.
///
/// A sequence is given as a whole: to take it in parts, as it is written, use a [`SequenceSession`](crate::SequenceSession).
///
/// ```
/// # use hccr_runtime::{ModelBuilder, Op, Plan, Session};
/// # use std::sync::Arc;
/// # let mut network = ModelBuilder::new(&[2]);
/// # network.push("softmax", Op::Softmax);
/// # let model = network.finish()?;
/// let mut session = Session::new(Arc::new(Plan::new(&model)?));
/// assert_eq!(session.run(&[1.0, 1.0])?, [0.5, 0.5]);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Session {
    plan: Arc<Plan>,
    arena: Aligned<f32>,
}

impl Session {
    /// Allocates the working memory ([`Plan::arena_bytes`]).
    pub fn new(plan: Arc<Plan>) -> Self {
        let arena = Aligned::zeros(plan.program.arena_len);
        Self { plan, arena }
    }

    /// The plan that the session runs.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Runs the network on `input` and returns its first output.
    ///
    /// # Shapes
    /// `input` is the model's input, row-major ([`Plan::input_len`] elements); several inputs follow each other. A sequence
    /// has any number of time steps from one on. The output is row-major.
    ///
    /// # Errors
    /// [`RunError::InputLength`] for another length, [`RunError::NonFiniteInput`] for a NaN or an infinity; for a sequence
    /// [`RunError::StepLength`] and [`RunError::EmptySequence`]. [`RunError::NonFiniteOutput`] where sums overflow.
    pub fn run(&mut self, input: &[f32]) -> Result<&[f32], RunError> {
        self.run_observed(input, |_| ())
    }

    /// As [`Session::run`], and calls `after_layer` after each of [`Plan::layers`], so that the caller's clock can time it;
    /// those of a sequence's chunks come once per chunk.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn run_observed(
        &mut self,
        input: &[f32],
        mut after_layer: impl FnMut(&PlannedLayer),
    ) -> Result<&[f32], RunError> {
        let expected = self.plan.input_len();
        if self.plan.is_sequence() {
            let steps = check_steps(input, expected)?;
            if steps == 0 {
                return Err(RunError::EmptySequence);
            }
            self.arena[..self.plan.program.state_len].fill(0.0);
            self.plan.push(input, &mut self.arena, &mut after_layer);
            self.plan.answer(steps, &mut self.arena, &mut after_layer);
        } else {
            if input.len() != expected {
                return Err(RunError::InputLength { expected, found: input.len() });
            }
            check_finite(input)?;
            self.plan.execute(input, &mut self.arena, &mut after_layer);
        }
        finite_output(&self.arena[self.plan.output_range(0)])
    }

    /// Runs a group of samples of a network that reads no sequence; see [`Plan::execute_group`].
    pub(super) fn run_group<'a>(
        &mut self,
        inputs: impl ExactSizeIterator<Item = &'a [f32]>,
        outputs: impl Iterator<Item = &'a mut [f32]>,
        group: &mut [f32],
    ) {
        self.plan.execute_group(inputs, outputs, &mut self.arena, group);
    }

    /// The output `index` of the last run (zeros before the first), or `None` where the model has fewer.
    pub fn output(&self, index: usize) -> Option<&[f32]> {
        (index < self.plan.output_count()).then(|| &self.arena[self.plan.output_range(index)])
    }
}

/// # Errors
/// [`RunError::NonFiniteInput`] for a NaN or an infinity.
pub(super) fn check_finite(input: &[f32]) -> Result<(), RunError> {
    match non_finite(input) {
        Some(index) => Err(RunError::NonFiniteInput { index }),
        None => Ok(()),
    }
}

/// # Errors
/// [`RunError::NonFiniteOutput`] for a NaN or an infinity.
pub(super) fn finite_output(output: &[f32]) -> Result<&[f32], RunError> {
    match non_finite(output) {
        Some(index) => Err(RunError::NonFiniteOutput { index }),
        None => Ok(output),
    }
}

fn non_finite(values: &[f32]) -> Option<usize> {
    values.iter().position(|x| !x.is_finite())
}

/// The number of time steps in `rows`, of so many features each.
///
/// # Errors
/// [`RunError::StepLength`] for an incomplete one, [`RunError::NonFiniteInput`] for a NaN or an infinity.
pub(super) fn check_steps(rows: &[f32], features: usize) -> Result<usize, RunError> {
    if !rows.len().is_multiple_of(features) {
        return Err(RunError::StepLength { features, found: rows.len() });
    }
    check_finite(rows)?;
    Ok(rows.len() / features)
}
