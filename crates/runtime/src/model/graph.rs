//! The graph.

use super::fusion::Fusion;
use super::op::Op;
use crate::tensor::shape::is_sequence;
use crate::weights::{Weight, WeightId};
use alloc::string::String;
use alloc::vec::Vec;

/// A value of a graph: an input, or the output of a node.
///
/// ```
/// use hccr_runtime::{ModelBuilder, Op};
///
/// let mut network = ModelBuilder::new(&[3]);
/// let input = network.last();
/// let output = network.push("softmax", Op::Softmax);
/// assert_eq!((input.index(), output.index()), (0, 1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(pub u32);

impl ValueId {
    /// Its number: the inputs come first, then the output of each node in order.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One operation of a graph, with its layer's name.
///
/// ```
/// # use hccr_runtime::{ModelBuilder, Op};
/// # let mut network = ModelBuilder::new(&[3]);
/// # network.push("softmax", Op::Softmax);
/// # let model = network.finish()?;
/// for node in model.nodes() {
///     println!("{}: {} of {:?}", node.name, node.op.name(), model.shape(node.input));
/// }
/// # Ok::<_, hccr_runtime::ModelError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
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
/// A model is always valid: [`ModelBuilder::finish`](super::ModelBuilder::finish) and [`Model::from_bytes`], which make
/// all models, have checked it. To change one, [`Model::edit`] takes it back into a builder.
///
/// ```
/// use hccr_runtime::{Model, ModelBuilder, Op};
///
/// let mut network = ModelBuilder::new(&[3]);
/// network.push("probabilities", Op::Softmax);
/// network.set_labels(vec!['一', '二', '三']);
/// let model = network.finish()?;
/// assert_eq!(model.shape(model.outputs()[0]), [3]);
/// assert_eq!(Model::from_bytes(&model.to_bytes())?, model);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    pub(crate) nodes: Vec<Node>,
    pub(crate) inputs: Vec<Vec<usize>>,
    pub(crate) outputs: Vec<ValueId>,
    pub(crate) weights: Vec<Weight>,
    pub(crate) labels: Vec<char>,
    pub(crate) temperature: Option<f32>,
    pub(crate) fusion: Option<Fusion>,
    pub(crate) tilt: Option<f32>,
    /// The shape of each value; empty until the model is checked.
    pub(crate) shapes: Vec<Vec<usize>>,
}

impl Model {
    /// The operations, in order of execution.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Shapes of the inputs, without the batch: `[1, 96, 96]` for a grey image, `[STEPS, 6]` for a sequence of 6 features
    /// per step (see [`shape`](crate::shape)). A sequence is the only input of its model.
    pub fn inputs(&self) -> &[Vec<usize>] {
        &self.inputs
    }

    /// The values that a run returns.
    pub fn outputs(&self) -> &[ValueId] {
        &self.outputs
    }

    /// The weights, which the nodes share through [`WeightId`]s.
    pub fn weights(&self) -> &[Weight] {
        &self.weights
    }

    /// The weight `id` of this model.
    ///
    /// # Panics
    /// Where `id` is another model's and this one has fewer weights.
    pub fn weight(&self, id: WeightId) -> &Weight {
        &self.weights[id.index()]
    }

    /// The character of each class, in the order of the outputs' elements; empty where it has none.
    pub fn labels(&self) -> &[char] {
        &self.labels
    }

    /// The calibration of the model, where it has one: scores divided by this temperature give probabilities, by a softmax,
    /// that are right as often as they say. (C. Guo et al., arXiv 1706.04599.)
    pub fn temperature(&self) -> Option<f32> {
        self.temperature
    }

    /// How this model answers together with an offline model of the same labels, where it is an online one for which that has been
    /// fitted: see [`FusedRecognizer`](crate::FusedRecognizer).
    pub fn fusion(&self) -> Option<Fusion> {
        self.fusion
    }

    /// How far a model looks to both sides, where it looks twice: it reads its image turned by the angle of this tangent, and by as much to
    /// the other side, and its output is the mean of both. Of one network that makes two, which err in different images.
    pub fn tilt(&self) -> Option<f32> {
        self.tilt
    }

    /// How often the network runs for one input: twice for a model with a [tilt](Model::tilt).
    pub fn looks(&self) -> usize {
        if self.tilt.is_some() { 2 } else { 1 }
    }

    /// The shape of a value of this model.
    ///
    /// # Panics
    /// Where `value` is another model's and this one has fewer values.
    pub fn shape(&self, value: ValueId) -> &[usize] {
        &self.shapes[value.index()]
    }

    /// All values: the inputs, then the output of each node.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = ValueId> + ExactSizeIterator + use<> {
        (0..(self.inputs.len() + self.nodes.len()) as u32).map(ValueId)
    }

    /// The value that node `node` defines.
    pub fn value_of(&self, node: usize) -> ValueId {
        ValueId((self.inputs.len() + node) as u32)
    }

    /// The node that defines `value`, or `None` for an input.
    pub fn producer(&self, value: ValueId) -> Option<usize> {
        value.index().checked_sub(self.inputs.len())
    }

    /// Takes a softmax off the end of a model with one output, which then gives the scores.
    pub(crate) fn remove_last_softmax(&mut self) {
        if let Some(Node { op: Op::Softmax, input, .. }) = self.nodes.last()
            && self.outputs == [self.value_of(self.nodes.len() - 1)]
        {
            self.outputs = alloc::vec![*input];
            self.nodes.pop();
            self.shapes.pop();
        }
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
