//! From a model to a program, in this order: which values are bytes (`dtypes`), where values stand (`layouts`), which nodes go
//! together (`fuse`), which kernel runs them (`select`), and where the buffers stand (`arena`).

mod arena;
mod dtypes;
mod error;
mod fuse;
mod layouts;
mod program;
mod select;

pub use error::PlanError;
pub use program::PlannedLayer;
pub(crate) use program::{Input, Program, Tail, Tilt};

use crate::isa::Token;
use crate::kernels::f32::lstm::Lstm;
use crate::kernels::f32::over_time::AddUp;
use crate::kernels::f32::pointwise::{Operation, Pointwise};
use crate::kernels::{GROUP, Kernel, LAYER_KERNELS};
use crate::limits::Limits;
use crate::model::{Model, Op};
use crate::tensor::shape::is_sequence;
use crate::tensor::{Elements, LINE, Layout};
use crate::weights::Weight;
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use arena::{Lifetime, place};
use core::ops::Range;
use layouts::{MAX_ELEMENTS, Value, lay_out};
use program::Task;
use select::Select;

/// The largest state of an LSTM: its working memory must not overflow.
const MAX_HIDDEN_SIZE: usize = 1 << 16;

/// The names of the kernels that a plan can be forced to.
pub(crate) fn kernel_names() -> impl Iterator<Item = &'static str> {
    LAYER_KERNELS.iter().map(|kernel| kernel.name)
}

/// Compiles a model for an instruction set; `forced` is the name of a kernel to take
/// wherever it fits.
pub(crate) fn compile(model: &Model, token: Token, forced: Option<&str>, limits: Limits) -> Result<Program, PlanError> {
    let shapes = &model.shapes[..];
    if let Some(name) = forced.filter(|&name| kernel_names().all(|known| known != name)) {
        return Err(PlanError::UnknownKernel { kernel: name.into() });
    }
    let elements = dtypes::elements(model, shapes);
    let most = MAX_ELEMENTS.min(limits.memory_bytes / size_of::<f32>());
    let values = lay_out(model, shapes, &elements, token.lanes(), most)?;
    check_macs(model, limits.macs)?;
    let inputs = model.inputs.len();
    let mut compiler = Compiler {
        model,
        shapes,
        select: Select { model, values: &values, elements: &elements, token, forced },
        only_reader: fuse::only_readers(model, values.len()),
        fused: vec![false; model.nodes.len()],
        buffers: Vec::new(),
        buffer_of: vec![0; values.len()],
        tasks: Vec::new(),
        layers: Vec::new(),
        connections: Vec::new(),
        weight_bytes: 0,
        limits,
    };

    // What a sequence carries from chunk to chunk stands in front of all else, and is never overwritten.
    let mut carried = Vec::with_capacity(model.nodes.len());
    for node in &model.nodes {
        let len = match node.op {
            Op::Lstm { params, .. } if params.hidden_size > MAX_HIDDEN_SIZE => {
                return Err(PlanError::TooLarge { layer: node.name.clone(), bytes: usize::MAX });
            }
            Op::Lstm { params, .. } => Some(Lstm::state_len(&params)),
            Op::MeanOverTime => Some(values[node.input.0 as usize].layout.channels),
            _ => None,
        };
        carried.push(len.map(|len| compiler.buffer(len, usize::MAX)));
    }
    let carried_buffers = compiler.buffers.len();

    for v in 0..inputs {
        compiler.define(v);
    }
    let reads_sequence = |i: usize| is_sequence(&shapes[model.nodes[i].input.0 as usize]);
    let is_mean = |i: usize| matches!(model.nodes[i].op, Op::MeanOverTime);
    for i in (0..model.nodes.len()).filter(|&i| reads_sequence(i)) {
        match carried[i] {
            Some(sums) if is_mean(i) => compiler.add_up(i, sums),
            state => compiler.node(i, Buffers { state, ..Buffers::default() })?,
        }
    }
    let chunk_tasks = compiler.tasks.len();
    for i in (0..model.nodes.len()).filter(|&i| !reads_sequence(i) || is_mean(i)) {
        // A mean reads the sums.
        compiler.node(i, Buffers { src: carried[i], ..Buffers::default() })?;
    }
    let outputs: Vec<_> = model.outputs.iter().map(|output| compiler.output(output.0 as usize)).collect();

    let Compiler { buffers, buffer_of, mut tasks, layers, connections, weight_bytes, .. } = compiler;
    let placed = place(&buffers);
    for (task, Buffers { src, dst, state, scratch }) in tasks.iter_mut().zip(connections) {
        task.buffers = [src, dst, state, scratch].map(|buffer| buffer.map_or(0..0, |buffer| placed[buffer].clone()));
    }
    let mut arena_len = placed.iter().map(|range| range.end).max().unwrap_or(0);
    let outputs: Vec<_> = outputs.into_iter().map(|(b, len)| placed[b].start..placed[b].start + len).collect();
    let tilt = model.tilt.map(|tangent| {
        let first_look = arena_len..arena_len + outputs[0].len();
        arena_len = first_look.end;
        Tilt { tangent, first_look }
    });
    let bytes = weight_bytes.saturating_add(arena_len.saturating_mul(size_of::<f32>()));
    if arena_len > most || bytes > limits.memory_bytes {
        return Err(PlanError::TooLarge { layer: "outputs".into(), bytes });
    }
    Ok(Program {
        tail: tail(token, &tasks, &buffers, &placed, most),
        chunk_tasks,
        arena_len,
        state_len: placed[..carried_buffers].last().map_or(0, |range| range.end),
        inputs: (0..inputs)
            .map(|v| Input { arena: placed[buffer_of[v]].clone(), layout: values[v].layout.clone() })
            .collect(),
        outputs,
        tilt,
        tasks,
        layers,
    })
}

