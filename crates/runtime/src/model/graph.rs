//! The graph.

use super::op::Op;
use crate::shape::is_sequence;
use crate::weights::{Weight, WeightData, WeightId};
use alloc::string::String;
use alloc::vec::Vec;

/// A value of the graph: the inputs come first, then the output of each node in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(pub u32);

/// One operation of the graph, with its layer's name.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Name of the layer, such as `conv2`.
    pub name: String,
    /// The operation.
    pub op: Op,
    /// Its input, an earlier value.
    pub input: ValueId,
}

/// A network: nodes in an order in which they can run, and their weights.
///
/// Node `i` defines the value `inputs.len() + i`, so that every node reads earlier values only.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Model {
    /// Operations, in order of execution.
    pub nodes: Vec<Node>,
    /// Shapes of the inputs, without the batch: `[1, 96, 96]` for a grey image, `[STEPS, 6]` for a sequence of 6
    /// features a step (see [`shape`](crate::shape)). A sequence is the only input of its model.
    pub inputs: Vec<Vec<usize>>,
    /// The values that a run returns.
    pub outputs: Vec<ValueId>,
    /// Weights, shared by the nodes through [`WeightId`].
    pub weights: Vec<Weight>,
    /// The character of each class, in the order of the last layer's outputs; empty where it has none.
    pub labels: Vec<char>,
}

impl Model {
    /// The value that node `node` defines.
    pub fn value_of(&self, node: usize) -> ValueId {
        ValueId((self.inputs.len() + node) as u32)
    }

    /// The node that defines `value`, or `None` for an input.
    pub fn producer(&self, value: ValueId) -> Option<usize> {
        (value.0 as usize).checked_sub(self.inputs.len())
    }

    /// The weight `id`.
    ///
    /// # Panics
    /// Where a hand-made model names a weight that it does not have; a validated one never does.
    pub fn weight(&self, id: WeightId) -> &Weight {
        &self.weights[id.0 as usize]
    }

    /// Puts `data` in the place of the weight `old` of `node`, or in a new weight, named after the node and `what` it is to it,
    /// where it has none or others use it too. Returns where it is; the node's operation is left to the caller.
    ///
    /// # Panics
    /// Where a hand-made model has no such node or weight.
    pub fn replace_weight(
        &mut self,
        node: usize,
        what: &str,
        old: Option<WeightId>,
        shape: &[usize],
        data: WeightData,
    ) -> WeightId {
        let uses = |id| self.nodes.iter().flat_map(|n| n.op.weights()).filter(|&used| used == id).count();
        if let Some(id) = old.filter(|&id| uses(id) == 1) {
            self.weights[id.0 as usize].data = data;
            return id;
        }
        let mut name = alloc::format!("{}.{what}", self.nodes[node].name);
        while self.weights.iter().any(|w| w.name == name) {
            name.push('_');
        }
        self.weights.push(Weight { name, shape: shape.to_vec(), data });
        WeightId(self.weights.len() as u32 - 1)
    }

    /// Number of weight elements of the layers' matrices, zeros included.
    pub fn weight_elements(&self) -> usize {
        self.matrices().map(Weight::elements).sum()
    }

    /// Number of non-zero weight elements of the layers' matrices.
    pub fn weight_nonzeros(&self) -> usize {
        self.matrices().map(Weight::nnz).sum()
    }

    fn matrices(&self) -> impl Iterator<Item = &Weight> {
        self.nodes.iter().flat_map(|n| n.op.matrices()).map(|id| self.weight(id))
    }

    /// True where the input is a sequence.
    pub fn is_sequence(&self) -> bool {
        self.inputs.first().is_some_and(|shape| is_sequence(shape))
    }
}

/// Builds a chain of operations over one input; each call appends a node.
#[derive(Clone, Debug)]
pub struct ModelBuilder {
    model: Model,
}

impl ModelBuilder {
    /// A model with one input of `shape`.
    pub fn new(shape: &[usize]) -> Self {
        Self { model: Model { inputs: alloc::vec![shape.to_vec()], ..Model::default() } }
    }

    /// Adds a weight.
    pub fn weight(&mut self, weight: Weight) -> WeightId {
        self.model.weights.push(weight);
        WeightId((self.model.weights.len() - 1) as u32)
    }

    /// Adds a dense weight.
    pub fn dense(&mut self, name: impl Into<String>, shape: &[usize], values: Vec<f32>) -> WeightId {
        self.weight(Weight::dense(name, shape, values))
    }

    /// Appends an operation that reads the value of the one before.
    pub fn push(&mut self, name: impl Into<String>, op: Op) -> &mut Self {
        let input = ValueId(self.model.nodes.len() as u32);
        self.model.nodes.push(Node { name: name.into(), op, input });
        self
    }

    /// The model, with the last node's value as its output.
    pub fn finish(mut self, labels: Vec<char>) -> Model {
        self.model.labels = labels;
        self.model.outputs = alloc::vec![ValueId(self.model.nodes.len() as u32)];
        self.model
    }
}
