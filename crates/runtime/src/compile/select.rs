//! Which kernel runs a chain of nodes: the only place that compares costs.

use super::layouts::Value;
use crate::isa::Token;
use crate::kernels::f32::lstm::Lstm;
use crate::kernels::f32::over_time::Mean;
use crate::kernels::f32::pointwise::{Operation, Pointwise};
use crate::kernels::f32::softmax::Softmax;
use crate::kernels::pool::MaxPool;
use crate::kernels::u8::quantize::Quantize;
use crate::kernels::{Kernel, LAYER_KERNELS, Layer, LayerKind, Registered};
use crate::model::{Model, Op};
use crate::tensor::shape::{Conv2dParams, is_sequence};
use crate::tensor::{Elements, Layout, Quantization};
use crate::weights::{Matrix, WeightId};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::slice;

/// What the choice depends on.
pub(super) struct Select<'a> {
    pub(super) model: &'a Model,
    pub(super) values: &'a [Value],
    pub(super) elements: &'a [Elements],
    pub(super) token: Token,
    /// The name of a kernel to take wherever it fits.
    pub(super) forced: Option<&'a str>,
}

impl Select<'_> {
    /// The first of `chains` that has a kernel, and the kernel; where one is forced, the first that it fits, if there is any.
    pub(super) fn first<'c>(&self, chains: &'c [Vec<usize>]) -> (&'c [usize], Box<dyn Kernel>) {
        let is_forced = |chain: &&Vec<usize>| self.layer(chain).is_some_and(|layer| self.forced(&layer).is_some());
        let chains = chains.iter().find(is_forced).map_or(chains, slice::from_ref);
        let first = chains.iter().find_map(|chain| Some((&chain[..], self.kernel(chain)?)));
        first.expect("every operation alone has a kernel")
    }

    /// The kernel for the nodes of `chain` together, if there is one.
    fn kernel(&self, chain: &[usize]) -> Option<Box<dyn Kernel>> {
        if let Some(layer) = self.layer(chain) {
            return self.choose(&layer);
        }
        let &[node] = chain else { return self.rounded_mean(chain) };
        let (src, dst) = (&self.src(node).layout, &self.dst(node).layout);
        let dense = |id: WeightId| self.model.weight(id).to_dense();
        let operation = match self.model.nodes[node].op {
            Op::SubtractMean { mean } => Operation::SubtractMean(dense(mean)),
            Op::BatchNorm { mean, scale, shift } => {
                let mean = dense(mean);
                let shift = shift.map_or_else(|| alloc::vec![0.0; mean.len()], dense);
                Operation::BatchNorm { mean, scale: dense(scale), shift }
            }
            Op::PRelu { slope } => Operation::PRelu(dense(slope)),
            Op::FakeQuantize { scale, zero_point } => match self.written(node) {
                Elements::F32 => Operation::FakeQuantize(Quantization { scale, zero_point }),
                to => return Some(self.quantize(node, node, Vec::new(), to)),
            },
            Op::Flatten => {
                // The image's shape, without its borders.
                let (src, dst) = (src.clone(), src.without_border());
                return Some(Box::new(Pointwise { operation: Operation::Copy, src, dst }));
            }
            Op::Dropout { .. } | Op::Identity => Operation::Copy,
            Op::Softmax => return Some(Box::new(Softmax { features: dst.channels })),
            Op::MaxPool2d { params } => {
                let quads = self.written(node) != Elements::F32;
                return Some(Box::new(MaxPool { quads, params, src: src.clone(), dst: dst.clone() }));
            }
            Op::Lstm { params, project, recurrent } => {
                let product = |id: WeightId| self.recurrent_product(id);
                return Some(Box::new(Lstm::new(params, project.map(product), product(recurrent), [src, dst])));
            }
            Op::MeanOverTime => return Some(Box::new(Mean { features: dst.channels })),
            Op::Conv2d { .. } | Op::Linear { .. } => unreachable!("a layer with a matrix"),
        };
        Some(Box::new(Pointwise { operation, src: src.clone(), dst: dst.clone() }))
    }

    /// What node `node` reads.
    fn src(&self, node: usize) -> &Value {
        &self.values[self.model.nodes[node].input.0 as usize]
    }

    /// What it makes.
    fn dst(&self, node: usize) -> &Value {
        &self.values[self.model.inputs.len() + node]
    }

    /// The elements of what it makes.
    fn written(&self, node: usize) -> Elements {
        self.elements[self.model.inputs.len() + node]
    }

    /// One kernel for a mean that is subtracted and the rounding to bytes behind it.
    fn rounded_mean(&self, chain: &[usize]) -> Option<Box<dyn Kernel>> {
        let &[first, last] = chain else { return None };
        let (Op::SubtractMean { mean }, to) = (&self.model.nodes[first].op, self.written(last)) else { return None };
        let rounds = matches!(self.model.nodes[last].op, Op::FakeQuantize { .. }) && to != Elements::F32;
        rounds.then(|| self.quantize(first, last, self.model.weight(*mean).to_dense(), to))
    }

    fn quantize(&self, first: usize, last: usize, mean: Vec<f32>, to: Elements) -> Box<dyn Kernel> {
        let (src, dst) = (self.src(first).layout.clone(), self.dst(last).layout.clone());
        Box::new(Quantize { mean, to, src, dst })
    }

    /// The layer with a matrix that `chain` begins with, and what is behind it. `None` where it begins with another node, and
    /// where no kernel could do what is behind it.
    fn layer(&self, chain: &[usize]) -> Option<Layer<'_>> {
        let (&node, behind) = chain.split_first()?;
        let src = &self.src(node).layout;
        let (kind, weight, scale, bias, prelu) = match self.model.nodes[node].op {
            Op::Conv2d { params, weight, scale, bias, prelu } => (LayerKind::Conv(params), weight, scale, bias, prelu),
            Op::Linear { params, weight, scale, bias, prelu } => {
                // The time steps of a sequence are the pixels of a convolution.
                let same = Conv2dParams::same(params.in_features, params.out_features, [1, 1]);
                let steps = is_sequence(self.model.shape(self.model.nodes[node].input));
                let kind = if steps { LayerKind::Conv(same) } else { LayerKind::Linear };
                (kind, weight, scale, bias, prelu)
            }
            _ => return None,
        };
        let op = |node: usize| &self.model.nodes[node].op;
        let makes_bytes = |node| matches!(op(node), Op::FakeQuantize { .. }) && self.written(node) != Elements::F32;
        // The last node before the pooling, and the pooling.
        let (before, pool) = match *behind {
            [] => (node, None),
            [rounding] if makes_bytes(rounding) => (rounding, None),
            [pool] => (node, Some(pool)),
            [rounding, pool] if makes_bytes(rounding) => (rounding, Some(pool)),
            _ => return None,
        };
        let pool = match pool.map(|pool| (op(pool), pool)) {
            None => None,
            Some((&Op::MaxPool2d { params }, _)) => Some((params, &self.dst(before).layout)),
            Some(_) => return None,
        };
        let last = chain[chain.len() - 1];
        let dense = |id: WeightId| self.model.weight(id).to_dense();
        Some(Layer {
            kind,
            matrix: Matrix::new(self.model.weight(weight), scale.map(dense)),
            bias: bias.map(dense),
            slope: prelu.map(dense),
            src,
            dst: &self.dst(last).layout,
            reads: self.elements[self.model.nodes[node].input.0 as usize],
            writes: self.written(last),
            pool,
            recurrent: false,
            token: self.token,
        })
    }

    /// The kernel for a matrix of a recurrent layer.
    fn recurrent_product(&self, id: WeightId) -> Box<dyn Kernel> {
        let matrix = Matrix::new(self.model.weight(id), None);
        let [src, dst] = [matrix.columns(), matrix.rows()].map(|features| Layout::tight(&[features]));
        let layer = Layer {
            kind: LayerKind::Linear,
            matrix,
            bias: None,
            slope: None,
            src: &src,
            dst: &dst,
            reads: Elements::F32,
            writes: Elements::F32,
            pool: None,
            recurrent: true,
            token: self.token,
        };
        self.choose(&layer).expect("a matrix of numbers alone has a kernel")
    }

    /// The kernel of least cost for a layer, or the one that is forced where it fits; `None` where none is worth while.
    fn choose(&self, layer: &Layer<'_>) -> Option<Box<dyn Kernel>> {
        if let Some(forced) = self.forced(layer) {
            return Some((forced.pack)(layer));
        }
        let fitting = LAYER_KERNELS.iter().filter(|kernel| (kernel.fits)(layer));
        let costs = fitting.map(|kernel| ((kernel.cost)(layer), kernel));
        let (cost, Registered { pack, .. }) = costs.min_by(|(a, _), (b, _)| a.total_cmp(b))?;
        cost.is_finite().then(|| pack(layer))
    }

    /// The kernel that is forced, where it fits.
    fn forced(&self, layer: &Layer<'_>) -> Option<&'static Registered> {
        LAYER_KERNELS.iter().find(|kernel| Some(kernel.name) == self.forced && (kernel.fits)(layer))
    }
}
