//! From a model to steps: kernels are chosen and weights packed.

use super::arena::{Lifetime, place};
use super::layout::Layout;
use super::matrix::Matrix;
use super::step::{Step, Task};
use super::values::{MAX_ELEMENTS, lay_out};
use super::{Input, Plan};
use crate::error::PlanError;
use crate::isa::Token;
use crate::kernels::conv::{self, DenseConv};
use crate::kernels::gemv::{self, DenseLinear};
use crate::kernels::pointwise::Pointwise;
use crate::kernels::pool::MaxPool;
use crate::kernels::spmm::{self, SparseConv};
use crate::kernels::spmv::{self, SparseLinear};
use crate::kernels::strided::StridedConv;
use crate::kernels::{Epilogue, FlatPlanes, LINE};
use crate::model::{Model, Op, WeightId};
use crate::shape::Conv2dParams;
use alloc::vec::Vec;

/// What a tile's input may take of a first-level cache of 32 KiB.
const CACHE_ELEMENTS: usize = (24 << 10) / size_of::<f32>();

impl Plan {
    pub(super) fn with_token(model: &Model, token: Token) -> Result<Self, PlanError> {
        let shapes = model.validate()?;
        let mut costs = model.costs_of(&shapes).into_iter();
        let values = lay_out(model, &shapes, token.lanes())?;
        let inputs = model.inputs.len();

        // Buffers, in the order in which they are written, and the steps between them.
        let mut buffers: Vec<Lifetime> = Vec::new();
        let mut buffer_of: Vec<usize> = Vec::with_capacity(values.len());
        let mut steps: Vec<Step> = Vec::new();
        let mut connections: Vec<[usize; 2]> = Vec::new();
        for (v, value) in values.iter().enumerate() {
            let node = v.checked_sub(inputs).map(|i| &model.nodes[i]);
            if value.buffer != v {
                buffer_of.push(buffer_of[value.buffer]);
                continue;
            }
            let written = steps.len();
            if let Some(node) = node {
                let input = node.input.0 as usize;
                let matrix = matches!(node.op, Op::Conv2d { .. } | Op::Linear { .. });
                let src_layout = &values[input].layout;
                // Flattening keeps the image's shape, without its borders.
                let flat = matches!(node.op, Op::Flatten).then(|| src_layout.without_border());
                let src = buffer_of[input];
                buffers[src].last = written;
                connections.push([src, buffers.len()]);
                steps.push(Step {
                    layer: node.name.clone(),
                    src: 0..0,
                    dst: 0..0,
                    dst_layout: flat.unwrap_or_else(|| value.layout.clone()),
                    task: task(model, &node.op, src_layout, &value.layout, token.lanes()),
                    cost: if matrix { costs.next() } else { None },
                });
            }
            buffer_of.push(buffers.len());
            buffers.push(Lifetime {
                elements: value.layout.elements().unwrap_or(usize::MAX),
                first: written,
                last: written,
            });
        }
        let mut outputs = Vec::new();
        for output in &model.outputs {
            let value = &values[output.0 as usize];
            let mut buffer = buffer_of[output.0 as usize];
            let len = value.layout.pixels_of_all();
            if !value.layout.is_tight() {
                let written = steps.len();
                buffers[buffer].last = buffers[buffer].last.max(written);
                connections.push([buffer, buffers.len()]);
                steps.push(Step {
                    layer: "output".into(),
                    src: 0..0,
                    dst: 0..0,
                    dst_layout: value.layout.without_border(),
                    task: Task::Pointwise(Pointwise::Copy, value.layout.clone()),
                    cost: None,
                });
                buffer = buffers.len();
                buffers.push(Lifetime { elements: len, first: written, last: written });
            }
            buffers[buffer].last = usize::MAX;
            outputs.push((buffer, len));
        }

        let placed = place(&buffers);
        for (step, &[src, dst]) in steps.iter_mut().zip(&connections) {
            step.src = placed[src].clone();
            step.dst = placed[dst].clone();
        }
        let arena_len = placed.iter().map(|range| range.end).max().unwrap_or(0);
        if arena_len > MAX_ELEMENTS {
            return Err(PlanError::TooLarge { layer: "outputs".into(), elements: arena_len });
        }
        Ok(Self {
            token,
            arena_len,
            inputs: (0..inputs)
                .map(|v| Input { arena: placed[buffer_of[v]].clone(), layout: values[v].layout.clone() })
                .collect(),
            outputs: outputs.into_iter().map(|(b, len)| placed[b].start..placed[b].start + len).collect(),
            steps,
        })
    }
}

