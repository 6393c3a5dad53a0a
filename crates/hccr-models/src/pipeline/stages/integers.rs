//! The stage that turns the model of a network of images into one of integers.

use crate::SampleSet;
use crate::pipeline::{Measured, Output, Run, Stage, StageError};
use hccr_compress::{Progress, quantize};
use hccr_nn_train::Optimizer;
use hccr_random::Rng;
use hccr_runtime::Model;
use serde::{Deserialize, Serialize};

/// Samples that ranges are measured on.
const SAMPLES: usize = 300;

/// Quantizes the model that the stages before it left, on samples of the training set; trains nothing.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Integers {
    seed: u64,
    done: bool,
}

impl Integers {
    /// On samples that `seed` chooses.
    pub fn new(seed: u64) -> Self {
        Self { seed, done: false }
    }
}

impl<O: Optimizer> Stage<O> for Integers {
    fn name(&self) -> &str {
        "int8"
    }

    fn advance(&mut self, _: &mut Run<'_, O>) -> Result<Progress, StageError> {
        self.done = true;
        Ok(Progress { done: 1, total: 1, message: "quantized".into() })
    }

    fn is_done(&self) -> bool {
        self.done
    }

    fn output(&self, run: &Run<'_, O>) -> Result<Output, StageError> {
        let model = Model::from_bytes(run.last_model()?)?;
        Ok(Output::Model(quantized_for(&model, run.trainer.train_set(), self.seed)?))
    }

    fn measured(&self) -> Measured<'_> {
        Measured::Nothing
    }
}

/// `model` quantized on samples of `set` that `seed` chooses: of a training set, never of the one that it is tested on.
///
/// # Errors
/// As [`quantize`], for a model that cannot be, and [`SampleError`](crate::SampleError) where a sample cannot be read.
pub fn quantized_for(model: &Model, set: &dyn SampleSet, seed: u64) -> Result<Model, StageError> {
    let mut chosen: Vec<usize> = (0..set.labels().len()).collect();
    Rng::new(seed, 0x1478).shuffle(&mut chosen);
    let mut inputs = vec![Vec::new(); chosen.len().min(SAMPLES)];
    for (input, &sample) in inputs.iter_mut().zip(&chosen) {
        set.fill_input(sample, input)?;
    }
    Ok(quantize(model, &inputs)?)
}
