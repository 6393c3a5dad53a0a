//! The plan: a model made ready for this machine.

mod arena;
mod bytes;
mod choose;
mod convolution;
mod describe;
mod layout;
mod lower;
mod matrix;
mod step;
mod tail;
mod values;

pub(crate) use layout::Layout;
pub(crate) use matrix::{Nonzeros, Values};

use crate::error::PlanError;
use crate::isa::{IsaKind, Token};
use crate::kernels::{CHUNK, bspmm};
use crate::model::Model;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;
use step::Step;
use tail::Tail;

/// A model with packed weights, chosen kernels and an arena laid out: immutable, and shared by any number of
/// [`Session`](crate::Session)s through an [`Arc`](alloc::sync::Arc).
///
/// A plan is made for the machine it runs on and is never saved. Sparse kernels are chosen where a layer's density is
/// low enough for them to pay.
pub struct Plan {
    token: Token,
    steps: Vec<Step>,
    /// How many of the steps run once for each chunk of a sequence; the others follow the last chunk.
    chunk_steps: usize,
    arena_len: usize,
    /// The front of the arena that a sequence carries from chunk to chunk.
    state_len: usize,
    inputs: Vec<Input>,
    outputs: Vec<Range<usize>>,
    tail: Option<Tail>,
}

/// Where an input of the model goes.
struct Input {
    arena: Range<usize>,
    layout: Layout,
}

impl Plan {
    /// Consecutive output channels and consecutive input channels, at one tap of the kernel, whose weights the kernels skip
    /// together where all of them are zero. Blocks start at multiples of these numbers.
    ///
    /// Products of `f32` load an input once for as many output channels, as long as one of them has a weight there; how many
    /// input channels a block has does not matter to them. Products of 8-bit integers take as many input channels in one
    /// instruction. Convolutions alone make use of it: of all patterns with the same number of weights, none is faster in 8 bits,
    /// and in `f32` none whose blocks have as many output channels.
    pub const BLOCK: [usize; 2] = [bspmm::MR, 4];

    /// Plans `model` for the fastest instruction set of this machine.
    ///
    /// # Errors
    /// [`PlanError::InvalidModel`] where the model is not valid, [`PlanError::TooLarge`] where its values would need
    /// more than 256 MiB.
    pub fn new(model: &Model) -> Result<Self, PlanError> {
        Self::of_valid(model, model.validate()?, Token::best())
    }

    /// Plans `model` for the instruction set `isa`: for tests and comparisons.
    ///
    /// # Errors
    /// As [`Plan::new`], and [`PlanError::IsaUnavailable`].
    pub fn with_isa(model: &Model, isa: IsaKind) -> Result<Self, PlanError> {
        let token = Token::new(isa).ok_or(PlanError::IsaUnavailable { isa: isa.name() })?;
        Self::of_valid(model, model.validate()?, token)
    }

    /// The instruction set that the kernels use.
    pub fn isa(&self) -> IsaKind {
        self.token.kind()
    }

    /// True for a model whose input is a sequence.
    pub fn is_sequence(&self) -> bool {
        self.chunk_steps > 0
    }

    /// Elements of an input: of all inputs together, where the model has several; of one step, where it is a sequence.
    pub fn input_len(&self) -> usize {
        let elements: usize = self.inputs.iter().map(|input| input.layout.pixels_of_all()).sum();
        if self.is_sequence() { elements / CHUNK } else { elements }
    }

    /// Elements of the first output.
    pub fn output_len(&self) -> usize {
        self.outputs[0].len()
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

    /// Elements at the front of the arena that hold the state of a sequence; all zero at its start.
    pub(crate) fn state_len(&self) -> usize {
        self.state_len
    }

    /// Where the output `index` stands in the arena after a run.
    pub(crate) fn output_range(&self, index: usize) -> Range<usize> {
        self.outputs[index].clone()
    }

    /// Runs every step over `arena`; `input` has [`Plan::input_len`] elements.
    pub(crate) fn execute(&self, input: &[f32], arena: &mut [f32], mut after_step: impl FnMut(&str)) {
        self.place_input(input, arena);
        for step in &self.steps {
            step.run(self.token, arena, usize::MAX);
            after_step(&step.layer);
        }
    }

    fn place_input(&self, mut input: &[f32], arena: &mut [f32]) {
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
    }

    /// Takes a sequence on by the steps in `rows`, [`Plan::input_len`] elements each.
    pub(crate) fn push(&self, rows: &[f32], arena: &mut [f32], mut after_step: impl FnMut(&str)) {
        let features = self.input_len();
        let Input { arena: range, layout } = &self.inputs[0];
        for rows in rows.chunks(CHUNK * features) {
            let columns = &mut arena[range.clone()];
            for j in 0..features {
                for (x, row) in columns[layout.row(j, 0)].iter_mut().zip(rows.chunks_exact(features)) {
                    *x = row[j];
                }
            }
            for step in &self.steps[..self.chunk_steps] {
                step.run(self.token, arena, rows.len() / features);
                after_step(&step.layer);
            }
        }
    }

    /// Makes the outputs of a sequence of which `steps` steps were pushed. The state stays as it is.
    pub(crate) fn finish(&self, steps: usize, arena: &mut [f32], mut after_step: impl FnMut(&str)) {
        for step in &self.steps[self.chunk_steps..] {
            step.run(self.token, arena, steps);
            after_step(&step.layer);
        }
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("isa", &self.isa()).field("steps", &self.steps.len()).finish_non_exhaustive()
    }
}
