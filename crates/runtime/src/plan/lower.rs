//! From a model to steps: buffers, their lifetimes, and what runs when.

use super::arena::{Lifetime, place};
use super::bytes::{self, Storage};
use super::choose::{pooled_task, task};
use super::layout::Layout;
use super::step::{Step, Task};
use super::tail::Tail;
use super::values::{MAX_ELEMENTS, Value, lay_out};
use super::{Input, Plan};
use crate::error::PlanError;
use crate::isa::Token;
use crate::kernels::bytes::Quantization;
use crate::kernels::bytes::quantize::{Neighbours, Quantize};
use crate::kernels::lstm::Lstm;
use crate::kernels::pointwise::Pointwise;
use crate::kernels::spmv;
use crate::model::{Model, Op};
use crate::shape::is_sequence;
use alloc::vec::Vec;

impl Plan {
    /// Plans a valid model, whose values have these shapes.
    pub(crate) fn of_valid(model: &Model, shapes: Vec<Vec<usize>>, token: Token) -> Result<Self, PlanError> {
        let storages = bytes::storages(model, &shapes);
        let values = lay_out(model, &shapes, &storages, token.lanes())?;
        let inputs = model.inputs.len();
        let mut lowering = Lowering {
            model,
            shapes: &shapes,
            values: &values,
            storages: &storages,
            token,
            buffers: Vec::new(),
            buffer_of: alloc::vec![0; values.len()],
            steps: Vec::new(),
            connections: Vec::new(),
            only_reader: only_readers(model, values.len()),
            fused: alloc::vec![false; model.nodes.len()],
        };

        // What a sequence carries from chunk to chunk stands in front of all else, and is never overwritten.
        let mut carried = Vec::with_capacity(model.nodes.len());
        for node in &model.nodes {
            let len = match node.op {
                Op::Lstm { params, .. } => {
                    if params.hidden_size > spmv::MAX_IN_FEATURES {
                        return Err(PlanError::TooLarge { layer: node.name.clone(), elements: params.hidden_size });
                    }
                    Some(Lstm::state_len(&params))
                }
                Op::MeanOverTime => Some(values[node.input.0 as usize].layout.channels),
                _ => None,
            };
            carried.push(len.map(|len| lowering.buffer(len, usize::MAX)));
        }
        let carried_buffers = lowering.buffers.len();

        for v in 0..inputs {
            lowering.define(v);
        }
        let reads_sequence = |i: usize| is_sequence(&shapes[model.nodes[i].input.0 as usize]);
        for i in (0..model.nodes.len()).filter(|&i| reads_sequence(i)) {
            match (carried[i], &model.nodes[i].op) {
                (Some(sums), Op::MeanOverTime) => lowering.add_up(i, sums),
                (state, _) => lowering.node(i, state),
            }
        }
        let chunk_steps = lowering.steps.len();
        for i in 0..model.nodes.len() {
            match (carried[i], &model.nodes[i].op) {
                (Some(sums), Op::MeanOverTime) => lowering.mean(i, sums),
                _ if reads_sequence(i) => {}
                _ => lowering.node(i, None),
            }
        }
        let outputs: Vec<_> = model.outputs.iter().map(|output| lowering.output(output.0 as usize)).collect();

        let Lowering { buffers, buffer_of, mut steps, connections, .. } = lowering;
        let placed = place(&buffers);
        for (step, buffers) in steps.iter_mut().zip(&connections) {
            let range = |buffer: Option<usize>| buffer.map_or(0..0, |buffer| placed[buffer].clone());
            step.src = placed[buffers.src].clone();
            step.dst = placed[buffers.dst].clone();
            step.state = range(buffers.state);
            step.scratch = range(buffers.scratch);
        }
        let arena_len = placed.iter().map(|range| range.end).max().unwrap_or(0);
        if arena_len > MAX_ELEMENTS {
            return Err(PlanError::TooLarge { layer: "outputs".into(), elements: arena_len });
        }
        Ok(Self {
            token,
            tail: Tail::of(&steps, &buffers, &placed),
            arena_len,
            state_len: placed[..carried_buffers].last().map_or(0, |range| range.end),
            chunk_steps,
            inputs: (0..inputs)
                .map(|v| Input { arena: placed[buffer_of[v]].clone(), layout: values[v].layout.clone() })
                .collect(),
            outputs: outputs.into_iter().map(|(b, len)| placed[b].start..placed[b].start + len).collect(),
            steps,
        })
    }
}

