//! Training of a network on a data set, as compression wants it.

use crate::answers::answers_to;
use crate::engine::{Engine, InProcess, MiniBatch, Teacher, Work};
use crate::{SampleError, SampleSet, spread};
use hccr_compress::{LayerInfo, LayerKind, LowRankPair, TrainStats, Trainer};
use hccr_constraint::Constraint;
use hccr_nn_train::layers::Conv2d;
use hccr_nn_train::{Batch, Evaluation, Layer, Network, NetworkError, Optimizer};
use hccr_random::Rng;
use hccr_runtime::shape::LinearParams;
use hccr_runtime::{ModelError, Plan, PlanError, RunError};
use serde::{Deserialize, Deserializer, Serialize};
use std::cell::OnceCell;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

/// Random stream of the augmentation, beside those of the layers, which are small numbers.
const AUGMENTATION: u64 = 1 << 63;

/// Random stream of the samples by which the inputs of layers are known.
const INPUTS: u64 = AUGMENTATION + 1;

/// The number of those samples: each gives a layer as many rows as its output has pixels.
const INPUT_SAMPLES: usize = 256;

/// With a smaller development set it is the size of that, or at least this number.
const FEWEST_INPUT_SAMPLES: usize = 64;

/// What a [`NetworkTrainer`] is at one moment: all that a checkpoint needs to go on bit for bit.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TrainerState<O> {
    /// The network, its momentum and its constraints.
    pub network: Network<f32>,
    /// Mini-batches trained so far.
    pub steps: u64,
    /// Seed of the order of samples, of their augmentation and of dropout.
    pub seed: u64,
    /// Samples per mini-batch, at least one.
    #[serde(deserialize_with = "at_least_one")]
    pub batch_size: usize,
    /// The optimizer.
    pub optimizer: O,
}

fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    NonZeroUsize::deserialize(deserializer).map(NonZeroUsize::get)
}

/// Trains a network on one data set and evaluates it on another, in this process unless another [`Engine`] is set.
#[derive(Debug)]
pub struct NetworkTrainer<'a, O> {
    state: TrainerState<O>,
    train: &'a dyn SampleSet,
    dev: &'a dyn SampleSet,
    /// Number of the pass over the training set that is under way, and its mini-batches.
    pass: (u64, Vec<Vec<usize>>),
    engine: Box<dyn Engine<O>>,
    teacher: Option<Teacher>,
    /// Once drawn.
    typical_inputs: OnceCell<Batch<f32>>,
}

/// Why training could not go on.
#[derive(Debug)]
#[non_exhaustive]
pub enum TrainError {
    /// The network has no such layer.
    Network(NetworkError),
    /// A weight, constraint or low-rank pair has another number of values than its layer needs.
    Length {
        /// Name of the layer.
        layer: String,
    },
    /// The loss is no longer a number.
    Diverged {
        /// Mini-batch at which it happened.
        step: u64,
        /// Learning rate then.
        learning_rate: f32,
    },
    /// A sample cannot be read from its file.
    Sample(SampleError),
    /// The engine failed.
    Engine(Box<dyn std::error::Error + Send + Sync>),
    /// The network makes no valid model for evaluation.
    Model(ModelError),
    /// The runtime cannot plan the network for evaluation.
    Plan(PlanError),
    /// The runtime cannot run the network for evaluation.
    Run(RunError),
}

impl fmt::Display for TrainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(e) => write!(f, "{e}"),
            Self::Length { layer } => write!(f, "layer '{layer}' needs another number of values"),
            Self::Diverged { step, learning_rate } => {
                write!(f, "training diverged at step {step}, at learning rate {learning_rate}: try a lower one")
            }
            Self::Sample(e) => write!(f, "{e}"),
            Self::Engine(e) => write!(f, "{e}"),
            Self::Model(e) => write!(f, "{e}"),
            Self::Plan(e) => write!(f, "{e}"),
            Self::Run(e) => write!(f, "{e}"),
        }
    }
}

impl std::error::Error for TrainError {}

impl From<NetworkError> for TrainError {
    fn from(e: NetworkError) -> Self {
        Self::Network(e)
    }
}

impl From<SampleError> for TrainError {
    fn from(e: SampleError) -> Self {
        Self::Sample(e)
    }
}

impl From<ModelError> for TrainError {
    fn from(e: ModelError) -> Self {
        Self::Model(e)
    }
}

impl From<PlanError> for TrainError {
    fn from(e: PlanError) -> Self {
        Self::Plan(e)
    }
}

impl From<RunError> for TrainError {
    fn from(e: RunError) -> Self {
        Self::Run(e)
    }
}

