//! Which values are bytes, and which kernel multiplies them.

use super::choose::epilogue;
use super::convolution::first_input;
use super::layout::Layout;
use super::step::Task;
use crate::isa::Token;
use crate::kernels::FlatPlanes;
use crate::kernels::bytes::conv::ByteConv;
use crate::kernels::bytes::linear::ByteLinear;
use crate::kernels::bytes::{ByteEpilogue, ByteMatrix, Quad, Quantization};
use crate::model::{Model, Op, Weight, WeightData};
use crate::shape::Conv2dParams;
use alloc::vec::Vec;

/// Products of as many bytes with weights of 7 bits add up within 32 bits.
const MAX_COLUMNS: usize = 1 << 16;

/// What the elements of a value are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Storage {
    Numbers,
    /// Bytes of four channels.
    Quads(Quantization),
    /// Bytes of four neighbours in a row, of one channel.
    Pixels(Quantization),
}

impl Storage {
    /// How bytes stand for numbers. `None` for numbers.
    pub(super) fn quantization(self) -> Option<Quantization> {
        match self {
            Self::Numbers => None,
            Self::Quads(quantization) | Self::Pixels(quantization) => Some(quantization),
        }
    }
}

/// What each value is: bytes where a [`Op::FakeQuantize`] made it and all that reads it multiplies bytes, perhaps after it
/// was pooled or flattened.
pub(super) fn storages(model: &Model, shapes: &[Vec<usize>]) -> Vec<Storage> {
    let inputs = model.inputs.len();
    let multiplies: Vec<bool> = model.nodes.iter().map(|node| multiplies_bytes(model, &node.op)).collect();
    // How many read each value, and how many of them want bytes.
    let (mut readers, mut takers) = (alloc::vec![0; shapes.len()], alloc::vec![0; shapes.len()]);
    for output in &model.outputs {
        readers[output.0 as usize] += 1;
    }
    for (i, node) in model.nodes.iter().enumerate().rev() {
        let (input, output) = (node.input.0 as usize, inputs + i);
        let takes = multiplies[i] || passes_bytes_on(&node.op) && wanted(&readers, &takers, output);
        readers[input] += 1;
        takers[input] += usize::from(takes);
    }
    let mut storages = alloc::vec![Storage::Numbers; shapes.len()];
    for (i, node) in model.nodes.iter().enumerate() {
        let (input, output) = (node.input.0 as usize, inputs + i);
        if !wanted(&readers, &takers, output) {
            continue;
        }
        storages[output] = match node.op {
            Op::FakeQuantize { scale, zero_point } => {
                let quantization = Quantization { scale, zero_point };
                let rows_alone = |(reader, &multiplies): (_, &bool)| {
                    let reader: &crate::model::Node = reader;
                    reader.input.0 as usize != output
                        || multiplies && matches!(reader.op, Op::Conv2d { params, .. } if params.kernel_size[1] <= 4)
                };
                let one_channel = matches!(shapes[output][..], [1, _, _]);
                let by_a_layer = node.input.0 as usize >= inputs && multiplies[input - inputs];
                if one_channel && !by_a_layer && model.nodes.iter().zip(&multiplies).all(rows_alone) {
                    Storage::Pixels(quantization)
                } else {
                    Storage::Quads(quantization)
                }
            }
            ref op if passes_bytes_on(op) => storages[input],
            _ => Storage::Numbers,
        };
    }
    storages
}

fn wanted(readers: &[usize], takers: &[usize], value: usize) -> bool {
    readers[value] > 0 && readers[value] == takers[value]
}

/// True for what gives bytes where it gets bytes.
fn passes_bytes_on(op: &Op) -> bool {
    matches!(op, Op::MaxPool2d { .. } | Op::Flatten | Op::Dropout { .. } | Op::Identity)
}

/// True for a layer that has a kernel for bytes, and weights that are integers small enough for it.
fn multiplies_bytes(model: &Model, op: &Op) -> bool {
    match *op {
        Op::Conv2d { params, weight, .. } => params.stride == [1, 1] && are_integers(model.weight(weight)),
        Op::Linear { weight, .. } => are_integers(model.weight(weight)),
        _ => false,
    }
}

fn are_integers(weight: &Weight) -> bool {
    let values = match &weight.data {
        WeightData::Dense(values) | WeightData::Sparse { values, .. } => values,
        WeightData::Codebook { centres, .. } => centres,
    };
    let most = f32::from(Op::MAX_QUANTIZED);
    weight.columns() <= MAX_COLUMNS && values.iter().all(|v| (-most..=most).contains(v) && *v == f32::from(*v as i8))
}

