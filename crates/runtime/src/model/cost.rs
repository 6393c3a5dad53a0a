//! What a model costs: multiply-accumulates, counted dense and on non-zero weights.

use super::graph::Model;
use super::op::Op;
use crate::tensor::shape::is_sequence;
use alloc::string::String;
use alloc::vec::Vec;

/// Cost of one convolution, fully connected layer or LSTM for one sample, or for one step of a sequence.
///
/// What is done to one element at a time (biases, activations, the gates of an LSTM) is not counted, as in the thesis.
///
/// ```no_run
/// # let model = hccr_runtime::Model::from_bytes(&std::fs::read("model.hccr")?)?;
/// let macs: u64 = model.costs().iter().map(|layer| layer.nonzero_macs).sum();
/// println!("{macs} multiply-accumulates");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LayerCost {
    /// Name of the layer.
    pub name: String,
    /// Output shape.
    pub output: Vec<usize>,
    /// Weight elements, zeros included.
    pub weights: usize,
    /// Weight elements that are not zero.
    pub nonzeros: usize,
    /// True where the layer runs once per step of a sequence, and the multiply-accumulates below are those of one step.
    pub per_step: bool,
    /// Multiply-accumulates over all weights, in all [looks](Model::looks). Those on padding count, as in the thesis.
    pub dense_macs: u64,
    /// Multiply-accumulates over the non-zero weights.
    pub nonzero_macs: u64,
}

impl LayerCost {
    /// How often the layer runs for a sequence of `steps`, a mean length perhaps; 1 where it does not depend on them.
    pub fn runs(&self, steps: f64) -> f64 {
        if self.per_step { steps } else { 1.0 }
    }
}

impl Model {
    /// Cost of each convolution, fully connected layer and LSTM, in order.
    pub fn costs(&self) -> Vec<LayerCost> {
        (0..self.nodes.len()).filter_map(|node| self.cost_of(node)).collect()
    }

    /// Multiply-accumulates of one node over all its weights, for one sample or one step of a sequence; for a node without
    /// matrices, the elements that it compares or makes.
    pub(crate) fn work_of(&self, node: usize) -> u64 {
        let (input, output) = (self.shape(self.nodes[node].input), &self.shapes[self.inputs.len() + node]);
        let product = |sizes: &[usize]| sizes.iter().fold(1u64, |n, &size| n.saturating_mul(size.max(1) as u64));
        let op = &self.nodes[node].op;
        let elements = match op {
            Op::MaxPool2d { params } => {
                let window = [0, 1].map(|d| params.kernel_size[d].min(input[1 + d]));
                product(output).saturating_mul(product(&window))
            }
            _ => product(output),
        };
        let weights: usize = op.matrices().map(|id| self.weight(id).elements()).sum();
        elements.max((weights as u64).saturating_mul(positions(op, output))).saturating_mul(self.looks() as u64)
    }

    /// Cost of one node; `None` for a node without matrices.
    pub(crate) fn cost_of(&self, node: usize) -> Option<LayerCost> {
        let output = &self.shapes[self.inputs.len() + node];
        let node = &self.nodes[node];
        node.op.matrices().next()?;
        let positions = positions(&node.op, output) * self.looks() as u64;
        let (mut weights, mut nonzeros) = (0, 0);
        for weight in node.op.matrices().map(|id| self.weight(id)) {
            weights += weight.elements();
            nonzeros += weight.nnz();
        }
        Some(LayerCost {
            name: node.name.clone(),
            output: output.clone(),
            weights,
            nonzeros,
            per_step: is_sequence(output),
            dense_macs: weights as u64 * positions,
            nonzero_macs: nonzeros as u64 * positions,
        })
    }
}

/// How often an operation reads its matrix to make a value of shape `output`.
fn positions(op: &Op, output: &[usize]) -> u64 {
    if let Op::Conv2d { .. } = op { output[1] as u64 * output[2] as u64 } else { 1 }
}
