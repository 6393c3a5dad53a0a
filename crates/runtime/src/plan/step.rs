//! One kernel to run, with its place in the arena.

use super::layout::Layout;
use crate::isa::{IsaKind, Token};
use crate::kernels::bytes::quantize::{self, Neighbours};
use crate::kernels::conv_pool::ConvPool;
use crate::kernels::product::Product;
use crate::kernels::{
    GROUP, Sample, bspmm, bytes, conv, conv_pool, gemv, lstm, over_time, pointwise, pool, sell, softmax, spmm, strided,
    winograd,
};
use crate::model::LayerCost;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::array::from_fn;
use core::ops::Range;

/// Runs one kernel from one buffer of the arena to another.
pub(crate) struct Step {
    pub(crate) layer: String,
    /// Shape of the value that it makes.
    pub(crate) shape: Vec<usize>,
    pub(crate) src: Range<usize>,
    pub(crate) dst: Range<usize>,
    /// What an LSTM carries from step to step; empty for all others.
    pub(crate) state: Range<usize>,
    /// The task's working memory.
    pub(crate) scratch: Range<usize>,
    pub(crate) src_layout: Layout,
    pub(crate) dst_layout: Layout,
    pub(crate) task: Task,
    /// Of what has matrices.
    pub(crate) cost: Option<LayerCost>,
}

/// What a step does.
pub(crate) enum Task {
    Conv(conv::DenseConv),
    Winograd(winograd::WinogradConv),
    ConvPool(ConvPool<conv_pool::Numbers>),
    SparseConv(spmm::SparseConv),
    BlockSparseConv(bspmm::BlockSparseConv),
    StridedConv(strided::StridedConv),
    Linear(Product),
    Quantize(quantize::Quantize),
    ByteConv(bytes::conv::ByteConv),
    ByteConvPool(ConvPool<conv_pool::Quads>),
    ByteLinear(bytes::linear::ByteLinear),
    MaxPool(pool::MaxPool),
    Pointwise(pointwise::Pointwise),
    Softmax,
    Lstm(lstm::Lstm),
    /// Adds the steps of a chunk to their sum.
    AddUp,
    /// Makes a mean of the sum.
    Mean,
}

impl Step {
    /// Runs the kernel. Of a sequence, `steps` is the number of steps that the buffers hold, or that a sum is of;
    /// otherwise it is [`usize::MAX`].
    pub(crate) fn run(&self, token: Token, arena: &mut [f32], steps: usize) {
        let ranges = [&self.src, &self.dst, &self.state, &self.scratch].map(Range::clone);
        let [src, dst, state, scratch] = arena.get_disjoint_mut(ranges).expect("planned apart");
        let src = &*src;
        match &self.task {
            Task::Conv(conv) => token.enter(conv.kernel(src, dst, steps)),
            Task::Winograd(conv) => token.enter(conv.kernel(src, dst, scratch)),
            Task::ConvPool(conv) => token.enter(conv.kernel(src, dst, scratch)),
            Task::SparseConv(conv) => token.enter(conv.kernel(src, dst, steps)),
            Task::BlockSparseConv(conv) => token.enter(conv.kernel(src, dst, steps)),
            Task::StridedConv(conv) => conv.run(src, dst),
            Task::Linear(product) => product.run(token, src, dst, false),
            Task::Quantize(quantize) => {
                token.enter(quantize.kernel((src, &self.src_layout), (dst, &self.dst_layout)));
                if quantize.neighbours == Neighbours::Pixels {
                    return; // The border has been written.
                }
            }
            Task::ByteConv(conv) => token.enter(conv.kernel(src, dst)),
            Task::ByteConvPool(conv) => token.enter(conv.kernel(src, dst, scratch)),
            Task::ByteLinear(linear) => token.enter(linear.kernel([Sample { src, dst }], 1)),
            Task::MaxPool(pool) => token.enter(pool.kernel(src, dst)),
            Task::Pointwise(op) => op.run(src, &self.src_layout, dst, &self.dst_layout),
            Task::Softmax => {
                let len = self.dst_layout.channels;
                softmax::softmax(&src[..len], &mut dst[..len]);
            }
            Task::Lstm(lstm) => {
                lstm.run(token, (src, &self.src_layout), (dst, &self.dst_layout), state, scratch, steps);
            }
            Task::AddUp => over_time::add_up(src, &self.src_layout, dst, steps),
            Task::Mean => over_time::mean(src, steps, &mut dst[..self.dst_layout.channels]),
        }
        self.dst_layout.clear_border(dst);
    }

    /// Runs the kernel for the first `samples` of a group, each of which has its own `stride` elements of `arenas`.
    pub(crate) fn run_group(&self, token: Token, arenas: &mut [f32], stride: usize, samples: usize) {
        let all = |arenas| {
            let mut arenas = <[f32]>::chunks_exact_mut(arenas, stride);
            from_fn(|_| {
                let arena = arenas.next().expect("a group has as many");
                let [src, dst] = arena.get_disjoint_mut([self.src.clone(), self.dst.clone()]).expect("planned apart");
                Sample { src, dst }
            })
        };
        match &self.task {
            Task::Linear(Product::Dense(linear)) => token.enter(linear.kernel::<GROUP>(all(arenas), samples, false)),
            Task::ByteLinear(linear) => token.enter(linear.kernel::<GROUP>(all(arenas), samples)),
            _ => {
                let arenas = arenas.chunks_exact_mut(stride).take(samples);
                arenas.for_each(|arena| self.run(token, arena, usize::MAX));
            }
        }
    }

