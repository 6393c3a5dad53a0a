//! Which kernel runs a convolution.

use super::layout::Layout;
use super::matrix::Matrix;
use super::step::Task;
use crate::kernels::bspmm::{self, BlockSparseConv};
use crate::kernels::conv::{self, DenseConv};
use crate::kernels::conv_pool::{self, ConvPool};
use crate::kernels::spmm::{self, SparseConv};
use crate::kernels::strided::StridedConv;
use crate::kernels::winograd::{Tile, WinogradConv};
use crate::kernels::{Epilogue, FlatPlanes, LINE, LINE_COST};
use crate::shape::{Conv2dParams, Pool2dParams};
use alloc::vec::Vec;

/// What a tile's input may take of a first-level cache of 32 KiB.
const CACHE_ELEMENTS: usize = (24 << 10) / size_of::<f32>();

/// The share of the peak rate that the direct kernel reaches on the thesis's layers: wide vectors straddle cache lines.
const fn direct_rate(lanes: usize) -> f64 {
    if lanes > 8 { 0.7 } else { 0.95 }
}

/// The same for the block-sparse kernel.
const BLOCK_RATE: f64 = 0.7;

/// The most columns of the weight matrix, and the most elements of the input, for convolution and pooling in one pass: more
/// products hide the cost of writing their sums, and a larger input would leave the cache with each few channels.
const FEW_COLUMNS: usize = 64;
const FEW_INPUTS: usize = (128 << 10) / size_of::<f32>();

/// The kernel for a convolution.
pub(super) fn task(
    params: &Conv2dParams,
    matrix: &Matrix<'_>,
    epilogue: Epilogue,
    src: &Layout,
    dst: &Layout,
    lanes: usize,
) -> Task {
    let [kh, kw] = params.kernel_size;
    let (first, offsets) = offsets(params, src);
    if params.stride != [1, 1] {
        let steps = [params.stride[0] * src.row_stride, params.stride[1]];
        return Task::StridedConv(StridedConv::new(matrix.nonzeros(), offsets, epilogue, steps, dst.clone()));
    }
    let vectors = dst.pixels().div_ceil(lanes) as f64;
    let cost = |multiply_adds: f64, rate: f64, elements: usize| {
        multiply_adds * vectors / rate + (LINE_COST * elements.div_ceil(LINE)) as f64
    };
    let sparse = matrix.is_sparse(conv::MR, lanes);
    let elements = if sparse { 2 * matrix.weight.nnz() } else { matrix.weight.rows() * matrix.weight.columns() };
    let direct = cost(matrix.multiply_adds(conv::MR, lanes), direct_rate(lanes), elements);
    let blocks = if sparse { matrix.blocks(bspmm::MR) } else { usize::MAX };
    let blocked = blocks.checked_mul(bspmm::MR).map_or(f64::MAX, |n| cost(n as f64, BLOCK_RATE, n + blocks));
    if let Some(tile) = tile(params, dst, lanes)
        && WinogradConv::cost(tile, src, dst, lanes) < direct.min(blocked)
    {
        return Task::Winograd(WinogradConv::new(&matrix.to_dense(), tile, epilogue, [src, dst], first, lanes));
    }
    let planes = FlatPlanes { offsets, dst_plane: dst.plane_stride, dst_origin: dst.origin(), pixels: dst.pixels() };
    if blocked < direct {
        Task::BlockSparseConv(BlockSparseConv::new(&matrix.nonzeros(), epilogue, planes))
    } else if sparse {
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

/// The kernel for a convolution and the pooling that alone reads its output, of height and width `size`, where there is one.
pub(super) fn pooled_task(
    params: &Conv2dParams,
    matrix: &Matrix<'_>,
    epilogue: impl FnOnce() -> Epilogue,
    pool: &Pool2dParams,
    size: [usize; 2],
    [src, dst]: [&Layout; 2],
    lanes: usize,
) -> Option<Task> {
    let known = params.stride == [1, 1] && pools_in_one_pass(matrix.weight.columns(), pool, src);
    if !known || matrix.is_sparse(1, lanes) {
        return None;
    }
    let (_, offsets) = offsets(params, src);
    let products = conv_pool::Numbers::new(&matrix.to_dense(), offsets.len(), epilogue());
    Some(Task::ConvPool(ConvPool::new(products, offsets, src.row_stride, size, dst.clone(), lanes)))
}

/// True where a convolution with so many columns of weights and this pooling may be one pass.
pub(super) fn pools_in_one_pass(columns: usize, pool: &Pool2dParams, src: &Layout) -> bool {
    let known = pool.kernel_size == [3, 3] && pool.stride == [2, 2];
    known && columns <= FEW_COLUMNS && src.elements().is_some_and(|elements| elements <= FEW_INPUTS)
}

/// The position of the input that output pixel (0, 0) reads for the first column of the weight matrix.
pub(super) fn first_input(params: &Conv2dParams, src: &Layout) -> usize {
    (src.border[0] - params.padding[0]) * src.row_stride + src.border[1] - params.padding[1]
}

/// The same, and that position for each column.
fn offsets(params: &Conv2dParams, src: &Layout) -> (usize, Vec<u32>) {
    let ([kh, kw], first) = (params.kernel_size, first_input(params, src));
    let mut offsets = Vec::with_capacity(params.in_channels * kh * kw);
    for channel in 0..params.in_channels {
        for ky in 0..kh {
            for kx in 0..kw {
                offsets.push((channel * src.plane_stride + first + ky * src.row_stride + kx) as u32);
            }
        }
    }
    (first, offsets)
}

/// The largest tile of Winograd's algorithm that divides the output. `None` for other kernels than its own, and for output
/// channels so few that filling their vectors up would multiply the weights.
fn tile(params: &Conv2dParams, dst: &Layout, lanes: usize) -> Option<Tile> {
    if 2 * params.out_channels < lanes {
        return None;
    }
    let along = |taps: usize, size: usize| match taps {
        1 => Some(1),
        3 => [4, 2].into_iter().find(|&outputs| size.is_multiple_of(outputs)),
        _ => None,
    };
    let [kh, kw] = params.kernel_size;
    match [along(kh, dst.height)?, along(kw, dst.width)?] {
        [1, 1] => None,
        [1, across] => Some([1, across]),
        [down, 1] => Some([down, 1]),
        [down, across] => Some([down.min(across); 2]),
    }
}
