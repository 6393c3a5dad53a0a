//! One kernel to run, with its place in the arena.

use super::layout::Layout;
use crate::isa::{IsaKind, Token};
use crate::kernels::{conv, gemv, pointwise, pool, softmax, spmm, spmv, strided};
use crate::model::LayerCost;
use alloc::format;
use alloc::string::String;
use core::ops::Range;

/// Runs one kernel from one buffer of the arena to another.
pub(crate) struct Step {
    pub(crate) layer: String,
    pub(crate) src: Range<usize>,
    pub(crate) dst: Range<usize>,
    pub(crate) dst_layout: Layout,
    pub(crate) task: Task,
    /// Of the convolutions and fully connected layers.
    pub(crate) cost: Option<LayerCost>,
}

/// What a step does.
pub(crate) enum Task {
    Conv(conv::DenseConv),
    SparseConv(spmm::SparseConv),
    StridedConv(strided::StridedConv),
    Linear(gemv::DenseLinear),
    SparseLinear(spmv::SparseLinear),
    MaxPool(pool::MaxPool),
    Pointwise(pointwise::Pointwise, Layout),
    Softmax,
}

impl Step {
    pub(crate) fn run(&self, token: Token, arena: &mut [f32]) {
        let (src, dst) = disjoint(arena, &self.src, &self.dst);
        match &self.task {
            Task::Conv(conv) => token.enter(conv.kernel(src, dst)),
            Task::SparseConv(conv) => token.enter(conv.kernel(src, dst)),
            Task::StridedConv(conv) => conv.run(src, dst),
            Task::Linear(linear) => token.enter(linear.kernel(src, dst)),
            Task::SparseLinear(linear) => token.enter(linear.kernel(src, dst)),
            Task::MaxPool(pool) => token.enter(pool.kernel(src, dst)),
            Task::Pointwise(op, from) => op.run(src, from, dst, &self.dst_layout),
            Task::Softmax => {
                let len = self.dst_layout.channels;
                softmax::softmax(&src[..len], &mut dst[..len]);
            }
        }
        self.dst_layout.clear_border(dst);
    }
}

impl Task {
    /// Name of the kernel, such as `f32_spmm_64x1_avx2`: element type, kind, tile (pixels or outputs), instruction set.
    pub(crate) fn name(&self, isa: IsaKind, lanes: usize) -> String {
        match self {
            Self::Conv(_) => format!("f32_conv_{}x{}_{isa}", conv::MR, conv::NR_VECTORS * lanes),
            Self::SparseConv(_) => format!("f32_spmm_{}x1_{isa}", spmm::NR_VECTORS * lanes),
            Self::StridedConv(_) => "f32_spmm_strided".into(),
            Self::Linear(_) => format!("f32_gemv_{}x1_{isa}", gemv::MR),
            Self::SparseLinear(_) => format!("f32_spmv_{isa}"),
            Self::MaxPool(pool) if pool.is_vectorised() => format!("f32_maxpool_3x3s2_{isa}"),
            Self::MaxPool(_) => "f32_maxpool".into(),
            Self::Pointwise(pointwise::Pointwise::Copy, _) => "f32_copy".into(),
            Self::Pointwise(pointwise::Pointwise::SubtractMean(_), _) => "f32_subtract".into(),
            Self::Pointwise(pointwise::Pointwise::BatchNorm { .. }, _) => "f32_batchnorm".into(),
            Self::Pointwise(pointwise::Pointwise::PRelu(_), _) => "f32_prelu".into(),
            Self::Softmax => "f32_softmax".into(),
        }
    }

    /// Bytes of the packed weights.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Conv(conv) => conv.bytes(),
            Self::SparseConv(conv) => conv.bytes(),
            Self::StridedConv(conv) => conv.bytes(),
            Self::Linear(linear) => linear.bytes(),
            Self::SparseLinear(linear) => linear.bytes(),
            Self::Pointwise(op, _) => op.bytes(),
            Self::MaxPool(_) | Self::Softmax => 0,
        }
    }
}

/// Two ranges of the arena that do not overlap, the second to be written.
fn disjoint<'a>(arena: &'a mut [f32], src: &Range<usize>, dst: &Range<usize>) -> (&'a [f32], &'a mut [f32]) {
    if src.start < dst.start {
        let (low, high) = arena.split_at_mut(dst.start);
        (&low[src.clone()], &mut high[..dst.len()])
    } else {
        let (low, high) = arena.split_at_mut(src.start);
        (&high[..src.len()], &mut low[dst.clone()])
    }
}
