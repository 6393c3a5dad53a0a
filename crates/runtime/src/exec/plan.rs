//! The plan: a model made ready for this machine.

use super::tilt::Turned;
use crate::compile::PlanError;
use crate::compile::{Input, PlannedLayer, Program, Tail, Tilt, compile, kernel_names};
use crate::isa::{IsaKind, Token};
use crate::kernels::{CHUNK, Extent, GROUP};
use crate::limits::Limits;
use crate::model::Model;
use core::fmt;
use core::ops::Range;

/// A model with packed weights, chosen kernels and an arena laid out: immutable, and shared by any number of
/// [`Session`](crate::Session)s through an [`Arc`](alloc::sync::Arc).
///
/// A plan is made for the machine that it runs on and is never saved. Of the kernels that fit a layer it takes the one that is
/// estimated to be the fastest. Its `Display` is a table of its layers.
///
/// ```
/// # use hccr_runtime::{ModelBuilder, Op, Plan};
/// # let mut network = ModelBuilder::new(&[3]);
/// # network.push("softmax", Op::Softmax);
/// # let model = network.finish()?;
/// let plan = Plan::new(&model)?;
/// println!("{plan}");
/// assert_eq!(plan.layers()[0].kernel, "f32_softmax");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct Plan {
    token: Token,
    pub(super) program: Program,
}

impl Plan {
    /// Consecutive output channels and consecutive input channels, at one tap of the kernel, whose weights the kernels skip
    /// together where all of them are zero. Blocks start at multiples of these numbers.
    ///
    /// Products of `f32` load an input once for as many output channels, as long as one of them has a weight there; how many
    /// input channels a block has does not matter to them. Products of 8-bit integers take as many input channels in one
    /// instruction. Only convolutions make use of it: of all patterns with the same number of weights, none is faster in 8
    /// bits, and in `f32` none whose blocks have as many output channels.
    pub const BLOCK: [usize; 2] = [4, 4];

    /// Plans `model` for the fastest instruction set of this machine.
    ///
    /// # Errors
    /// [`PlanError::TooLarge`] and [`PlanError::TooSlow`] beyond the default [`Limits`].
    pub fn new(model: &Model) -> Result<Self, PlanError> {
        Self::with_limits(model, Limits::default())
    }

    /// Plans `model` for the fastest instruction set of this machine, within `limits`.
    ///
    /// # Errors
    /// [`PlanError::TooLarge`] where packed weights and the working memory of a session may take more memory,
    /// [`PlanError::TooSlow`] where a run would take more work.
    pub fn with_limits(model: &Model, limits: Limits) -> Result<Self, PlanError> {
        Self::compiled(model, Token::best(), None, limits)
    }

    /// Plans `model` for the instruction set `isa`: for tests and comparisons.
    ///
    /// # Errors
    /// As [`Plan::new`], and [`PlanError::IsaUnavailable`].
    pub fn with_isa(model: &Model, isa: IsaKind) -> Result<Self, PlanError> {
        Self::compiled(model, token(isa)?, None, Limits::default())
    }

    /// Plans `model` for `isa`, with the kernel of this name (see [`Plan::kernels`]) for every layer that it fits: for tests and
    /// measurements.
    #[doc(hidden)]
    pub fn with_kernel(model: &Model, isa: IsaKind, kernel: &str) -> Result<Self, PlanError> {
        Self::compiled(model, token(isa)?, Some(kernel), Limits::default())
    }