/// The steps so far, and the buffers between them in the order in which they are written first.
struct Lowering<'a> {
    model: &'a Model,
    shapes: &'a [Vec<usize>],
    values: &'a [Value],
    storages: &'a [Storage],
    token: Token,
    buffers: Vec<Lifetime>,
    /// The buffer of each value that is defined already.
    buffer_of: Vec<usize>,
    steps: Vec<Step>,
    /// The buffers of each step.
    connections: Vec<Buffers>,
    /// The one node that reads each value, where it is read once and is no output.
    only_reader: Vec<Option<usize>>,
    /// Nodes that the step of an earlier one runs too.
    fused: Vec<bool>,
}

/// See [`Lowering::only_reader`].
fn only_readers(model: &Model, values: usize) -> Vec<Option<usize>> {
    let mut reads = alloc::vec![0u32; values];
    let mut last = alloc::vec![None; values];
    for (i, node) in model.nodes.iter().enumerate() {
        reads[node.input.0 as usize] += 1;
        last[node.input.0 as usize] = Some(i);
    }
    for output in &model.outputs {
        reads[output.0 as usize] += 1;
    }
    last.into_iter().zip(reads).map(|(reader, reads)| reader.filter(|_| reads == 1)).collect()
}

/// The buffers of a step.
#[derive(Clone, Copy)]
struct Buffers {
    src: usize,
    dst: usize,
    state: Option<usize>,
    scratch: Option<usize>,
}

