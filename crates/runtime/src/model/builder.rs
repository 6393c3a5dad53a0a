//! Making a graph, and changing one.

use super::error::ModelError;
use super::fusion::Fusion;
use super::graph::{Model, Node, ValueId};
use super::op::Op;
use crate::weights::{Weight, WeightData, WeightId};
use alloc::string::String;
use alloc::vec::Vec;

/// A graph under construction: [`ModelBuilder::finish`] checks it and makes it a [`Model`].
///
/// A chain is a series of [`ModelBuilder::push`]; a node that reads an earlier value is a [`ModelBuilder::push_from`].
///
/// ```
/// use hccr_runtime::shape::LinearParams;
/// use hccr_runtime::{ModelBuilder, Op};
///
/// let mut network = ModelBuilder::new(&[2]);
/// let weight = network.dense("fc.weight", &[3, 2], vec![1.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
/// let params = LinearParams { in_features: 2, out_features: 3 };
/// let scores = network.push("fc", Op::Linear { params, weight, scale: None, bias: None, prelu: None });
/// let probabilities = network.push("softmax", Op::Softmax);
/// network.set_outputs(vec![scores, probabilities]);
/// let model = network.finish()?;
/// assert_eq!(model.nodes().len(), 2);
///
/// // The same network without its last node.
/// let mut shorter = model.edit();
/// shorter.remove_nodes(&[false, true]);
/// assert_eq!(shorter.finish()?.outputs(), [scores, scores]);
/// # Ok::<_, hccr_runtime::ModelError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ModelBuilder {
    /// Not checked, and without shapes.
    model: Model,
}

impl Model {
    /// The model as a graph that can be changed.
    pub fn edit(self) -> ModelBuilder {
        ModelBuilder { model: self }
    }
}

impl ModelBuilder {
    /// A graph with one input of `shape`.
    pub fn new(shape: &[usize]) -> Self {
        Self::with_inputs(alloc::vec![shape.to_vec()])
    }

    /// A graph with several inputs.
    pub fn with_inputs(inputs: Vec<Vec<usize>>) -> Self {
        let (nodes, outputs, weights, labels, shapes) = Default::default();
        let (temperature, fusion, tilt) = (None, None, None);
        Self { model: Model { nodes, inputs, outputs, weights, labels, temperature, fusion, tilt, shapes } }
    }

    /// Adds a weight.
    pub fn weight(&mut self, weight: Weight) -> WeightId {
        self.model.weights.push(weight);
        WeightId(self.model.weights.len() as u32 - 1)
    }

    /// Adds a dense weight.
    pub fn dense(&mut self, name: impl Into<String>, shape: &[usize], values: Vec<f32>) -> WeightId {
        self.weight(Weight::dense(name, shape, values))
    }

    /// Appends an operation that reads the [last](ModelBuilder::last) value, and returns its output.
    pub fn push(&mut self, name: impl Into<String>, op: Op) -> ValueId {
        self.push_from(self.last(), name, op)
    }

    /// Appends an operation that reads `input`, and returns its output.
    pub fn push_from(&mut self, input: ValueId, name: impl Into<String>, op: Op) -> ValueId {
        self.model.nodes.push(Node { name: name.into(), op, input });
        self.last()
    }

    /// The output of the last node; before the first node, the last input.
    pub fn last(&self) -> ValueId {
        ValueId((self.model.values().len() as u32).saturating_sub(1))
    }

    /// Sets the values that a run returns; without this, a new graph returns its last value.
    pub fn set_outputs(&mut self, outputs: Vec<ValueId>) {
        self.model.outputs = outputs;
    }

    /// Sets the character of each class.
    pub fn set_labels(&mut self, labels: Vec<char>) {
        self.model.labels = labels;
    }

    /// Sets the [temperature](Model::temperature), a positive number.
    pub fn set_temperature(&mut self, temperature: Option<f32>) {
        self.model.temperature = temperature;
    }