/// The kernel for `op`.
fn task(model: &Model, op: &Op, src: &Layout, dst: &Layout, lanes: usize) -> Task {
    let dense = |id: WeightId| model.weight(id).to_dense();
    let epilogue = |outputs: usize, bias: Option<WeightId>, prelu: Option<WeightId>| Epilogue {
        bias: bias.map_or_else(|| alloc::vec![0.0; outputs], dense),
        slope: prelu.map_or_else(|| alloc::vec![1.0; outputs], dense),
    };
    let pointwise = |op| Task::Pointwise(op, src.clone());
    match *op {
        Op::SubtractMean { mean } => pointwise(Pointwise::SubtractMean(dense(mean))),
        Op::BatchNorm { mean, scale, shift } => {
            let mean = dense(mean);
            let shift = shift.map_or_else(|| alloc::vec![0.0; mean.len()], dense);
            pointwise(Pointwise::BatchNorm { mean, scale: dense(scale), shift })
        }
        Op::PRelu { slope } => pointwise(Pointwise::PRelu(dense(slope))),
        Op::Flatten | Op::Dropout { .. } | Op::Identity => pointwise(Pointwise::Copy),
        Op::Softmax => Task::Softmax,
        Op::MaxPool2d { params } => Task::MaxPool(MaxPool { params, src: src.clone(), dst: dst.clone() }),
        Op::Conv2d { params, weight, scale, bias, prelu } => {
            let matrix = Matrix { weight: model.weight(weight), scale: scale.map(dense) };
            convolution(&params, &matrix, epilogue(params.out_channels, bias, prelu), src, dst, lanes)
        }
        Op::Linear { params, weight, scale, bias, prelu } => {
            let matrix = Matrix { weight: model.weight(weight), scale: scale.map(dense) };
            let epilogue = epilogue(params.out_features, bias, prelu);
            if matrix.is_sparse(gemv::MR, lanes) {
                let nonzeros = matrix.nonzeros();
                if params.in_features > spmv::MAX_IN_FEATURES {
                    let offsets = (0..params.in_features as u32).collect();
                    return Task::StridedConv(StridedConv::new(nonzeros, offsets, epilogue, [1, 1], dst.clone()));
                }
                Task::SparseLinear(SparseLinear::new(&nonzeros, params.in_features, lanes, epilogue))
            } else {
                Task::Linear(DenseLinear::new(&matrix.to_dense(), params.in_features, epilogue))
            }
        }
    }
}

fn convolution(
    params: &Conv2dParams,
    matrix: &Matrix<'_>,
    epilogue: Epilogue,
    src: &Layout,
    dst: &Layout,
    lanes: usize,
) -> Task {
    let [kh, kw] = params.kernel_size;
    let first = (src.border[0] - params.padding[0]) * src.row_stride + src.border[1] - params.padding[1];
    let mut offsets = Vec::with_capacity(params.in_channels * kh * kw);
    for channel in 0..params.in_channels {
        for ky in 0..kh {
            for kx in 0..kw {
                offsets.push((channel * src.plane_stride + first + ky * src.row_stride + kx) as u32);
            }
        }
    }
    if params.stride != [1, 1] {
        let steps = [params.stride[0] * src.row_stride, params.stride[1]];
        return Task::StridedConv(StridedConv::new(matrix.nonzeros(), offsets, epilogue, steps, dst.clone()));
    }
    let planes = FlatPlanes { offsets, dst_plane: dst.plane_stride, dst_origin: dst.origin(), pixels: dst.pixels() };
    if matrix.is_sparse(conv::MR, lanes) {
        // Cache lines that a tile's window touches in one input channel.
        let row = spmm::NR_VECTORS * lanes + kw - 1;
        let apart = kh * (row.div_ceil(LINE) + 1);
        let merged = (row + (kh - 1) * src.row_stride).div_ceil(LINE) + 1;
        let channels = (CACHE_ELEMENTS / LINE / apart.min(merged)).max(1);
        // Blocks of equal size.
        let channels = params.in_channels.div_ceil(params.in_channels.div_ceil(channels));
        Task::SparseConv(SparseConv::new(&matrix.nonzeros(), channels * kh * kw, epilogue, planes))
    } else {
        Task::Conv(DenseConv::new(&matrix.to_dense(), params.out_channels, epilogue, planes))
    }
}
