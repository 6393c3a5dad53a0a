//! What a model costs: multiply-accumulates, counted dense and on non-zero weights.

use super::graph::Model;
use super::op::Op;
use crate::error::LoadError;
use alloc::string::String;
use alloc::vec::Vec;

/// Cost of one convolution or fully connected layer for one sample.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerCost {
    /// Name of the layer.
    pub name: String,
    /// Output shape.
    pub output: Vec<usize>,
    /// Weight elements, zeros included.
    pub weights: usize,
    /// Weight elements that are not zero.
    pub nonzeros: usize,
    /// Multiply-accumulates over all weights. Those on padding count, as in the thesis.
    pub dense_macs: u64,
    /// Multiply-accumulates over the non-zero weights.
    pub nonzero_macs: u64,
}

impl Model {
    /// Cost of each convolution and fully connected layer, in order.
    ///
    /// # Errors
    /// As [`Model::validate`].
    pub fn costs(&self) -> Result<Vec<LayerCost>, LoadError> {
        Ok(self.costs_of(&self.validate()?))
    }

    /// The same for a valid model, whose values have these shapes.
    pub(crate) fn costs_of(&self, shapes: &[Vec<usize>]) -> Vec<LayerCost> {
        let mut costs = Vec::new();
        for (i, node) in self.nodes.iter().enumerate() {
            let output = &shapes[self.inputs.len() + i];
            let (weight, positions) = match node.op {
                Op::Conv2d { weight, .. } => (weight, output[1] * output[2]),
                Op::Linear { weight, .. } => (weight, 1),
                _ => continue,
            };
            let weight = self.weight(weight);
            let (weights, nonzeros) = (weight.elements(), weight.nnz());
            costs.push(LayerCost {
                name: node.name.clone(),
                output: output.clone(),
                weights,
                nonzeros,
                dense_macs: weights as u64 * positions as u64,
                nonzero_macs: nonzeros as u64 * positions as u64,
            });
        }
        costs
    }
}
