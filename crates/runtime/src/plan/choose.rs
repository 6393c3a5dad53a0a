//! Which kernel runs an operation, with its weights packed.

use super::convolution;
use super::layout::Layout;
use super::matrix::{Form, Matrix};
use super::step::Task;
use crate::kernels::Epilogue;
use crate::kernels::gemv::{self, DenseLinear};
use crate::kernels::lstm::Lstm;
use crate::kernels::pointwise::Pointwise;
use crate::kernels::pool::MaxPool;
use crate::kernels::product::Product;
use crate::kernels::sell::SlicedLinear;
use crate::kernels::spmv::{self, SparseLinear};
use crate::kernels::strided::StridedConv;
use crate::model::{Model, Op, WeightId};
use crate::shape::{Conv2dParams, Pool2dParams};

/// The kernel for `op` on numbers; a pooling may read `quads` of bytes.
pub(super) fn task(model: &Model, op: &Op, quads: bool, [src, dst]: [&Layout; 2], lanes: usize) -> Task {
    let dense = |id: WeightId| model.weight(id).to_dense();
    let epilogue = |outputs, bias, prelu| epilogue(model, outputs, bias, prelu);
    match *op {
        Op::SubtractMean { mean } => Task::Pointwise(Pointwise::SubtractMean(dense(mean))),
        Op::BatchNorm { mean, scale, shift } => {
            let mean = dense(mean);
            let shift = shift.map_or_else(|| alloc::vec![0.0; mean.len()], dense);
            Task::Pointwise(Pointwise::BatchNorm { mean, scale: dense(scale), shift })
        }
        Op::PRelu { slope } => Task::Pointwise(Pointwise::PRelu(dense(slope))),
        Op::Flatten | Op::Dropout { .. } | Op::Identity => Task::Pointwise(Pointwise::Copy),
        Op::FakeQuantize { scale, zero_point } => Task::Pointwise(Pointwise::FakeQuantize { scale, zero_point }),
        Op::Softmax => Task::Softmax,
        Op::MaxPool2d { params } => Task::MaxPool(MaxPool { quads, params, src: src.clone(), dst: dst.clone() }),
        Op::Conv2d { params, weight, scale, bias, prelu } => {
            let matrix = Matrix { weight: model.weight(weight), scale: scale.map(dense) };
            convolution::task(&params, &matrix, epilogue(params.out_channels, bias, prelu), src, dst, lanes)
        }
        Op::Linear { params, weight, scale, bias, prelu } => {
            let matrix = Matrix { weight: model.weight(weight), scale: scale.map(dense) };
            let epilogue = epilogue(params.out_features, bias, prelu);
            if src.width > 1 {
                // The steps of a sequence are the pixels of a convolution.
                let params = Conv2dParams::same(params.in_features, params.out_features, [1, 1]);
                return convolution::task(&params, &matrix, epilogue, src, dst, lanes);
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

/// One kernel for `conv` and the pooling that alone reads its output, of height and width `size`, where there is one.
pub(super) fn pooled_task(
    model: &Model,
    conv: &Op,
    pool: &Pool2dParams,
    size: [usize; 2],
    layouts: [&Layout; 2],
    lanes: usize,
) -> Option<Task> {
    let Op::Conv2d { params, weight, scale, bias, prelu } = *conv else { return None };
    let matrix = Matrix { weight: model.weight(weight), scale: scale.map(|id| model.weight(id).to_dense()) };
    let epilogue = || epilogue(model, params.out_channels, bias, prelu);
    convolution::pooled_task(&params, &matrix, epilogue, pool, size, layouts, lanes)
}

/// Bias and PRelu of a layer.
pub(super) fn epilogue(model: &Model, outputs: usize, bias: Option<WeightId>, prelu: Option<WeightId>) -> Epilogue {
    let dense = |id: WeightId| model.weight(id).to_dense();
    Epilogue {
        bias: bias.map_or_else(|| alloc::vec![0.0; outputs], dense),
        slope: prelu.map_or_else(|| alloc::vec![1.0; outputs], dense),
    }
}

/// In that form; of at most [`spmv::MAX_IN_FEATURES`] columns where it is sparse.
fn product(matrix: &Matrix<'_>, epilogue: Epilogue, form: Form, lanes: usize) -> Product {
    let columns = matrix.weight.columns();
    match form {
        Form::Dense => Product::Dense(DenseLinear::new(&matrix.to_dense(), columns, epilogue)),
        Form::Labels => Product::Dense(DenseLinear::shared(&matrix.nonzeros(), columns, epilogue)),
        Form::Sparse => Product::Sparse(SparseLinear::new(&matrix.nonzeros(), columns, lanes, epilogue)),
        Form::Sliced => Product::Sliced(SlicedLinear::new(&matrix.nonzeros(), columns, epilogue)),
    }
}
