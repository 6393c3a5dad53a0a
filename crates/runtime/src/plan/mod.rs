//! The plan: a model made ready for this machine.

mod arena;
mod describe;
mod layout;
mod lower;
mod matrix;
mod step;
mod values;

pub(crate) use layout::Layout;
pub(crate) use matrix::{Nonzeros, Values};

use crate::error::PlanError;
use crate::isa::{IsaKind, Token};
use crate::model::Model;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;
use step::Step;

/// A model with packed weights, chosen kernels and an arena laid out: immutable, and shared by any number of
/// [`Session`](crate::Session)s through an [`Arc`](alloc::sync::Arc).
///
/// A plan is made for the machine it runs on and is never saved. Sparse kernels are chosen where a layer's density is
/// low enough for them to pay.
pub struct Plan {
    token: Token,
    steps: Vec<Step>,
    arena_len: usize,
    inputs: Vec<Input>,
    outputs: Vec<Range<usize>>,
}

/// Where an input of the model goes.
struct Input {
    arena: Range<usize>,
    layout: Layout,
}

impl Plan {
    /// Plans `model` for the fastest instruction set of this machine.
    ///
    /// # Errors
    /// [`PlanError::InvalidModel`] where the model is not valid, [`PlanError::TooLarge`] where its values would need
    /// more than 256 MiB.
    pub fn new(model: &Model) -> Result<Self, PlanError> {
        Self::with_token(model, Token::best())
    }

    /// Plans `model` for the instruction set `isa`: for tests and comparisons.
    ///
    /// # Errors
    /// As [`Plan::new`], and [`PlanError::IsaUnavailable`].
    pub fn with_isa(model: &Model, isa: IsaKind) -> Result<Self, PlanError> {
        let token = Token::new(isa).ok_or(PlanError::IsaUnavailable { isa: isa.name() })?;
        Self::with_token(model, token)
    }

    /// The instruction set that the kernels use.
    pub fn isa(&self) -> IsaKind {
        self.token.kind()
    }

    /// Elements of an input: of all inputs together, where the model has several.
    pub fn input_len(&self) -> usize {
        self.inputs.iter().map(|input| input.layout.pixels_of_all()).sum()
    }

    /// Number of outputs of the model.
    pub fn outputs(&self) -> usize {
        self.outputs.len()
    }

    /// Bytes of working memory that each session needs.
    pub fn arena_bytes(&self) -> usize {
        self.arena_len * size_of::<f32>()
    }

    /// Elements of the arena.
    pub(crate) fn arena_len(&self) -> usize {
        self.arena_len
    }

    /// Where the output `index` stands in the arena after [`Plan::execute`].
    pub(crate) fn output_range(&self, index: usize) -> Range<usize> {
        self.outputs[index].clone()
    }

    /// Runs every step over `arena`; `input` has [`Plan::input_len`] elements.
    pub(crate) fn execute(&self, mut input: &[f32], arena: &mut [f32], mut after_step: impl FnMut(&str)) {
        for Input { arena: range, layout } in &self.inputs {
            let planes = &mut arena[range.clone()];
            for channel in 0..layout.channels {
                for y in 0..layout.height {
                    let (row, rest) = input.split_at(layout.width);
                    planes[layout.row(channel, y)].copy_from_slice(row);
                    input = rest;
                }
            }
            layout.clear_border(planes);
        }
        for step in &self.steps {
            step.run(self.token, arena);
            after_step(&step.layer);
        }
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("isa", &self.isa()).field("steps", &self.steps.len()).finish_non_exhaustive()
    }
}
