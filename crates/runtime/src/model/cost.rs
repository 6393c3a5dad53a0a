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
    /// Multiply-accumulates over all weights. Those on padding count, as in the thesis.
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

    /// Cost of one node; `None` for a node without matrices.
    pub(crate) fn cost_of(&self, node: usize) -> Option<LayerCost> {
        let output = &self.shapes[self.inputs.len() + node];
        let node = &self.nodes[node];
        node.op.matrices().next()?;
        let positions = if let Op::Conv2d { .. } = node.op { output[1] * output[2] } else { 1 };
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
            dense_macs: weights as u64 * positions as u64,
            nonzero_macs: nonzeros as u64 * positions as u64,
        })
    }
}
