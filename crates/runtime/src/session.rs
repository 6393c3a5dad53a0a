//! A session: working memory for one run at a time.

use crate::error::RunError;
use crate::kernels::Aligned;
use crate::plan::Plan;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Runs a [`Plan`] for one sample at a time, on the calling thread.
///
/// All memory is allocated when the session is made; runs allocate nothing. The same input gives the same bits in every
/// session of plans of one instruction set.
///
/// # Sequences
/// A sequence (of `T` steps, each a row of [`Plan::input_len`] features) may be given as a whole to [`Session::run`], or
/// in parts to [`Session::push`]: [`Session::finish`] then answers for all steps so far, as often as wanted, and more may
/// follow. The answer has the same bits however the steps are cut into parts. A [`SequenceState`] holds a point of a
/// sequence, to come back to it.
pub struct Session {
    plan: Arc<Plan>,
    arena: Aligned,
    /// Steps pushed.
    steps: usize,
}

/// Where a sequence stands after some of its steps: see [`Session::save`]. The default is its start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SequenceState {
    values: Vec<f32>,
    steps: usize,
}

impl SequenceState {
    /// The number of steps.
    pub fn steps(&self) -> usize {
        self.steps
    }
}

impl Session {
    /// Allocates the working memory ([`Plan::arena_bytes`]).
    pub fn new(plan: Arc<Plan>) -> Self {
        let arena = Aligned::zeros(plan.arena_len());
        Self { plan, arena, steps: 0 }
    }

    /// The plan that the session runs.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Runs the network on `input` and returns its first output.
    ///
    /// # Shapes
    /// `input` is the model's input, row-major ([`Plan::input_len`] elements); several inputs follow each other. Of a
    /// sequence it has any number of steps from one on, and what was pushed before is forgotten. The output is row-major.
    ///
    /// # Errors
    /// [`RunError::InputShape`] for another length, [`RunError::NonFiniteInput`] for a NaN or an infinity; for a sequence
    /// [`RunError::StepLength`] and [`RunError::EmptySequence`].
    pub fn run(&mut self, input: &[f32]) -> Result<&[f32], RunError> {
        self.run_observed(input, |_| ())
    }

    /// As [`Session::run`], and calls `after_step` with the layer's name after each step, so that the caller's clock
    /// can time it. The steps are those of [`Plan::describe`], in order; those of a sequence's chunks come once a chunk.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn run_observed(&mut self, input: &[f32], mut after_step: impl FnMut(&str)) -> Result<&[f32], RunError> {
        if self.plan.is_sequence() {
            self.check_steps(input)?;
            self.reset();
            self.push_checked(input, &mut after_step);
            return self.finish_observed(after_step);
        }
        let expected = self.plan.input_len();
        if input.len() != expected {
            return Err(RunError::InputShape { expected, found: input.len() });
        }
        check_finite(input)?;
        Ok(self.run_checked(input, after_step))
    }

    /// Runs a network that reads no sequence on an input that is known to be right.
    pub(crate) fn run_checked(&mut self, input: &[f32], after_step: impl FnMut(&str)) -> &[f32] {
        self.plan.execute(input, &mut self.arena, after_step);
        &self.arena[self.plan.output_range(0)]
    }

    /// Runs a group of samples of a network that reads no sequence; see [`Plan::execute_group`].
    pub(crate) fn run_group<'a>(
        &mut self,
        inputs: impl ExactSizeIterator<Item = &'a [f32]>,
        outputs: impl Iterator<Item = &'a mut [f32]>,
        group: &mut [f32],
    ) {
        self.plan.execute_group(inputs, outputs, &mut self.arena, group);
    }

    /// The output `index` of the last run or [`Session::finish`] (zeros before the first), or `None` where the model has
    /// fewer. Until the next [`Session::push`], which needs the memory.
    pub fn output(&self, index: usize) -> Option<&[f32]> {
        (index < self.plan.outputs()).then(|| &self.arena[self.plan.output_range(index)])
    }

    /// The number of steps of the present sequence.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Starts a new sequence.
    pub fn reset(&mut self) {
        self.arena[..self.plan.state_len()].fill(0.0);
        self.steps = 0;
    }

    /// Appends the steps in `rows`, any number of rows of [`Plan::input_len`] features, to the sequence.
    ///
    /// # Errors
    /// [`RunError::NotASequence`] for a plan with other inputs, [`RunError::StepLength`] for an incomplete row,
    /// [`RunError::NonFiniteInput`] for a NaN or an infinity. After an error the sequence is as before.
    pub fn push(&mut self, rows: &[f32]) -> Result<(), RunError> {
        self.check_steps(rows)?;
        self.push_checked(rows, |_| ());
        Ok(())
    }

    /// The first output for all steps so far. The sequence can go on afterwards.
    ///
    /// # Errors
    /// [`RunError::NotASequence`] for a plan with other inputs, [`RunError::EmptySequence`] before the first step.
    pub fn finish(&mut self) -> Result<&[f32], RunError> {
        self.finish_observed(|_| ())
    }

    /// Saves the sequence to `state`. The first time allocates.
    ///
    /// # Errors
    /// [`RunError::NotASequence`] for a plan with other inputs.
    pub fn save(&self, state: &mut SequenceState) -> Result<(), RunError> {
        self.check_sequence()?;
        state.steps = self.steps;
        state.values.clear();
        state.values.extend_from_slice(&self.arena[..self.plan.state_len()]);
        Ok(())
    }

    /// Goes back, or forward, to a sequence saved by a session of the same plan.
    ///
    /// # Errors
    /// [`RunError::NotASequence`] for a plan with other inputs, [`RunError::ForeignState`] where the size of the state
    /// shows that it is another plan's.
    pub fn restore(&mut self, state: &SequenceState) -> Result<(), RunError> {
        self.check_sequence()?;
        if state.steps == 0 {
            self.reset();
            return Ok(());
        }
        let own = &mut self.arena[..self.plan.state_len()];
        if own.len() != state.values.len() {
            return Err(RunError::ForeignState);
        }
        own.copy_from_slice(&state.values);
        self.steps = state.steps;
        Ok(())
    }

    fn check_sequence(&self) -> Result<(), RunError> {
        if self.plan.is_sequence() { Ok(()) } else { Err(RunError::NotASequence) }
    }

    fn check_steps(&self, rows: &[f32]) -> Result<(), RunError> {
        self.check_sequence()?;
        let features = self.plan.input_len();
        if !rows.len().is_multiple_of(features) {
            return Err(RunError::StepLength { features, found: rows.len() });
        }
        check_finite(rows)
    }

    fn push_checked(&mut self, rows: &[f32], after_step: impl FnMut(&str)) {
        self.plan.push(rows, &mut self.arena, after_step);
        self.steps += rows.len() / self.plan.input_len();
    }

    fn finish_observed(&mut self, after_step: impl FnMut(&str)) -> Result<&[f32], RunError> {
        self.check_sequence()?;
        if self.steps == 0 {
            return Err(RunError::EmptySequence);
        }
        self.plan.finish(self.steps, &mut self.arena, after_step);
        Ok(&self.arena[self.plan.output_range(0)])
    }
}

pub(crate) fn check_finite(input: &[f32]) -> Result<(), RunError> {
    match input.iter().position(|x| !x.is_finite()) {
        Some(index) => Err(RunError::NonFiniteInput { index }),
        None => Ok(()),
    }
}
