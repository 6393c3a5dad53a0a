//! The stage: layer-adaptive magnitude pruning (LAMP; Lee et al., ICLR 2021).
//!
//! One threshold for the whole network, on scores that can be compared between layers: a weight's square as a share of the squares of
//! its layer's weights that are no smaller. Unlike ADW it needs no targets for single layers, hence no analysis of redundancy.

use hccr_compress::{Phase, Progress, Trainer};
use hccr_constraint::Constraint;
use hccr_models::pipeline::{Measured, Output, Run, Stage, StageError};
use hccr_nn_train::Optimizer;
use serde::{Deserialize, Serialize};

/// Drops a share of all weights at once, and trains the remaining ones. A stage is a state that serde can write: this struct holds
/// everything that it remembers from call to call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Lamp {
    /// Share of the network's weights to drop, 0 to 1.
    share: f32,
    phase: Phase,
    dropped: bool,
}

impl Lamp {
    pub(crate) fn new(share: f32, phase: Phase) -> Self {
        Self { share, phase, dropped: false }
    }

    fn drop_weights<T: Trainer>(&self, trainer: &mut T) -> Result<(), T::Error> {
        let mut layers = Vec::new();
        for layer in trainer.layers() {
            let scores = scores(&trainer.weight(&layer.name)?);
            layers.push((layer.name, scores));
        }
        let mut all: Vec<f32> = layers.iter().flat_map(|(_, scores)| scores).copied().collect();
        all.sort_unstable_by(f32::total_cmp);
        let threshold = all.get((self.share * all.len() as f32) as usize).copied().unwrap_or(f32::INFINITY);
        for (name, scores) in layers {
            let keep = scores.iter().map(|score| *score >= threshold).collect();
            trainer.set_constraint(&name, Constraint::Mask(keep))?;
        }
        Ok(())
    }
}

/// The score of each weight of a layer; the largest weight's is 1, so that no layer loses all.
pub(crate) fn scores(weight: &[f32]) -> Vec<f32> {
    let mut order: Vec<usize> = (0..weight.len()).collect();
    order.sort_by(|&a, &b| weight[b].abs().total_cmp(&weight[a].abs()));
    let (mut sum, mut scores) = (0.0, vec![0.0; weight.len()]);
    for at in order {
        let square = f64::from(weight[at]).powi(2);
        sum += square;
        scores[at] = (square / sum.max(f64::MIN_POSITIVE)) as f32;
    }
    scores
}

impl<O: Optimizer> Stage<O> for Lamp {
    fn name(&self) -> &str {
        "lamp"
    }

    // One interval of work per call: the pipeline may be saved between any two, and goes on from there with the same bits.
    fn advance(&mut self, run: &mut Run<'_, O>) -> Result<Progress, StageError> {
        if !self.dropped {
            self.drop_weights(&mut run.trainer)?;
            self.dropped = true;
        }
        Ok(self.phase.advance(&mut run.trainer)?)
    }

    fn is_done(&self) -> bool {
        self.dropped && self.phase.is_done()
    }

    // A model that later stages build on, and a row of the results.
    fn output(&self, run: &Run<'_, O>) -> Result<Output, StageError> {
        Ok(Output::Model(run.network()?))
    }

    fn measured(&self) -> Measured<'_> {
        Measured::Training(self.phase.history())
    }
}
