//! What trains the mini-batches: this process, or another engine.

use crate::{SampleError, Samples, TrainError};
use hccr_compress::TrainStats;
use hccr_nn_train::{Batch, Distillation, Mode, Network, Optimizer, StepStats, World, distillation_loss};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// Trains the networks of a [`NetworkTrainer`](crate::NetworkTrainer).
///
/// The network, with what the optimizer remembers, is all that an engine starts from and all that it leaves: between two calls
/// another engine may take its place.
pub trait Engine<O>: fmt::Debug {
    /// Trains `network` on the mini-batches of `work`; the result says what they gave in the mean.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] where the loss is no longer a number, [`TrainError::Engine`] where the engine fails.
    fn train(&mut self, network: &mut Network<f32>, optimizer: &O, work: &Work<'_>) -> Result<TrainStats, TrainError>;

    /// Whether it learns from a [teacher](Work::teacher), too.
    fn has_teachers(&self) -> bool {
        false
    }

    /// The processes that train together, where there are several: they evaluate together, too.
    fn world(&self) -> Option<&Arc<dyn World>> {
        None
    }
}

/// What an [`Engine`] is to train.
pub struct Work<'a> {
    /// The number of mini-batches.
    pub steps: usize,
    /// The number of those that were trained before, by this or by earlier calls.
    pub first_step: u64,
    /// The learning rate of all of them.
    pub learning_rate: f32,
    /// A network to learn from, beside the labels.
    pub teacher: Option<&'a Teacher>,
    pub(crate) seed: u64,
    /// Makes a mini-batch.
    pub(crate) batch: &'a (dyn Fn(usize) -> Result<MiniBatch, SampleError> + Sync),
}

/// A network from whose answers another one of the same classes learns; it stays as it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Teacher {
    /// The network, without what only training needs.
    pub network: Network<f32>,
    /// How much is learned from it.
    pub how: Distillation,
}

impl Teacher {
    /// A copy of `network` as a teacher.
    pub fn new(network: &Network<f32>, how: Distillation) -> Self {
        let mut network = network.clone();
        network.forget_training();
        Self { network, how }
    }
}

/// The samples of one training step.
#[derive(Clone, Debug, PartialEq)]
pub struct MiniBatch {
    /// The samples.
    pub samples: Samples,
    /// The class of each.
    pub labels: Vec<u16>,
}

impl Work<'_> {
    /// Makes mini-batch `step`, from 0 to below [`steps`](Self::steps). Threads may make them in any order.
    ///
    /// # Errors
    /// [`SampleError`] where a sample cannot be read from its file.
    ///
    /// # Panics
    /// Where there is no such mini-batch.
    pub fn batch(&self, step: usize) -> Result<MiniBatch, SampleError> {
        (self.batch)(step)
    }

    /// The seed of what is random in training on mini-batch `step`: dropout.
    pub fn seed(&self, step: usize) -> u64 {
        self.seed ^ ((self.first_step + step as u64) << 20)
    }

    /// Passes each mini-batch with its [seed](Self::seed) to `train`, in order; the next one is drawn meanwhile, on other threads.
    ///
    /// # Errors
    /// That of `train`, [`TrainError::Sample`], or [`TrainError::Diverged`] at the first loss that is no number.
    pub fn train_each(
        &self,
        mut train: impl FnMut(MiniBatch, u64) -> Result<StepStats, TrainError>,
    ) -> Result<TrainStats, TrainError> {
        let &Self { steps, first_step, learning_rate, .. } = self;
        let (mut loss, mut correct, mut samples) = (0.0, 0, 0);
        let mut next = None;
        for step in 0..steps {
            let batch = next.take().unwrap_or_else(|| self.batch(step))?;
            let stats = rayon::in_place_scope(|scope| {
                scope.spawn(|_| next = (step + 1 < steps).then(|| self.batch(step + 1)));
                train(batch, self.seed(step))
            })?;
            if !stats.loss.is_finite() {
                return Err(TrainError::Diverged { step: first_step + step as u64, learning_rate });
            }
            loss += stats.loss;
            correct += stats.correct;
            samples += stats.samples;
        }
        Ok(TrainStats { loss: (loss / steps.max(1) as f64) as f32, accuracy: correct as f32 / samples.max(1) as f32 })
    }
}

impl fmt::Debug for Work<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { steps, first_step, learning_rate, .. } = self;
        write!(f, "Work {{ steps: {steps}, first_step: {first_step}, learning_rate: {learning_rate}, .. }}")
    }
}

/// Trains in this process, on all cores, with `hccr-nn-train`: bit for bit the same for any number of threads.
#[derive(Clone, Debug, Default)]
pub struct InProcess {
    /// Processes that train together, where there are several: bit for bit the same for any number of them.
    pub world: Option<Arc<dyn World>>,
}

impl<O: Optimizer> Engine<O> for InProcess {
    fn has_teachers(&self) -> bool {
        true
    }

    fn world(&self) -> Option<&Arc<dyn World>> {
        self.world.as_ref()
    }

    fn train(&mut self, network: &mut Network<f32>, optimizer: &O, work: &Work<'_>) -> Result<TrainStats, TrainError> {
        let world = self.world.as_ref();
        let mut teacher = work.teacher.cloned();
        work.train_each(|MiniBatch { samples, labels }, seed| {
            let batch = samples.to_batch(&network.mean);
            let part = world.and_then(|world| batch.part_of(world));
            let (part, own) = part.unwrap_or((batch, 0..labels.len()));
            let labels = &labels[own];
            let Some(Teacher { network: teacher, how }) = &mut teacher else {
                return Ok(network.train_step(part, labels, optimizer, work.learning_rate, seed));
            };
            let answers = teacher.forward(part.clone(), Mode::Eval);
            let loss = |logits: &Batch<f32>| distillation_loss(logits, labels, &answers, *how);
            Ok(network.train_step_on(part, loss, optimizer, work.learning_rate, seed))
        })
    }
}