    /// The names of the kernels for layers with a matrix, without tile and instruction set: `f32_spmm`.
    #[doc(hidden)]
    pub fn kernels() -> impl Iterator<Item = &'static str> {
        kernel_names()
    }

    fn compiled(model: &Model, token: Token, forced: Option<&str>, limits: Limits) -> Result<Self, PlanError> {
        Ok(Self { token, program: compile(model, token, forced, limits)? })
    }

    /// The instruction set that the kernels use.
    pub fn isa(&self) -> IsaKind {
        self.token.kind()
    }

    /// What runs, in order. Of a plan for sequences, the first [`Plan::chunk_layers`] run for each chunk of time steps, the
    /// others once they are all there.
    pub fn layers(&self) -> &[PlannedLayer] {
        &self.program.layers
    }

    /// How many of the layers run for each chunk of time steps; 0 where the input is no sequence.
    pub fn chunk_layers(&self) -> usize {
        self.program.chunk_tasks
    }

    /// True for a model whose input is a sequence.
    pub fn is_sequence(&self) -> bool {
        self.program.chunk_tasks > 0
    }

    /// Elements of an input: of all inputs together, where the model has several; of one time step, where it is a sequence.
    pub fn input_len(&self) -> usize {
        let elements: usize = self.program.inputs.iter().map(|input| input.layout.pixels_of_all()).sum();
        if self.is_sequence() { elements / CHUNK } else { elements }
    }

    /// Elements of the first output.
    pub fn output_len(&self) -> usize {
        self.output_range(0).len()
    }

    /// Number of outputs of the model.
    pub fn output_count(&self) -> usize {
        self.program.outputs.len()
    }

    /// Bytes of working memory that each session needs.
    pub fn arena_bytes(&self) -> usize {
        self.program.arena_len * size_of::<f32>()
    }

    /// Bytes of working memory that each session of a [`Batch`](crate::Batch) needs beside [`Plan::arena_bytes`].
    pub fn group_bytes(&self) -> usize {
        self.group_len() * size_of::<f32>()
    }

    /// How many samples a group takes.
    pub(crate) fn group(&self) -> usize {
        GROUP / self.looks()
    }

    /// Elements that a group needs beside an arena; none where the plan has no tail.
    pub(crate) fn group_len(&self) -> usize {
        self.program.tail.as_ref().map_or(0, |tail| GROUP * tail.len)
    }

    /// Where the output `index` stands in the arena after a run.
    pub(crate) fn output_range(&self, index: usize) -> Range<usize> {
        self.program.outputs[index].clone()
    }

    /// Runs some of the tasks, and calls `after_layer` after each.
    fn run(&self, tasks: Range<usize>, arena: &mut [f32], extent: Extent, after_layer: &mut impl FnMut(&PlannedLayer)) {
        for (task, layer) in self.program.tasks[tasks.clone()].iter().zip(&self.program.layers[tasks]) {
            task.run(self.token, arena, extent);
            after_layer(layer);
        }
    }

    /// How often a run looks at its input: see [`Model::looks`].
    fn looks(&self) -> usize {
        if self.program.tilt.is_some() { 2 } else { 1 }
    }

    /// Runs every task over `arena`, once per look; `input` has [`Plan::input_len`] elements.
    pub(crate) fn execute(&self, input: &[f32], arena: &mut [f32], after_layer: &mut impl FnMut(&PlannedLayer)) {
        for look in 0..self.looks() {
            self.place_input(input, look, arena);
            self.run(0..self.program.tasks.len(), arena, Extent::Whole, after_layer);
            if let Some(Tilt { first_look, .. }) = &self.program.tilt {
                if look == 0 {
                    arena.copy_within(self.output_range(0), first_look.start);
                } else {
                    let both = arena.get_disjoint_mut([self.output_range(0), first_look.clone()]);
                    let [output, first] = both.expect("planned apart");
                    average(first, output);
                }
            }
        }
    }

    /// Puts `input` into the arena, as it is seen in this look.
    fn place_input(&self, mut input: &[f32], look: usize, arena: &mut [f32]) {
        for Input { arena: range, layout } in &self.program.inputs {
            let planes = &mut arena[range.clone()];
            let turn = |tangent: f32| Turned::new(input, layout.width, if look == 0 { tangent } else { -tangent });
            let turned = self.program.tilt.as_ref().map(|tilt| turn(tilt.tangent));
            for channel in 0..layout.channels {
                for y in 0..layout.height {
                    let (row, rest) = input.split_at(layout.width);
                    let place = &mut planes[layout.row(channel, y)];
                    match &turned {
                        Some(turned) => turned.row(y, place),
                        None => place.copy_from_slice(row),
                    }
                    input = rest;
                }
            }
            layout.clear_border(planes);
        }
    }

    /// Takes a sequence on by the time steps in `rows`, [`Plan::input_len`] elements each.
    pub(crate) fn push(&self, rows: &[f32], arena: &mut [f32], after_layer: &mut impl FnMut(&PlannedLayer)) {
        let features = self.input_len();
        let Input { arena: range, layout } = &self.program.inputs[0];
        for rows in rows.chunks(CHUNK * features) {
            let columns = &mut arena[range.clone()];
            for j in 0..features {
                for (x, row) in columns[layout.row(j, 0)].iter_mut().zip(rows.chunks_exact(features)) {
                    *x = row[j];
                }
            }
            self.run(0..self.program.chunk_tasks, arena, Extent::Steps(rows.len() / features), after_layer);
        }
    }

    /// Makes the outputs of a sequence of which `steps` time steps were pushed. The state stays as it is.
    pub(crate) fn answer(&self, steps: usize, arena: &mut [f32], after_layer: &mut impl FnMut(&PlannedLayer)) {
        let Program { chunk_tasks, ref tasks, .. } = self.program;
        self.run(chunk_tasks..tasks.len(), arena, Extent::Steps(steps), after_layer);
    }

    /// Runs at most [`Plan::group`] samples: each alone up to the tail, over `arena`, and then all of them through it, over `group`.
    /// The first outputs go to `outputs`.
    pub(crate) fn execute_group<'a>(
        &self,
        inputs: impl ExactSizeIterator<Item = &'a [f32]>,
        outputs: impl Iterator<Item = &'a mut [f32]>,
        arena: &mut [f32],
        group: &mut [f32],
    ) {
        let looks = self.looks();
        let samples = looks * inputs.len();
        let Some(Tail { first, carried, len }) = self.program.tail.as_ref().filter(|_| samples > 1) else {
            for (input, output) in inputs.zip(outputs) {
                self.execute(input, arena, &mut |_| ());
                output.copy_from_slice(&arena[self.output_range(0)]);
            }
            return;
        };
        for (input, group) in inputs.zip(group.chunks_exact_mut(looks * len)) {
            for (look, sample) in group.chunks_exact_mut(*len).enumerate() {
                self.place_input(input, look, arena);
                self.run(0..*first, arena, Extent::Whole, &mut |_| ());
                carried.iter().for_each(|range| sample[range.clone()].copy_from_slice(&arena[range.clone()]));
            }
        }
        self.program.tasks[*first..].iter().for_each(|task| task.run_group(self.token, group, *len, samples));
        for (output, group) in outputs.zip(group.chunks_exact(looks * len)) {
            let mut of_looks = group.chunks_exact(*len).map(|sample| &sample[self.output_range(0)]).rev();
            of_looks.by_ref().take(1).for_each(|last| output.copy_from_slice(last));
            of_looks.for_each(|first| average(first, output));
        }
    }
}

/// Makes `output` the mean of both looks.
fn average(first: &[f32], output: &mut [f32]) {
    output.iter_mut().zip(first).for_each(|(last, &first)| *last = 0.5 * (first + *last));
}

fn token(isa: IsaKind) -> Result<Token, PlanError> {
    Token::new(isa).ok_or(PlanError::IsaUnavailable { isa: isa.name() })
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("isa", &self.isa()).field("layers", &self.layers()).finish_non_exhaustive()
    }
}
