//! A session: working memory for one run at a time.

use crate::error::RunError;
use crate::kernels::Aligned;
use crate::plan::Plan;
use alloc::sync::Arc;

/// Runs a [`Plan`] for one sample at a time, on the calling thread.
///
/// All memory is allocated when the session is made; [`Session::run`] allocates nothing. The same input gives the same
/// bits in every session of plans of one instruction set.
pub struct Session {
    plan: Arc<Plan>,
    arena: Aligned,
}

impl Session {
    /// Allocates the working memory ([`Plan::arena_bytes`]).
    pub fn new(plan: Arc<Plan>) -> Self {
        let arena = Aligned::zeros(plan.arena_len());
        Self { plan, arena }
    }

    /// The plan that the session runs.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Runs the network on `input` and returns its first output.
    ///
    /// # Shapes
    /// `input` is the model's input, row-major ([`Plan::input_len`] elements); several inputs follow each other. The
    /// output is row-major.
    ///
    /// # Errors
    /// [`RunError::InputShape`] for another length, [`RunError::NonFiniteInput`] for a NaN or an infinity.
    pub fn run(&mut self, input: &[f32]) -> Result<&[f32], RunError> {
        self.run_observed(input, |_| ())
    }

    /// As [`Session::run`], and calls `after_step` with the layer's name after each step, so that the caller's clock
    /// can time it. The steps are those of [`Plan::describe`], in order.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn run_observed(&mut self, input: &[f32], after_step: impl FnMut(&str)) -> Result<&[f32], RunError> {
        let expected = self.plan.input_len();
        if input.len() != expected {
            return Err(RunError::InputShape { expected, found: input.len() });
        }
        if let Some(index) = input.iter().position(|x| !x.is_finite()) {
            return Err(RunError::NonFiniteInput { index });
        }
        self.plan.execute(input, &mut self.arena, after_step);
        Ok(&self.arena[self.plan.output_range(0)])
    }

    /// The output `index` of the last run (zeros before the first), or `None` where the model has fewer.
    pub fn output(&self, index: usize) -> Option<&[f32]> {
        (index < self.plan.outputs()).then(|| &self.arena[self.plan.output_range(index)])
    }
}
