//! A layer with a matrix, as its kernel packs it, and what a kernel for one has to say.

use super::kernel::{GroupKernel, Kernel};
use super::tiles::FlatPlanes;
use crate::isa::{LEVEL_2_BYTES, ProductTuning, Token, Tuning};
use crate::tensor::shape::{Conv2dParams, Pool2dParams};
use crate::tensor::{Elements, LINE, Layout};
use crate::weights::Matrix;
use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::any::Any;

/// A layer with a matrix, and everything around it.
pub(crate) struct Layer<'a> {
    pub(crate) kind: LayerKind,
    pub(crate) matrix: Matrix<'a>,
    /// Bias of each output.
    pub(crate) bias: Option<Vec<f32>>,
    /// Slope of each output's PRelu.
    pub(crate) slope: Option<Vec<f32>>,
    pub(crate) src: &'a Layout,
    pub(crate) dst: &'a Layout,
    /// What it reads.
    pub(crate) reads: Elements,
    /// What it writes.
    pub(crate) writes: Elements,
    /// A max pooling behind it that the same kernel is to do, and the layout between the two; `dst` is that of the pooling.
    pub(crate) pool: Option<(Pool2dParams, &'a Layout)>,
    /// True for a matrix that multiplies one vector after the other, so that it stays in a cache.
    pub(crate) recurrent: bool,
    pub(crate) token: Token,
}

/// What the matrix multiplies.
#[derive(Clone, Copy)]
pub(crate) enum LayerKind {
    /// The windows of an image. The time steps of a sequence are an image of one row, with a kernel of 1x1.
    Conv(Conv2dParams),
    /// A vector.
    Linear,
}