    /// True for what makes vectors of vectors.
    pub(crate) const fn is_over_vectors(&self) -> bool {
        use Task::{ByteLinear, Linear, Pointwise, Quantize, Softmax};
        let layout = &self.dst_layout;
        let makes_vectors = matches!(self.task, Linear(_) | ByteLinear(_) | Pointwise(_) | Quantize(_) | Softmax);
        makes_vectors && layout.height == 1 && layout.width == 1
    }
}

impl Task {
    /// Name of the kernel, such as `f32_spmm_64x1_avx2`: element type, kind, tile (pixels or outputs), instruction set.
    pub(crate) fn name(&self, isa: IsaKind, lanes: usize) -> String {
        match self {
            Self::Conv(_) => format!("f32_conv_{}x{}_{isa}", conv::MR, conv::NR_VECTORS * lanes),
            Self::Winograd(conv) => {
                let [down, across] = conv.tile();
                format!("f32_winograd_{down}x{across}_{isa}")
            }
            Self::ConvPool(conv) => format!("f32_conv_pool_{}x{}_{isa}", conv_pool::MR, conv.tile_pixels()),
            Self::ByteConvPool(conv) => format!("u8_conv_pool_{}x{}_{isa}", conv_pool::MR, conv.tile_pixels()),
            Self::SparseConv(_) => format!("f32_spmm_{}x1_{isa}", spmm::NR_VECTORS * lanes),
            Self::BlockSparseConv(_) => {
                format!("f32_bspmm_{}x{}_{isa}", bspmm::MR, bspmm::nr_vectors(lanes) * lanes)
            }
            Self::StridedConv(_) => "f32_spmm_strided".into(),
            Self::Linear(product) => match product {
                Product::Dense(linear) => format!("f32_{}_{}x1_{isa}", linear.kind(), gemv::MR),
                Product::Sparse(_) => format!("f32_spmv_{isa}"),
                Product::Sliced(_) => format!("f32_sell_{}x1_{isa}", sell::MR),
            },
            Self::MaxPool(pool) => {
                let element = if pool.quads { "u8" } else { "f32" };
                match pool.is_vectorised() {
                    true => format!("{element}_maxpool_3x3s2_{isa}"),
                    false => format!("{element}_maxpool"),
                }
            }
            Self::Quantize(_) => format!("u8_quantize_{isa}"),
            Self::ByteConv(_) => {
                format!("u8_conv_{}x{}_{isa}", bytes::conv::MR, bytes::conv::nr_vectors(lanes) * lanes)
            }
            Self::ByteLinear(linear) => format!("u8_{}_{}x1_{isa}", linear.kind(), bytes::linear::PANEL * lanes),
            Self::Pointwise(pointwise::Pointwise::Copy) => "f32_copy".into(),
            Self::Pointwise(pointwise::Pointwise::SubtractMean(_)) => "f32_subtract".into(),
            Self::Pointwise(pointwise::Pointwise::BatchNorm { .. }) => "f32_batchnorm".into(),
            Self::Pointwise(pointwise::Pointwise::FakeQuantize { .. }) => "f32_fake_quantize".into(),
            Self::Pointwise(pointwise::Pointwise::PRelu(_)) => "f32_prelu".into(),
            Self::Softmax => "f32_softmax".into(),
            Self::Lstm(lstm) => format!("f32_lstm_{}_{isa}", lstm.kinds()),
            Self::AddUp => "f32_sum".into(),
            Self::Mean => "f32_mean".into(),
        }
    }

    /// True for what reads its weights once for a group of samples. Where zeros of `f32` are left out, the inputs bound the time,
    /// not the weights.
    pub(crate) const fn takes_groups(&self) -> bool {
        matches!(self, Self::Linear(Product::Dense(_)) | Self::ByteLinear(_))
    }

    /// Elements of working memory, if it needs any.
    pub(crate) fn scratch_len(&self) -> Option<usize> {
        match self {
            Self::Winograd(conv) => Some(conv.scratch_len()),
            Self::ConvPool(conv) => Some(conv.scratch_len()),
            Self::ByteConvPool(conv) => Some(conv.scratch_len()),
            Self::Lstm(lstm) => Some(lstm::Lstm::scratch_len(&lstm.params)),
            _ => None,
        }
    }

    /// Bytes of the packed weights.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Conv(conv) => conv.bytes(),
            Self::Winograd(conv) => conv.bytes(),
            Self::ConvPool(conv) => conv.bytes(),
            Self::SparseConv(conv) => conv.bytes(),
            Self::BlockSparseConv(conv) => conv.bytes(),
            Self::StridedConv(conv) => conv.bytes(),
            Self::Linear(product) => product.bytes(),
            Self::ByteConv(conv) => conv.bytes(),
            Self::ByteConvPool(conv) => conv.bytes(),
            Self::ByteLinear(linear) => linear.bytes(),
            Self::Lstm(lstm) => lstm.bytes(),
            Self::Pointwise(op) => op.bytes(),
            Self::Quantize(quantize) => size_of_val(&*quantize.mean),
            Self::MaxPool(_) | Self::Softmax | Self::AddUp | Self::Mean => 0,
        }
    }
}