impl<'a, O: Optimizer> NetworkTrainer<'a, O> {
    /// Goes on from `state`.
    ///
    /// # Panics
    /// Where the training set or a mini-batch is empty.
    pub fn new(state: TrainerState<O>, train: &'a dyn SampleSet, dev: &'a dyn SampleSet) -> Self {
        assert!(!train.labels().is_empty() && state.batch_size > 0, "training on no samples");
        let mut trainer = Self {
            state,
            train,
            dev,
            pass: (0, Vec::new()),
            engine: Box::new(InProcess::default()),
            teacher: None,
            typical_inputs: OnceCell::new(),
        };
        trainer.pass.1 = trainer.batches_of(0);
        trainer
    }

    /// The same trainer with another engine.
    #[must_use]
    pub fn with_engine(self, engine: Box<dyn Engine<O>>) -> Self {
        Self { engine, ..self }
    }

    /// The network that it learns from, beside the labels.
    pub fn teacher(&self) -> Option<&Teacher> {
        self.teacher.as_ref()
    }

    /// Learns from the answers of `teacher` too, from now on, or from the labels alone.
    ///
    /// Training panics where the teacher has other classes or another input.
    pub fn set_teacher(&mut self, teacher: Option<Teacher>) {
        self.teacher = teacher;
    }

    /// The [fingerprints](SampleSet::fingerprint) of the training and of the development set.
    pub(crate) fn fingerprints(&self) -> [u32; 2] {
        [self.train.fingerprint(), self.dev.fingerprint()]
    }

    /// The state, to save or to export the network.
    pub fn state(&self) -> &TrainerState<O> {
        &self.state
    }

    /// The set that it trains on.
    pub fn train_set(&self) -> &'a dyn SampleSet {
        self.train
    }

    /// The set that it is evaluated on.
    pub fn dev_set(&self) -> &'a dyn SampleSet {
        self.dev
    }

    /// Goes on from another state, on the same data.
    pub(crate) fn restore(&mut self, state: TrainerState<O>) {
        self.state = state;
        self.pass = (0, self.batches_of(0));
        self.typical_inputs = OnceCell::new();
    }

    /// The samples of a mini-batch: passes over the whole set, each in an order of its own.
    fn samples_of(&mut self, step: u64) -> Vec<usize> {
        let batches = self.pass.1.len() as u64;
        let (pass, batch) = (step / batches, step % batches);
        if self.pass.0 != pass {
            self.pass = (pass, self.batches_of(pass));
        }
        self.pass.1[batch as usize].clone()
    }

    fn batches_of(&self, pass: u64) -> Vec<Vec<usize>> {
        self.train.pass(self.state.batch_size, &mut Rng::new(self.state.seed, pass))
    }

    /// Some training samples of all classes, always the same.
    fn typical_inputs(&self) -> Result<Batch<f32>, TrainError> {
        if let Some(drawn) = self.typical_inputs.get() {
            return Ok(drawn.clone());
        }
        let labels = self.train.labels().len();
        // Finer statistics than the accuracies that they serve would only take time.
        let samples = spread(labels, INPUT_SAMPLES.min(self.dev.labels().len().max(FEWEST_INPUT_SAMPLES)));
        let drawn = self.train.draw(&samples, &mut Rng::new(self.state.seed, INPUTS))?;
        Ok(self.typical_inputs.get_or_init(|| drawn.to_batch(&self.state.network.mean)).clone())
    }

    fn length(layer: &str) -> TrainError {
        TrainError::Length { layer: layer.into() }
    }

    fn no_layer(layer: &str) -> TrainError {
        NetworkError::NoSuchLayer { layer: layer.into() }.into()
    }
}