/// A kernel for layers with a matrix. To add one, write its file and a line in `registry.rs`.
pub(crate) trait LayerKernel: Kernel + Sized + 'static {
    /// What its name starts with: element type and kind, such as `f32_spmm`. Plans are forced to it by this name.
    const NAME: &'static str;

    /// Whether it can run the layer at all.
    fn fits(layer: &Layer<'_>) -> bool;

    /// An estimate of its time, comparable with those of all kernels that fit the same layer: see
    /// [`Tuning`]. Infinite where it is never worth while.
    fn cost(layer: &Layer<'_>) -> f64;

    /// Packs the weights of a layer that it fits.
    fn pack(layer: &Layer<'_>) -> Self;
}

/// A kernel in the registry.
pub(crate) struct Registered {
    pub(crate) name: &'static str,
    pub(crate) fits: fn(&Layer<'_>) -> bool,
    pub(crate) cost: fn(&Layer<'_>) -> f64,
    pub(crate) pack: fn(&Layer<'_>) -> Box<dyn Kernel>,
}

impl Registered {
    pub(crate) const fn of<K: LayerKernel>() -> Self {
        Self { name: K::NAME, fits: K::fits, cost: K::cost, pack: |layer| Box::new(K::pack(layer)) }
    }
}

/// A kernel for groups in the registry.
pub(crate) struct RegisteredGroup {
    /// The kernel as one for groups, where it is of this kind.
    pub(crate) of: for<'a> fn(&'a dyn Kernel) -> Option<&'a dyn GroupKernel>,
}

impl RegisteredGroup {
    pub(crate) const fn of<K: GroupKernel>() -> Self {
        Self { of: |kernel| (kernel as &dyn Any).downcast_ref::<K>().map(|kernel| kernel as &dyn GroupKernel) }
    }
}

impl Layer<'_> {
    /// The sizes of a convolution of numbers, of stride 1, without pooling.
    pub(crate) fn flat_conv(&self) -> Option<&Conv2dParams> {
        self.conv().filter(|params| params.stride == [1, 1] && self.is_f32() && self.pool.is_none())
    }

    /// The sizes of a convolution.
    pub(crate) fn conv(&self) -> Option<&Conv2dParams> {
        match &self.kind {
            LayerKind::Conv(params) => Some(params),
            LayerKind::Linear => None,
        }
    }

    /// True for a product of numbers with a vector.
    pub(crate) fn is_product(&self) -> bool {
        matches!(self.kind, LayerKind::Linear) && self.is_f32()
    }

    /// True for a layer that reads and writes numbers.
    pub(crate) fn is_f32(&self) -> bool {
        [self.reads, self.writes] == [Elements::F32; 2]
    }

    pub(crate) fn tuning(&self) -> &'static Tuning {
        self.token.tuning()
    }

    /// Costs of a product with a vector.
    pub(crate) fn product_tuning(&self) -> &'static ProductTuning {
        if self.recurrent { &self.tuning().cached } else { &self.tuning().streamed }
    }

    /// The cost of `multiply_adds` for each vector of pixels, and of weights of `elements` that come from memory.
    pub(crate) fn conv_cost(&self, multiply_adds: f64, elements: usize) -> f64 {
        let vectors = self.dst.pixels().div_ceil(self.token.lanes());
        multiply_adds * vectors as f64 + self.tuning().line * elements.div_ceil(LINE) as f64
    }

    /// The cost of a dense matrix times a vector, for so much an element.
    pub(crate) fn dense_cost(&self, element: f64, elements: usize) -> f64 {
        let in_cache = elements * size_of::<f32>() <= LEVEL_2_BYTES;
        element * elements as f64 * if in_cache { 1.0 } else { self.product_tuning().beyond_cache }
    }

    /// True where leaving the zeros out beats a dense convolution that pads the outputs to a multiple of `mr`.
    pub(crate) fn is_sparse(&self, mr: usize) -> bool {
        self.tuning().sparse * (self.matrix.nnz() as f64) < self.matrix.padded(mr) as f64
    }

    /// What is done to the sums of numbers.
    pub(crate) fn epilogue(&self) -> Epilogue {
        let outputs = self.matrix.rows();
        Epilogue {
            bias: self.bias.clone().unwrap_or_else(|| vec![0.0; outputs]),
            slope: self.slope.clone().unwrap_or_else(|| vec![1.0; outputs]),
        }
    }

    /// The position of the input that output pixel (0, 0) reads for the first column of the matrix of a convolution.
    pub(crate) fn first_input(&self, params: &Conv2dParams) -> usize {
        let Layout { border, row_stride, .. } = *self.src;
        (border[0] - params.padding[0]) * row_stride + border[1] - params.padding[1]
    }

    /// The position of the input that output pixel (0, 0) reads for each tap of the kernel, in each of `planes` planes.
    pub(crate) fn offsets(&self, params: &Conv2dParams, planes: usize) -> Vec<u32> {
        let ([kh, kw], first) = (params.kernel_size, self.first_input(params));
        let mut offsets = Vec::with_capacity(planes * kh * kw);
        for plane in 0..planes {
            for ky in 0..kh {
                for kx in 0..kw {
                    offsets.push((plane * self.src.plane_stride + first + ky * self.src.row_stride + kx) as u32);
                }
            }
        }
        offsets
    }

    /// Where a convolution over flat pixels reads and writes, with these inputs for each column of its matrix.
    pub(crate) fn flat_planes(&self, offsets: Vec<u32>) -> FlatPlanes {
        let dst = self.dst;
        FlatPlanes {
            offsets,
            dst_planes: dst.channels,
            dst_plane: dst.plane_stride,
            dst_origin: dst.origin(),
            pixels: dst.pixels(),
        }
    }
}

/// What a convolution or fully connected layer does to a sum: adds the bias, then applies PRelu.
pub(crate) struct Epilogue {
    /// Bias of each output.
    pub(crate) bias: Vec<f32>,
    /// Slope of each output; 1 where there is no PRelu.
    pub(crate) slope: Vec<f32>,
}

impl Epilogue {
    /// The same for `outputs` outputs, the new ones with bias 0 and slope 1.
    pub(crate) fn padded(mut self, outputs: usize) -> Self {
        self.bias.resize(outputs, 0.0);
        self.slope.resize(outputs, 1.0);
        self
    }
}
