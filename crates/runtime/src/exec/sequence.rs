//! A session for a sequence that comes in parts.

use super::error::RunError;
use super::plan::Plan;
use super::session::{check_steps, finite_output};
use crate::tensor::Aligned;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Runs a [`Plan`] over a sequence that comes in parts: [`SequenceSession::push`] takes its time steps, and
/// [`SequenceSession::answer`] answers for all steps so far, as often as wanted; more may follow.
///
/// The answer has the same bits however the steps are cut into parts, and those of [`Session::run`](crate::Session::run) on the
/// whole. A [`SequenceState`] holds a point of a sequence, to come back to it. All memory is allocated when the session is made.
///
/// ```
/// # use hccr_runtime::{ModelBuilder, Op, Plan, SequenceSession};
/// # use hccr_runtime::shape::STEPS;
/// # use std::sync::Arc;
/// # let mut network = ModelBuilder::new(&[STEPS, 2]);
/// # network.push("mean", Op::MeanOverTime);
/// # let model = network.finish()?;
/// let mut session = SequenceSession::new(Arc::new(Plan::new(&model)?))?;
/// session.push(&[1.0, 2.0])?; // one time step of two features
/// session.push(&[3.0, 4.0])?;
/// assert_eq!(session.answer()?, [2.0, 3.0]);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SequenceSession {
    plan: Arc<Plan>,
    arena: Aligned<f32>,
    /// Time steps pushed.
    steps: usize,
}

/// Where a sequence stands after some of its time steps: see [`SequenceSession::save`]. The default is its start.
///
/// ```
/// # use hccr_runtime::SequenceState;
/// assert_eq!(SequenceState::default().steps(), 0);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SequenceState {
    values: Vec<f32>,
    steps: usize,
}

impl SequenceState {
    /// The number of time steps.
    pub fn steps(&self) -> usize {
        self.steps
    }
}

impl SequenceSession {
    /// Allocates the working memory ([`Plan::arena_bytes`]).
    ///
    /// # Errors
    /// [`RunError::NotASequence`] for a plan with other inputs.
    pub fn new(plan: Arc<Plan>) -> Result<Self, RunError> {
        if !plan.is_sequence() {
            return Err(RunError::NotASequence);
        }
        let arena = Aligned::zeros(plan.program.arena_len);
        Ok(Self { plan, arena, steps: 0 })
    }

    /// The plan that the session runs.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The number of time steps of the present sequence.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// Starts a new sequence.
    pub fn reset(&mut self) {
        self.arena[..self.plan.program.state_len].fill(0.0);
        self.steps = 0;
    }

    /// Appends the time steps in `rows`, any number of rows of [`Plan::input_len`] features, to the sequence.
    ///
    /// # Errors
    /// [`RunError::StepLength`] for an incomplete row, [`RunError::NonFiniteInput`] for a NaN or an infinity. After an error the
    /// sequence is as before.
    pub fn push(&mut self, rows: &[f32]) -> Result<(), RunError> {
        let steps = check_steps(rows, self.plan.input_len())?;
        self.plan.push(rows, &mut self.arena, &mut |_| ());
        self.steps += steps;
        Ok(())
    }

    /// The first output for all time steps so far. The sequence can go on afterwards.
    ///
    /// # Errors
    /// [`RunError::EmptySequence`] before the first step, [`RunError::NonFiniteOutput`] where sums overflow.
    pub fn answer(&mut self) -> Result<&[f32], RunError> {
        if self.steps == 0 {
            return Err(RunError::EmptySequence);
        }
        self.plan.answer(self.steps, &mut self.arena, &mut |_| ());
        finite_output(&self.arena[self.plan.output_range(0)])
    }

    /// The output `index` of the last answer (zeros before the first), or `None` where the model has fewer. Until the next
    /// [`SequenceSession::push`], which needs the memory.
    pub fn output(&self, index: usize) -> Option<&[f32]> {
        (index < self.plan.output_count()).then(|| &self.arena[self.plan.output_range(index)])
    }

    /// Saves the sequence to `state`. The first time allocates.
    pub fn save(&self, state: &mut SequenceState) {
        state.steps = self.steps;
        state.values.clear();
        state.values.extend_from_slice(&self.arena[..self.plan.program.state_len]);
    }

    /// Goes back, or forward, to a sequence saved by a session of the same plan.
    ///
    /// # Errors
    /// [`RunError::ForeignState`] where the size of the state shows that it is another plan's.
    pub fn restore(&mut self, state: &SequenceState) -> Result<(), RunError> {
        if state.steps == 0 {
            self.reset();
            return Ok(());
        }
        let own = &mut self.arena[..self.plan.program.state_len];
        if own.len() != state.values.len() {
            return Err(RunError::ForeignState);
        }
        own.copy_from_slice(&state.values);
        self.steps = state.steps;
        Ok(())
    }
}