/// Refuses what would run for too long.
fn check_macs(model: &Model, most: u64) -> Result<(), PlanError> {
    let mut macs = 0u64;
    for (i, node) in model.nodes.iter().enumerate() {
        macs = macs.saturating_add(model.work_of(i));
        if macs > most {
            return Err(PlanError::TooSlow { layer: node.name.clone(), macs });
        }
    }
    Ok(())
}

/// Bytes that no kernel's packed weights for `op` exceed: rows are filled up to a tile, and Winograd's transforms make 36 values
/// of 9.
fn most_packed(model: &Model, op: &Op) -> usize {
    const TILE: usize = 64;
    const ELEMENT_BYTES: usize = 16;
    let padded = |weight: &Weight| weight.rows().next_multiple_of(TILE).saturating_mul(weight.columns());
    let matrices = op.matrices().map(|id| padded(model.weight(id)));
    let all = op.weights().map(|id| model.weight(id).elements());
    matrices.chain(all).fold(0, usize::saturating_add).saturating_mul(ELEMENT_BYTES)
}

/// The tail of `tasks`, where a session may have `most` elements, over buffers with these lifetimes and places, if there is one.
fn tail(token: Token, tasks: &[Task], buffers: &[Lifetime], placed: &[Range<usize>], most: usize) -> Option<Tail> {
    let vectors = tasks.iter().rposition(|task| !task.makes_vector()).map_or(0, |last| last + 1);
    let first = vectors + tasks[vectors..].iter().position(|task| task.kernel.facts(token).takes_groups)?;
    // Inputs are there before the first task, as if it had written them.
    let lives = |buffer: &Lifetime| buffer.first < first.max(1) && buffer.last >= first;
    let carried: Vec<_> = buffers.iter().zip(placed).filter(|(b, _)| lives(b)).map(|(_, r)| r.clone()).collect();
    let used = tasks[first..].iter().flat_map(|task| &task.buffers);
    let len = used.chain(&carried).map(|range| range.end).max()?.next_multiple_of(LINE);
    // A group may take no more memory than the values of a plan.
    (len <= most / GROUP).then_some(Tail { first, carried, len })
}

/// The tasks so far, and the buffers between them in the order in which they are written first.
struct Compiler<'a> {
    model: &'a Model,
    shapes: &'a [Vec<usize>],
    select: Select<'a>,
    /// See [`fuse::only_readers`].
    only_reader: Vec<Option<usize>>,
    /// Nodes that the task of an earlier one runs too.
    fused: Vec<bool>,
    buffers: Vec<Lifetime>,
    /// The buffer of each value that is defined already.
    buffer_of: Vec<usize>,
    tasks: Vec<Task>,
    layers: Vec<PlannedLayer>,
    /// The buffers of each task.
    connections: Vec<Buffers>,
    /// Of the packed weights of the tasks so far.
    weight_bytes: usize,
    limits: Limits,
}

/// The buffers of a task.
#[derive(Clone, Copy, Default)]
struct Buffers {
    src: Option<usize>,
    dst: Option<usize>,
    state: Option<usize>,
    scratch: Option<usize>,
}

