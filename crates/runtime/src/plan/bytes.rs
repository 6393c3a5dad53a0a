//! Which values are bytes, and which kernel multiplies them.

use super::choose::epilogue;
use super::convolution::{first_input, pools_in_one_pass};
use super::layout::Layout;
use super::step::Task;
use crate::isa::{Token, round};
use crate::kernels::FlatPlanes;
use crate::kernels::bytes::conv::ByteConv;
use crate::kernels::bytes::linear::{ByteLinear, Form};
use crate::kernels::bytes::{ByteEpilogue, ByteMatrix, Quads, Quantization};
use crate::kernels::conv_pool::{self, ConvPool};
use crate::model::{Model, Op, Weight, WeightData};
use crate::shape::{Conv2dParams, Pool2dParams};
use alloc::vec::Vec;

/// Products of as many bytes with weights of 7 bits add up within 32 bits.
const MAX_COLUMNS: usize = 1 << 16;

/// How many times as many vectors a pass over rows may take where it does the pooling too.
const MORE_VECTORS: f64 = 1.3;

/// The density below which reading a mask and the weights that are not zero beats reading all weights, as measured: 0.5 of the
/// time at a density of 0.35, 0.8 at 0.7, all of it at 0.9.
const NONZEROS_BELOW: f64 = 0.8;

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
        let takes = multiplies[i] || node.op.keeps_values() && wanted(&readers, &takers, output);
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
                let takes_rows = |op: &Op| matches!(op, Op::Conv2d { params, .. } if params.kernel_size[1] <= 4);
                let mut readers = (0..model.nodes.len()).filter(|&i| model.nodes[i].input.0 as usize == output);
                let one_channel = matches!(shapes[output][..], [1, _, _]);
                let by_a_layer = node.input.0 as usize >= inputs && multiplies[input - inputs];
                if one_channel && !by_a_layer && readers.all(|i| multiplies[i] && takes_rows(&model.nodes[i].op)) {
                    Storage::Pixels(quantization)
                } else {
                    Storage::Quads(quantization)
                }
            }
            ref op if op.keeps_values() => storages[input],
            _ => Storage::Numbers,
        };
    }
    storages
}

fn wanted(readers: &[usize], takers: &[usize], value: usize) -> bool {
    readers[value] > 0 && readers[value] == takers[value]
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
    // Without branches within a chunk the compiler takes many values at a time.
    let are = |chunk: &[f32]| chunk.iter().fold(true, |are, &v| are & (v.abs() <= most) & (round(v) == v));
    weight.columns() <= MAX_COLUMNS && values.chunks(1024).all(are)
}

/// A layer that reads bytes, as its kernels pack it.
struct Layer<'a> {
    matrix: ByteMatrix<'a>,
    epilogue: ByteEpilogue,
    /// Where the quads stand that it reads.
    offsets: Vec<u32>,
}

impl<'a> Layer<'a> {
    /// `None` for what gets no bytes, and for what passes them on: a layer gets them only where it multiplies them.
    fn new(
        model: &'a Model,
        op: &Op,
        from: Storage,
        to: Option<Quantization>,
        src: &Layout,
        token: Token,
    ) -> Option<Self> {
        let quantization = from.quantization()?;
        let (weight, scale, epilogue, quads) = match *op {
            Op::Conv2d { params, weight, scale, bias, prelu } => {
                let quads = match from {
                    Storage::Pixels(_) => quads_of_pixels(&params, src),
                    _ => quads_of_channels(&params, src),
                };
                (weight, scale, epilogue(model, params.out_channels, bias, prelu), quads)
            }
            Op::Linear { params, weight, scale, bias, prelu } => {
                let quads = quads_of_values(params.in_features, src);
                (weight, scale, epilogue(model, params.out_features, bias, prelu), quads)
            }
            _ => return None,
        };
        let scale = scale.map(|id| model.weight(id).to_dense());
        let Quads { offsets, places } = quads;
        let matrix = ByteMatrix::new(model.weight(weight), scale, offsets.len(), places);
        let epilogue = ByteEpilogue::new(&matrix, &epilogue, quantization, to, token.dot_offset());
        Some(Self { matrix, epilogue, offsets })
    }
}