/// The kernel for a layer that reads bytes, and writes bytes where `to` says how; reads a value of `channels` channels, laid
/// out as `src` says.
pub(super) fn task(
    model: &Model,
    op: &Op,
    from: Storage,
    to: Option<Quantization>,
    [src, dst]: [&Layout; 2],
    token: Token,
) -> Option<Task> {
    let (quantization, lanes) = (from.quantization()?, token.lanes());
    let by_channel = matches!(from, Storage::Quads(_));
    match *op {
        Op::Conv2d { params, weight, scale, bias, prelu } if multiplies_bytes(model, op) => {
            let matrix = matrix(model.weight(weight), scale.map(|id| model.weight(id).to_dense()));
            let epilogue = epilogue(model, params.out_channels, bias, prelu);
            let epilogue = ByteEpilogue::new(&matrix, epilogue, quantization, to, token.dot_offset());
            let quads = if by_channel { quads_of_channels(&params, src) } else { quads_of_pixels(&params, src) };
            let offsets = quads.iter().map(|quad| quad.offset).collect();
            let planes =
                FlatPlanes { offsets, dst_plane: dst.plane_stride, dst_origin: dst.origin(), pixels: dst.pixels() };
            Some(Task::ByteConv(ByteConv::new(&matrix, &quads, &epilogue, planes)))
        }
        Op::Linear { params, weight, scale, bias, prelu } if multiplies_bytes(model, op) => {
            let matrix = matrix(model.weight(weight), scale.map(|id| model.weight(id).to_dense()));
            let epilogue = epilogue(model, params.out_features, bias, prelu);
            let epilogue = ByteEpilogue::new(&matrix, epilogue, quantization, to, token.dot_offset());
            let quads = quads_of_values(params.in_features, src);
            Some(Task::ByteLinear(ByteLinear::new(&matrix, &quads, &epilogue, lanes)))
        }
        _ => None,
    }
}

/// The weights as integers.
fn matrix(weight: &Weight, scale: Option<Vec<f32>>) -> ByteMatrix {
    let columns = weight.columns();
    let mut values = alloc::vec![0; weight.rows() * columns];
    let mut scatter = |pattern: &crate::model::Pattern, value: &dyn Fn(usize) -> i8| {
        for (row, values) in values.chunks_exact_mut(columns).enumerate() {
            for i in pattern.row(row) {
                values[pattern.indices[i] as usize] = value(i);
            }
        }
    };
    match &weight.data {
        WeightData::Dense(dense) => values = dense.iter().map(|&v| v as i8).collect(),
        WeightData::Sparse { pattern, values } => scatter(pattern, &|i| values[i] as i8),
        WeightData::Codebook { pattern, centres, labels } => {
            scatter(pattern, &|i| centres[usize::from(labels[i])] as i8);
        }
    }
    ByteMatrix { values, columns, scale }
}

/// What a convolution reads of quads of channels.
fn quads_of_channels(params: &Conv2dParams, src: &Layout) -> Vec<Quad> {
    let ([kh, kw], first) = (params.kernel_size, first_input(params, src));
    let mut quads = Vec::with_capacity(src.channels * kh * kw);
    for plane in 0..src.channels {
        for ky in 0..kh {
            for kx in 0..kw {
                let column = |part: usize| {
                    let channel = 4 * plane + part;
                    (channel < params.in_channels).then_some(((channel * kh + ky) * kw + kx) as u32)
                };
                let offset = (plane * src.plane_stride + first + ky * src.row_stride + kx) as u32;
                quads.push(Quad { offset, columns: [0, 1, 2, 3].map(column) });
            }
        }
    }
    quads
}

/// What a convolution reads of quads of neighbours: one for each row of its kernel.
fn quads_of_pixels(params: &Conv2dParams, src: &Layout) -> Vec<Quad> {
    let ([kh, kw], first) = (params.kernel_size, first_input(params, src));
    let quad = |ky: usize| Quad {
        offset: (first + ky * src.row_stride) as u32,
        columns: [0, 1, 2, 3].map(|kx| (kx < kw).then_some((ky * kw + kx) as u32)),
    };
    (0..kh).map(quad).collect()
}

/// All quads of a value of `features` numbers, an image perhaps.
fn quads_of_values(features: usize, src: &Layout) -> Vec<Quad> {
    let plane = src.height * src.width;
    let mut quads = Vec::with_capacity(src.channels * plane);
    for channel in 0..src.channels {
        for y in 0..src.height {
            let row = src.row(channel, y).start;
            for x in 0..src.width {
                let column = |part: usize| {
                    let column = (4 * channel + part) * plane + y * src.width + x;
                    (column < features).then_some(column as u32)
                };
                quads.push(Quad { offset: (row + x) as u32, columns: [0, 1, 2, 3].map(column) });
            }
        }
    }
    quads
}
