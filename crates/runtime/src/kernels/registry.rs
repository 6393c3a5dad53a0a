//! The kernels for layers with a matrix. Of those that fit a layer, the one of least cost runs it; of equal ones the first.

use super::conv_pool::ConvPool;
use super::layer::{Registered, RegisteredGroup};
use super::{f32, u8};

/// All of them.
pub(crate) static LAYER_KERNELS: &[Registered] = &[
    Registered::of::<f32::conv::DenseConv>(),
    Registered::of::<f32::spmm::SparseConv>(),
    Registered::of::<f32::bspmm::BlockSparseConv>(),
    Registered::of::<f32::winograd::WinogradConv>(),
    Registered::of::<ConvPool<f32::conv_pool::Numbers>>(),
    Registered::of::<f32::gemv::PanelLinear<f32::gemv::Labels>>(),
    Registered::of::<f32::gemv::PanelLinear<f32::gemv::Dense>>(),
    Registered::of::<f32::spmv::SparseLinear>(),
    Registered::of::<f32::sell::SlicedLinear>(),
    Registered::of::<f32::strided::StridedConv>(),
    Registered::of::<u8::conv::ByteConv>(),
    Registered::of::<ConvPool<u8::conv_pool::Quads>>(),
    Registered::of::<u8::linear::ByteLinear<u8::linear::AllBytes>>(),
    Registered::of::<u8::linear::ByteLinear<u8::linear::Nonzeros>>(),
];

/// Those that read their weights once for a group of samples. A list of its own, so that a program without batches has no
/// code of it.
pub(crate) static GROUP_KERNELS: &[RegisteredGroup] = &[
    RegisteredGroup::of::<f32::gemv::PanelLinear<f32::gemv::Labels>>(),
    RegisteredGroup::of::<f32::gemv::PanelLinear<f32::gemv::Dense>>(),
    RegisteredGroup::of::<u8::linear::ByteLinear<u8::linear::AllBytes>>(),
    RegisteredGroup::of::<u8::linear::ByteLinear<u8::linear::Nonzeros>>(),
];