/// The kernel for a layer that reads bytes, and writes bytes where `to` says how.
pub(super) fn task(
    model: &Model,
    op: &Op,
    from: Storage,
    to: Option<Quantization>,
    [src, dst]: [&Layout; 2],
    token: Token,
) -> Option<Task> {
    let Layer { matrix, epilogue, offsets } = Layer::new(model, op, from, to, src, token)?;
    Some(match op {
        Op::Linear { .. } => {
            let form = if token.expands() && matrix.density() < NONZEROS_BELOW { Form::Nonzeros } else { Form::Dense };
            Task::ByteLinear(ByteLinear::new(&matrix, offsets, &epilogue, form, token))
        }
        _ => {
            let planes =
                FlatPlanes { offsets, dst_plane: dst.plane_stride, dst_origin: dst.origin(), pixels: dst.pixels() };
            Task::ByteConv(ByteConv::new(&matrix, &epilogue, planes))
        }
    })
}

/// One kernel for a convolution that reads and writes bytes and for the pooling behind it, where there is one and it pays;
/// `conv` is the layout between the two.
pub(super) fn pooled_task(
    model: &Model,
    op: &Op,
    from: Storage,
    to: Quantization,
    pool: &Pool2dParams,
    [src, conv, dst]: [&Layout; 3],
    token: Token,
) -> Option<Task> {
    let Op::Conv2d { .. } = op else { return None };
    let lanes = token.lanes();
    // Vectors by rows may hold fewer pixels than those over flat ones.
    let [by_row, flat] = [conv.height * conv.width.div_ceil(lanes), conv.pixels().div_ceil(lanes)];
    if by_row as f64 > MORE_VECTORS * flat as f64 {
        return None;
    }
    let Layer { matrix, epilogue, offsets } = Layer::new(model, op, from, Some(to), src, token)?;
    if !pools_in_one_pass(4 * offsets.len(), pool, src) {
        return None;
    }
    let products = conv_pool::Quads::new(&matrix, &epilogue);
    let size = [conv.height, conv.width];
    Some(Task::ByteConvPool(ConvPool::new(products, offsets, src.row_stride, size, dst.clone(), lanes)))
}

/// What a convolution reads of quads of channels.
fn quads_of_channels(params: &Conv2dParams, src: &Layout) -> Quads {
    let ([kh, kw], first) = (params.kernel_size, first_input(params, src));
    let mut quads = Quads { offsets: Vec::with_capacity(src.channels * kh * kw), places: Vec::new() };
    for plane in 0..src.channels {
        for ky in 0..kh {
            for kx in 0..kw {
                quads.offsets.push((plane * src.plane_stride + first + ky * src.row_stride + kx) as u32);
            }
        }
    }
    let place = |channel: usize, tap: usize| (4 * (channel / 4 * kh * kw + tap) + channel % 4) as u32;
    quads.places.extend(
        (0..params.in_channels).flat_map(|c| (0..kh * kw).map(move |tap| (c, tap))).map(|(c, tap)| place(c, tap)),
    );
    quads
}

/// What a convolution reads of quads of neighbours: one for each row of its kernel.
fn quads_of_pixels(params: &Conv2dParams, src: &Layout) -> Quads {
    let ([kh, kw], first) = (params.kernel_size, first_input(params, src));
    Quads {
        offsets: (0..kh).map(|ky| (first + ky * src.row_stride) as u32).collect(),
        places: (0..kh).flat_map(|ky| (0..kw).map(move |kx| (4 * ky + kx) as u32)).collect(),
    }
}

/// All quads of a value of `features` numbers, an image perhaps.
fn quads_of_values(features: usize, src: &Layout) -> Quads {
    let plane = src.height * src.width;
    let mut quads = Quads { offsets: Vec::with_capacity(src.channels * plane), places: Vec::new() };
    for channel in 0..src.channels {
        for y in 0..src.height {
            quads.offsets.extend(src.row(channel, y).map(|offset| offset as u32));
        }
    }
    let place = |feature: usize| (4 * (feature / plane / 4 * plane + feature % plane) + feature / plane % 4) as u32;
    quads.places.extend((0..features).map(place));
    quads
}
