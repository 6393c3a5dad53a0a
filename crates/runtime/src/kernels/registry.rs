//! The kernels for layers with a matrix. Of those that fit a layer, the one of least cost runs it; of equal ones the first.

use super::conv_pool::ConvPool;
use super::f32::bspmm::BlockSparseConv;
use super::f32::conv::DenseConv;
use super::f32::conv_pool::Numbers;
use super::f32::gemv::{Dense, Labels, PanelLinear};
use super::f32::sell::SlicedLinear;
use super::f32::spmm::SparseConv;
use super::f32::spmv::SparseLinear;
use super::f32::strided::StridedConv;
use super::f32::winograd::WinogradConv;
use super::layer::{Registered, RegisteredGroup};
use super::u8::conv::ByteConv;
use super::u8::conv_pool::Quads;
use super::u8::linear::{AllBytes, ByteLinear, Nonzeros};

/// All of them.
pub(crate) static LAYER_KERNELS: [Registered; 14] = [
    Registered::of::<DenseConv>(),
    Registered::of::<SparseConv>(),
    Registered::of::<BlockSparseConv>(),
    Registered::of::<WinogradConv>(),
    Registered::of::<ConvPool<Numbers>>(),
    Registered::of::<PanelLinear<Labels>>(),
    Registered::of::<PanelLinear<Dense>>(),
    Registered::of::<SparseLinear>(),
    Registered::of::<SlicedLinear>(),
    Registered::of::<StridedConv>(),
    Registered::of::<ByteConv>(),
    Registered::of::<ConvPool<Quads>>(),
    Registered::of::<ByteLinear<AllBytes>>(),
    Registered::of::<ByteLinear<Nonzeros>>(),
];

/// Those that read their weights once for a group of samples. A list of its own, so that a program without batches has no
/// code of it.
pub(crate) static GROUP_KERNELS: [RegisteredGroup; 4] = [
    RegisteredGroup::of::<PanelLinear<Labels>>(),
    RegisteredGroup::of::<PanelLinear<Dense>>(),
    RegisteredGroup::of::<ByteLinear<AllBytes>>(),
    RegisteredGroup::of::<ByteLinear<Nonzeros>>(),
];