impl Compiler<'_> {
    /// A new buffer that the next task writes, and that lives until the task `last`.
    fn buffer(&mut self, elements: usize, last: usize) -> usize {
        self.buffers.push(Lifetime { elements, first: self.tasks.len(), last });
        self.buffers.len() - 1
    }

    fn value(&self, v: usize) -> &Value {
        &self.select.values[v]
    }

    /// A new buffer for value `v`, which the next task writes.
    fn define(&mut self, v: usize) -> usize {
        let elements = self.value(v).layout.elements().unwrap_or(usize::MAX);
        self.buffer_of[v] = self.buffer(elements, self.tasks.len());
        self.buffer_of[v]
    }

    /// Appends a task that makes value `v`, or a part of it, for the layer `name`.
    fn push(&mut self, name: &str, v: usize, kernel: Box<dyn Kernel>, dst_layout: Layout, buffers: Buffers) {
        if let Some(src) = buffers.src {
            let last = &mut self.buffers[src].last;
            *last = self.tasks.len().max(*last);
        }
        self.connections.push(buffers);
        let facts = kernel.facts(self.select.token);
        self.weight_bytes = self.weight_bytes.saturating_add(facts.weight_bytes);
        self.layers.push(PlannedLayer {
            name: name.into(),
            kernel: facts.name(self.select.token),
            output: self.shapes[v].clone(),
            weight_bytes: facts.weight_bytes,
            cost: None,
        });
        self.tasks.push(Task {
            kernel,
            buffers: Default::default(),
            dst_layout,
            // Quads of pixels have more than zeros in their borders, and their kernel writes them.
            clears_border: !matches!(self.select.elements[v], Elements::Pixels(_)),
        });
    }

    /// The task of node `i`, with those of its buffers that are not its input's and output's own. Nodes that only rename a
    /// value have none.
    fn node(&mut self, i: usize, buffers: Buffers) -> Result<(), PlanError> {
        let (node, v) = (&self.model.nodes[i], self.model.inputs.len() + i);
        let (input, renamed) = (node.input.0 as usize, self.value(v).buffer);
        if self.fused[i] {
            return Ok(());
        }
        if renamed != v {
            self.buffer_of[v] = self.buffer_of[renamed];
            return Ok(());
        }
        let bytes = self.weight_bytes.saturating_add(most_packed(self.model, &node.op));
        if bytes > self.limits.memory_bytes {
            return Err(PlanError::TooLarge { layer: node.name.clone(), bytes });
        }
        let chains = fuse::chains(self.model, &self.only_reader, i);
        let (chain, kernel) = self.select.first(&chains);
        chain[1..].iter().for_each(|&other| self.fused[other] = true);
        let v = self.model.inputs.len() + chain[chain.len() - 1];
        // Flattening keeps the image's shape, without its borders.
        let dst_layout = match node.op {
            Op::Flatten => self.value(input).layout.without_border(),
            _ => self.value(v).layout.clone(),
        };
        let src = buffers.src.or(Some(self.buffer_of[input]));
        let dst = Some(self.define(v));
        let scratch_len = kernel.facts(self.select.token).scratch_len;
        let scratch = (scratch_len > 0).then(|| self.buffer(scratch_len, self.tasks.len()));
        self.push(&node.name, v, kernel, dst_layout, Buffers { src, dst, scratch, ..buffers });
        if let Some(layer) = self.layers.last_mut() {
            layer.cost = self.model.cost_of(i);
        }
        Ok(())
    }

    /// The part of a mean over time that each chunk adds to its sums.
    fn add_up(&mut self, i: usize, sums: usize) {
        let (node, v) = (&self.model.nodes[i], self.model.inputs.len() + i);
        let (src, mean) = (self.value(node.input.0 as usize).layout.clone(), self.value(v).layout.clone());
        let buffers =
            Buffers { src: Some(self.buffer_of[node.input.0 as usize]), dst: Some(sums), ..Buffers::default() };
        self.push(&node.name, v, Box::new(AddUp { src }), mean, buffers);
    }

    /// The buffer and length of an output, in a layout without borders, that lives on after the last task.
    fn output(&mut self, v: usize) -> (usize, usize) {
        let src = self.value(v).layout.clone();
        let len = src.pixels_of_all();
        let mut buffer = self.buffer_of[v];
        if !src.is_tight() {
            let dst = self.buffer(len, self.tasks.len());
            let buffers = Buffers { src: Some(buffer), dst: Some(dst), ..Buffers::default() };
            let tight = src.without_border();
            let copy = Pointwise { operation: Operation::Copy, src, dst: tight.clone() };
            self.push("output", v, Box::new(copy), tight, buffers);
            buffer = dst;
        }
        self.buffers[buffer].last = usize::MAX;
        (buffer, len)
    }
}
