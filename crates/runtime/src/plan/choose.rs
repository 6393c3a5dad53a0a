//! Which kernel runs an operation, with its weights packed.

use super::layout::Layout;
use super::matrix::{Form, Matrix};
use super::step::Task;
use crate::kernels::conv::{self, DenseConv};
use crate::kernels::gemv::{self, DenseLinear};
use crate::kernels::lstm::Lstm;
use crate::kernels::pointwise::Pointwise;
use crate::kernels::pool::MaxPool;
use crate::kernels::product::Product;
use crate::kernels::sell::SlicedLinear;
use crate::kernels::spmm::{self, SparseConv};
use crate::kernels::spmv::{self, SparseLinear};
use crate::kernels::strided::StridedConv;
use crate::kernels::{Epilogue, FlatPlanes, LINE};
use crate::model::{Model, Op, WeightId};
use crate::shape::Conv2dParams;
use alloc::vec::Vec;

/// What a tile's input may take of a first-level cache of 32 KiB.
const CACHE_ELEMENTS: usize = (24 << 10) / size_of::<f32>();

/// The kernel for `op`.
pub(super) fn task(model: &Model, op: &Op, src: &Layout, dst: &Layout, lanes: usize) -> Task {
    let dense = |id: WeightId| model.weight(id).to_dense();
    let epilogue = |outputs: usize, bias: Option<WeightId>, prelu: Option<WeightId>| Epilogue {
        bias: bias.map_or_else(|| alloc::vec![0.0; outputs], dense),
        slope: prelu.map_or_else(|| alloc::vec![1.0; outputs], dense),
    };
    match *op {
        Op::SubtractMean { mean } => Task::Pointwise(Pointwise::SubtractMean(dense(mean))),
        Op::BatchNorm { mean, scale, shift } => {
            let mean = dense(mean);
            let shift = shift.map_or_else(|| alloc::vec![0.0; mean.len()], dense);
            Task::Pointwise(Pointwise::BatchNorm { mean, scale: dense(scale), shift })
        }
        Op::PRelu { slope } => Task::Pointwise(Pointwise::PRelu(dense(slope))),
        Op::Flatten | Op::Dropout { .. } | Op::Identity => Task::Pointwise(Pointwise::Copy),
        Op::Softmax => Task::Softmax,
        Op::MaxPool2d { params } => Task::MaxPool(MaxPool { params, src: src.clone(), dst: dst.clone() }),
        Op::Conv2d { params, weight, scale, bias, prelu } => {
            let matrix = Matrix { weight: model.weight(weight), scale: scale.map(dense) };
            convolution(&params, &matrix, epilogue(params.out_channels, bias, prelu), src, dst, lanes)
        }
        Op::Linear { params, weight, scale, bias, prelu } => {
            let matrix = Matrix { weight: model.weight(weight), scale: scale.map(dense) };
            let epilogue = epilogue(params.out_features, bias, prelu);
            if src.width > 1 {
                // The steps of a sequence are the pixels of a convolution.
                let params = Conv2dParams::same(params.in_features, params.out_features, [1, 1]);
                return convolution(&params, &matrix, epilogue, src, dst, lanes);
            }
            if params.in_features > spmv::MAX_IN_FEATURES && matrix.is_sparse(gemv::MR, lanes) {
                let offsets = (0..params.in_features as u32).collect();
                return Task::StridedConv(StridedConv::new(matrix.nonzeros(), offsets, epilogue, [1, 1], dst.clone()));
            }
            Task::Linear(product(&matrix, epilogue, matrix.form(lanes), lanes))
        }
        Op::Lstm { params, project, recurrent } => {
            let product = |id: WeightId| {
                let matrix = Matrix { weight: model.weight(id), scale: None };
                let epilogue = epilogue(matrix.weight.rows(), None, None);
                product(&matrix, epilogue, matrix.form_in_cache(lanes), lanes)
            };
            Task::Lstm(Lstm { params, project: project.map(product), recurrent: product(recurrent) })
        }
        Op::MeanOverTime => Task::Mean,
    }
}

/// In that form; of at most [`spmv::MAX_IN_FEATURES`] columns where it is sparse.
fn product(matrix: &Matrix<'_>, epilogue: Epilogue, form: Form, lanes: usize) -> Product {
    let columns = matrix.weight.columns();
    match form {
        Form::Dense => Product::Dense(DenseLinear::new(&matrix.to_dense(), columns, epilogue)),
        Form::Sparse => Product::Sparse(SparseLinear::new(&matrix.nonzeros(), columns, lanes, epilogue)),
        Form::Sliced => Product::Sliced(SlicedLinear::new(&matrix.nonzeros(), columns, epilogue)),
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