    /// Sets the [fusion](Model::fusion) with an offline model.
    pub fn set_fusion(&mut self, fusion: Option<Fusion>) {
        self.model.fusion = fusion;
    }

    /// Sets the [tilt](Model::tilt), from above 0 to 1, of a model with one output whose only input is a square grey image, `[1, size, size]`.
    pub fn set_tilt(&mut self, tilt: Option<f32>) {
        self.model.tilt = tilt;
    }

    /// The nodes so far.
    pub fn nodes(&self) -> &[Node] {
        &self.model.nodes
    }

    /// The weights so far; [`WeightId::index`] finds one.
    pub fn weights(&self) -> &[Weight] {
        &self.model.weights
    }

    /// The operation of node `node`, to change it.
    ///
    /// # Panics
    /// Where there is no such node.
    pub fn op_mut(&mut self, node: usize) -> &mut Op {
        &mut self.model.nodes[node].op
    }

    /// The weight `id`, to change it.
    ///
    /// # Panics
    /// Where there is no such weight.
    pub fn weight_mut(&mut self, id: WeightId) -> &mut Weight {
        &mut self.model.weights[id.index()]
    }

    /// Takes all nodes out, to be pushed again with others between them; all else stays.
    pub fn take_nodes(&mut self) -> Vec<Node> {
        core::mem::take(&mut self.model.nodes)
    }

    /// Removes each node for which `gone` is true; whoever reads one reads its input instead.
    ///
    /// # Panics
    /// Where a node reads no earlier value, or an output does not exist.
    pub fn remove_nodes(&mut self, gone: &[bool]) {
        let mut place: Vec<ValueId> = self.model.values().take(self.model.inputs.len()).collect();
        for (i, mut node) in self.take_nodes().into_iter().enumerate() {
            node.input = place[node.input.index()];
            place.push(if gone.get(i) == Some(&true) {
                node.input
            } else {
                self.push_from(node.input, node.name, node.op)
            });
        }
        for output in &mut self.model.outputs {
            *output = place[output.index()];
        }
    }

    /// Puts `data` in the place of the weight `old` of `node`, or in a new weight, named after the node and `what` it is to
    /// it, where it has none or others use it too. Returns where it is; the node's operation is left to the caller.
    ///
    /// # Panics
    /// Where there is no such node or weight.
    pub fn replace_weight(
        &mut self,
        node: usize,
        what: &str,
        old: Option<WeightId>,
        shape: &[usize],
        data: WeightData,
    ) -> WeightId {
        let uses = |id| self.nodes().iter().flat_map(|n| n.op.weights()).filter(|&used| used == id).count();
        if let Some(id) = old.filter(|&id| uses(id) == 1) {
            self.weight_mut(id).data = data;
            return id;
        }
        let mut name = alloc::format!("{}.{what}", self.nodes()[node].name);
        while self.weights().iter().any(|w| w.name == name) {
            name.push('_');
        }
        self.weight(Weight::new(name, shape, data))
    }

    /// Removes the weights that no node reads; the others keep their order.
    ///
    /// # Panics
    /// Where a node names a weight that does not exist.
    pub fn remove_unused_weights(&mut self) {
        let mut used = alloc::vec![false; self.model.weights.len()];
        self.nodes().iter().flat_map(|n| n.op.weights()).for_each(|id| used[id.index()] = true);
        let number = |id: WeightId| used[..id.index()].iter().filter(|&&used| used).count();
        for id in self.model.nodes.iter_mut().flat_map(|n| n.op.weights_mut()) {
            *id = WeightId(number(*id) as u32);
        }
        let mut used = used.iter();
        self.model.weights.retain(|_| used.next() == Some(&true));
    }

    /// The model, checked.
    ///
    /// # Errors
    /// [`ModelError`] names the first layer, weight, input or output that is wrong, and why.
    pub fn finish(mut self) -> Result<Model, ModelError> {
        if self.model.outputs.is_empty() {
            self.model.outputs.push(self.last());
        }
        self.model.weights.iter().try_for_each(Weight::validate)?;
        self.model.checked()
    }
}
