//! Trains the networks of `hccr-models` with [burn](https://burn.dev), on a GPU where there is one.
//!
//! [`Burn`] is an [`Engine`] of a [`NetworkTrainer`](hccr_models::NetworkTrainer). burn computes losses and gradients on one of its
//! devices; networks, optimizers, constraints and checkpoints stay those of `hccr-nn-train`. Each step therefore sends the parameters
//! to the device and takes the gradients back. Sums are taken in another order than by `hccr-nn-train`, so that results agree up to
//! rounding.
//!
//! The features `cuda` and `wgpu` make devices of these kinds; `flex`, the default, makes the CPU one. Building with `cuda` needs no CUDA
//! toolkit, but a network: a build script of burn downloads LLVM.
#![forbid(unsafe_code)]

mod forward;

pub use burn_tensor::Device;

use burn_tensor::{Int, Tensor, TensorData, TensorReadError, activation::log_softmax};
use hccr_compress::TrainStats;
use hccr_models::{Engine, MiniBatch, TrainError, Work};
use hccr_nn_train::{Network, Optimizer, StepStats};

/// An engine on one of burn's devices.
///
/// ```
/// use hccr_burn_engine::{Burn, Device};
///
/// let engine = Burn::new(Device::flex());
/// ```
#[derive(Clone, Debug)]
pub struct Burn {
    device: Device,
}

impl Burn {
    /// On `device`.
    pub fn new(device: Device) -> Self {
        Self { device: device.autodiff() }
    }

    /// Sets the gradients of `network` for a mini-batch, and lets its running statistics follow.
    fn differentiate(&self, network: &mut Network<f32>, batch: &MiniBatch) -> Result<StepStats, TensorReadError> {
        let leaf = |values: &[f32]| Tensor::<1>::from_data(values, &self.device).require_grad();
        let leaves: Vec<Tensor<1>> = network.params_mut().map(|param| leaf(&param.value)).collect();
        let samples = batch.labels.len();
        let labels: Vec<i32> = batch.labels.iter().map(|&label| label.into()).collect();
        let labels = Tensor::<2, Int>::from_data(TensorData::new(labels, [samples, 1]), &self.device);

        let (logits, moments) = forward::run(network, &leaves, &batch.samples, &self.device);
        let loss = log_softmax(logits.clone(), 1).gather(1, labels.clone()).mean().neg();
        let mut gradients = loss.backward();

        let correct = logits.clone().gather(1, labels).greater_equal(logits.max_dim(1)).float().sum();
        let [loss, correct] = [loss, correct].map(read::<f64>);
        for (param, leaf) in network.params_mut().zip(leaves) {
            let gradient = leaf.grad_remove(&mut gradients).map(read);
            // The recurrent weight has none where all sequences have one step.
            param.grad = gradient.unwrap_or_else(|| Ok(vec![0.0; param.value.len()]))?;
        }
        for (norm, (mean, variance, values)) in network.norms_mut().zip(moments) {
            norm.follow(&read(mean)?, &read(variance)?, values);
        }
        Ok(StepStats { loss: loss?[0], correct: correct?[0] as usize, samples })
    }
}

/// The numbers of a tensor.
fn read<T: burn_tensor::Element>(tensor: Tensor<1>) -> Result<Vec<T>, TensorReadError> {
    tensor.try_into_vec_as()
}

impl<O: Optimizer> Engine<O> for Burn {
    fn train(&mut self, network: &mut Network<f32>, optimizer: &O, work: &Work<'_>) -> Result<TrainStats, TrainError> {
        work.train_each(|batch, seed| {
            self.device.seed(seed);
            let stats = self.differentiate(network, &batch).map_err(|e| TrainError::Engine(e.into()))?;
            optimizer.step(&mut network.params_mut().collect::<Vec<_>>(), work.learning_rate);
            Ok(stats)
        })
    }
}