impl<O: Optimizer> Trainer for NetworkTrainer<'_, O> {
    type Error = TrainError;

    fn layers(&self) -> Vec<LayerInfo> {
        let network = &self.state.network;
        let steps = self.train.mean_steps().round() as usize;
        let mut layers = Vec::new();
        for (index, (layer, [_, height, width])) in network.layers().iter().zip(network.shapes()).enumerate() {
            for param in layer.weights() {
                let name = param.layer().expect("weights have layers").to_owned();
                let (kind, output_size) = match (layer, &param.shape[..]) {
                    (Layer::Conv2d(l), _) => (LayerKind::Conv2d(l.params), [height, width]),
                    (_, &[out_features, in_features]) => {
                        let steps = if network.reads_sequence(index) { steps } else { 1 };
                        (LayerKind::Linear(LinearParams { in_features, out_features }), [steps, 1])
                    }
                    _ => unreachable!("weights are those of convolutions and matrices"),
                };
                layers.push(LayerInfo { name, kind, output_size });
            }
        }
        layers
    }

    fn weight(&self, layer: &str) -> Result<Vec<f32>, TrainError> {
        let param = self.state.network.weight(layer).ok_or_else(|| Self::no_layer(layer))?;
        Ok(param.value.clone())
    }

    fn set_weight(&mut self, layer: &str, weight: &[f32]) -> Result<(), TrainError> {
        let param = self.state.network.weight_mut(layer).ok_or_else(|| Self::no_layer(layer))?;
        if param.value.len() != weight.len() {
            return Err(Self::length(layer));
        }
        param.value.copy_from_slice(weight);
        param.keep_constraint();
        Ok(())
    }

    fn set_constraint(&mut self, layer: &str, constraint: Constraint) -> Result<(), TrainError> {
        let param = self.state.network.weight_mut(layer).ok_or_else(|| Self::no_layer(layer))?;
        if !constraint.fits(param.value.len()) {
            return Err(Self::length(layer));
        }
        param.set_constraint(constraint);
        Ok(())
    }

    fn expand(&mut self, layer: &str, pair: LowRankPair) -> Result<(), TrainError> {
        let found = self.state.network.weight(layer).ok_or_else(|| Self::no_layer(layer))?;
        let [out_channels, in_channels, kh, kw] = found.shape[..] else {
            return Ok(self.state.network.factorize(layer, pair.rank, pair.first, pair.second)?);
        };
        if pair.first.len() != pair.rank * in_channels * kh || pair.second.len() != out_channels * pair.rank * kw {
            return Err(Self::length(layer));
        }
        self.state.network.replace_conv2d(layer, |conv| {
            let [vertical, horizontal] = pair.params(&conv.params);
            // The random weights are replaced at once.
            let mut rng = Rng::new(0, 0);
            let mut v = Conv2d::new(&format!("{layer}_v"), vertical, true, &mut rng);
            let mut h = Conv2d::new(&format!("{layer}_h"), horizontal, conv.bias.is_some(), &mut rng);
            (v.weight.value, h.weight.value) = (pair.first, pair.second);
            if let (Some(to), Some(from)) = (&mut h.bias, &conv.bias) {
                to.value.clone_from(&from.value);
            }
            vec![v, h]
        })?;
        Ok(())
    }

    fn input_products(&mut self, layer: &str) -> Result<Option<Vec<f32>>, TrainError> {
        let batch = self.typical_inputs()?;
        Ok(Some(self.state.network.input_products(layer, batch)?))
    }

    fn keep_channels(&mut self, layer: &str, keep: &[bool]) -> Result<bool, TrainError> {
        self.state.network.keep_channels(layer, keep)?;
        Ok(true)
    }

    fn train(&mut self, steps: usize, learning_rate: f32) -> Result<TrainStats, TrainError> {
        let first_step = self.state.steps;
        let samples: Vec<Vec<usize>> = (first_step..).take(steps).map(|step| self.samples_of(step)).collect();
        let (train, seed) = (self.train, self.state.seed);
        let batch = |step: usize| {
            let seed = seed ^ ((first_step + step as u64) << 20);
            let labels = samples[step].iter().map(|&i| train.labels()[i]).collect();
            Ok(MiniBatch { samples: train.draw(&samples[step], &mut Rng::new(seed, AUGMENTATION))?, labels })
        };
        let TrainerState { network, optimizer, .. } = &mut self.state;
        let teacher = self.teacher.as_ref();
        if teacher.is_some() && !self.engine.has_teachers() {
            return Err(TrainError::Engine(
                "this engine learns from labels alone, not from another network's answers".into(),
            ));
        }
        let work = Work { steps, first_step, learning_rate, teacher, seed, batch: &batch };
        let stats = self.engine.train(network, optimizer, &work)?;
        self.state.steps += steps as u64;
        Ok(stats)
    }

    fn evaluate_with(&mut self, layer: &str, weight: &[f32]) -> Result<f32, TrainError> {
        let whole = self.state.network.clone();
        let mut evaluate = || {
            self.set_weight(layer, weight)?;
            if self.state.network.norms_mut().next().is_some() {
                let batch = self.typical_inputs()?;
                self.state.network.measure_statistics(batch);
            }
            self.evaluate()
        };
        let accuracy = evaluate();
        self.state.network = whole;
        accuracy
    }

    fn evaluate(&mut self) -> Result<f32, TrainError> {
        // In the runtime, as it will be used: on a pruned network that is several times as fast as the forward pass of
        // training.
        let model = hccr_graph_opt::optimize(&self.state.network.to_model(self.dev.classes())?);
        let plan = Arc::new(Plan::new(&model)?);
        let samples = self.dev.labels().len();
        let world = self.engine.world();
        let own = world.map_or(0..samples, |world| world.part(samples));
        let counts: Evaluation = answers_to(own, &plan, self.dev, || ())?.iter().map(|answer| answer.count).sum();
        let top1 = world.map_or(counts.top1, |world| world.sum(counts.top1 as f64) as usize);
        Ok(Evaluation { samples, top1, ..counts }.top1_accuracy())
    }
}