impl Lowering<'_> {
    /// A new buffer that the next step writes, and that lives until the step `last`.
    fn buffer(&mut self, elements: usize, last: usize) -> usize {
        self.buffers.push(Lifetime { elements, first: self.steps.len(), last });
        self.buffers.len() - 1
    }

    /// A new buffer for value `v`, which the next step writes.
    fn define(&mut self, v: usize) -> usize {
        let elements = self.values[v].layout.elements().unwrap_or(usize::MAX);
        self.buffer_of[v] = self.buffer(elements, self.steps.len());
        self.buffer_of[v]
    }

    /// Appends a step that makes value `v`, or a part of it.
    fn push(&mut self, layer: &str, v: usize, task: Task, [src_layout, dst_layout]: [Layout; 2], buffers: Buffers) {
        let last = &mut self.buffers[buffers.src].last;
        *last = self.steps.len().max(*last);
        self.connections.push(buffers);
        self.steps.push(Step {
            layer: layer.into(),
            shape: self.shapes[v].clone(),
            src: 0..0,
            dst: 0..0,
            state: 0..0,
            scratch: 0..0,
            src_layout,
            dst_layout,
            task,
            cost: None,
        });
    }

    /// The step of node `i`, which keeps its state in the buffer `state`. Nodes that only rename a value have none.
    fn node(&mut self, i: usize, state: Option<usize>) {
        let (node, v) = (&self.model.nodes[i], self.model.inputs.len() + i);
        let (input, value) = (node.input.0 as usize, &self.values[v]);
        if self.fused[i] {
            return;
        }
        if value.buffer != v {
            self.buffer_of[v] = self.buffer_of[value.buffer];
            return;
        }
        let src_layout = &self.values[input].layout;
        // The last node of the step.
        let (last, task) = match self.rounded(i).or_else(|| self.pooled(i)) {
            Some(several) => several,
            None => {
                let (quads, layouts) = (self.storages[v] != Storage::Numbers, [src_layout, &value.layout]);
                (i, task(self.model, &node.op, quads, layouts, self.token.lanes()))
            }
        };
        let mut next = i;
        while next != last {
            let Some(reader) = self.only_reader[self.model.inputs.len() + next] else { break };
            self.fused[reader] = true;
            next = reader;
        }
        let v = self.model.inputs.len() + last;
        let value = &self.values[v];
        // Flattening keeps the image's shape, without its borders.
        let flat = matches!(node.op, Op::Flatten).then(|| src_layout.without_border());
        let dst_layout = flat.unwrap_or_else(|| value.layout.clone());
        let (src, dst) = (self.buffer_of[input], self.define(v));
        let scratch = task.scratch_len().map(|len| self.buffer(len, self.steps.len()));
        self.push(&node.name, v, task, [src_layout.clone(), dst_layout], Buffers { src, dst, state, scratch });
        if let Some(step) = self.steps.last_mut() {
            step.cost = self.model.cost_of(i, self.shapes);
        }
    }

    /// For a node that makes or multiplies bytes: the last node of its step, which is itself, the rounding that alone reads its
    /// output, or the pooling behind that; and the task.
    fn rounded(&self, i: usize) -> Option<(usize, Task)> {
        let (inputs, op) = (self.model.inputs.len(), &self.model.nodes[i].op);
        let input = self.model.nodes[i].input.0 as usize;
        let layout = |node: usize| &self.values[inputs + node].layout;
        let storage = |node: usize| self.storages[inputs + node];
        // Rounding is a step of its own, or of what subtracts a mean before it, where no layer does it.
        let (rounding, mean) = match *op {
            Op::FakeQuantize { .. } => (Some(i), Vec::new()),
            Op::SubtractMean { mean } => {
                let reader = self.only_reader[inputs + i];
                let rounds = |&reader: &usize| matches!(self.model.nodes[reader].op, Op::FakeQuantize { .. });
                (reader.filter(rounds), self.model.weight(mean).to_dense())
            }
            _ => (None, Vec::new()),
        };
        if let Some(rounding) = rounding {
            let to = storage(rounding).quantization()?;
            let by_pixel = matches!(storage(rounding), Storage::Pixels(_));
            let neighbours = if by_pixel { Neighbours::Pixels } else { Neighbours::Channels };
            return Some((rounding, Task::Quantize(Quantize { mean, to, neighbours })));
        }
        let (from, src) = (self.storages[input], &self.values[input].layout);
        let Some((rounding, to)) = self.reader_of_bytes(i, |op| matches!(op, Op::FakeQuantize { .. })) else {
            return Some((i, bytes::task(self.model, op, from, None, [src, layout(i)], self.token)?));
        };
        if let Some((pool, _)) = self.reader_of_bytes(rounding, |op| matches!(op, Op::MaxPool2d { .. }))
            && let Op::MaxPool2d { params } = &self.model.nodes[pool].op
            && let layouts = [src, layout(rounding), layout(pool)]
            && let Some(task) = bytes::pooled_task(self.model, op, from, to, params, layouts, self.token)
        {
            return Some((pool, task));
        }
        Some((rounding, bytes::task(self.model, op, from, Some(to), [src, layout(rounding)], self.token)?))
    }

    /// The node that alone reads the output of node `i`, where it is one of these and makes quads of bytes.
    fn reader_of_bytes(&self, i: usize, is_one: impl Fn(&Op) -> bool) -> Option<(usize, Quantization)> {
        let inputs = self.model.inputs.len();
        let reader = self.only_reader[inputs + i].filter(|&reader| is_one(&self.model.nodes[reader].op))?;
        match self.storages[inputs + reader] {
            Storage::Quads(quantization) => Some((reader, quantization)),
            Storage::Numbers | Storage::Pixels(_) => None,
        }
    }

    /// The max pooling that alone reads the output of the convolution `i`, and the task of both, where there is one.
    fn pooled(&self, i: usize) -> Option<(usize, Task)> {
        let (v, model) = (self.model.inputs.len() + i, self.model);
        let pool = self.only_reader[v]?;
        let Op::MaxPool2d { params } = model.nodes[pool].op else { return None };
        let (conv, value) = (&self.values[v].layout, &self.values[self.model.inputs.len() + pool]);
        let layouts = [&self.values[model.nodes[i].input.0 as usize].layout, &value.layout];
        let size = [conv.height, conv.width];
        let task = pooled_task(model, &model.nodes[i].op, &params, size, layouts, self.token.lanes())?;
        Some((pool, task))
    }

    /// The part of a mean over time that each chunk adds to its sums.
    fn add_up(&mut self, i: usize, sums: usize) {
        let node = &self.model.nodes[i];
        let input = node.input.0 as usize;
        let layout = self.values[input].layout.clone();
        let v = self.model.inputs.len() + i;
        let mean = self.values[v].layout.clone();
        let buffers = Buffers { src: self.buffer_of[input], dst: sums, state: None, scratch: None };
        self.push(&node.name, v, Task::AddUp, [layout, mean], buffers);
    }

    /// The part of a mean over time that follows the last chunk.
    fn mean(&mut self, i: usize, sums: usize) {
        let v = self.model.inputs.len() + i;
        let layout = self.values[v].layout.clone();
        let buffers = Buffers { src: sums, dst: self.define(v), state: None, scratch: None };
        self.push(&self.model.nodes[i].name, v, Task::Mean, [layout.clone(), layout], buffers);
    }

    /// The buffer and length of an output, in a layout without borders, that lives on after the last step.
    fn output(&mut self, v: usize) -> (usize, usize) {
        let layout = &self.values[v].layout;
        let len = layout.pixels_of_all();
        let mut buffer = self.buffer_of[v];
        if !layout.is_tight() {
            let dst = self.buffer(len, self.steps.len());
            let buffers = Buffers { src: buffer, dst, state: None, scratch: None };
            let layouts = [layout.clone(), layout.without_border()];
            self.push("output", v, Task::Pointwise(Pointwise::Copy), layouts, buffers);
            buffer = dst;
        }
        self.buffers[buffer].last = usize::MAX;
        (buffer, len)
    }
}
