//! The stage that measures how redundant each layer is, and chooses what pruning aims at: CRA.

use crate::pipeline::{Measured, Output, Run, Stage, StageError};
use hccr_compress::{Budget, Cra, CraConfig, Progress, Targets, Trainer};
use hccr_nn_train::Optimizer;
use hccr_runtime::Model;
use serde::{Deserialize, Serialize};

/// What pruning has to bring a network down to, relative to the first model of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reduction {
    /// Its multiply-accumulates over those on non-zero weights.
    pub macs_ratio: f64,
    /// Its weights over the non-zero ones.
    pub weights_ratio: f64,
}

impl Reduction {
    /// In numbers, for samples of so many steps.
    fn budget(self, baseline: &Model, steps: f64) -> Budget {
        let macs: f64 = baseline.costs().iter().map(|c| c.dense_macs as f64 * c.runs(steps)).sum();
        Budget {
            nonzero_macs: (macs / self.macs_ratio) as u64,
            nonzeros: Some((baseline.weight_elements() as f64 / self.weights_ratio) as u64),
        }
    }
}

/// What the targets have to meet.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Goal {
    Reduction(Reduction),
    Weights(u64),
}

/// Measures each layer's redundancy ([`Cra`]) and sets the targets of pruning by it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Redundancy {
    config: CraConfig,
    goal: Goal,
    spares_first: bool,
    work: Option<Cra>,
    targets: Option<Targets>,
}

impl Redundancy {
    /// An analysis as `config` has it, of all layers where it lists none, that chooses the targets which meet `reduction`.
    pub fn new(config: CraConfig, reduction: Reduction) -> Self {
        Self { config, goal: Goal::Reduction(reduction), spares_first: false, work: None, targets: None }
    }

    /// The same without the first layer, where the configuration lists none.
    #[must_use]
    pub fn sparing_first(self) -> Self {
        Self { spares_first: true, ..self }
    }

    /// An analysis that chooses the targets at which so many non-zero weights are left, at one tolerance for all layers.
    pub fn to_weights(config: CraConfig, nonzeros: u64) -> Self {
        Self { config, goal: Goal::Weights(nonzeros), spares_first: false, work: None, targets: None }
    }
}

impl<O: Optimizer + Clone> Stage<O> for Redundancy {
    fn name(&self) -> &str {
        "cra"
    }

    fn advance(&mut self, run: &mut Run<'_, O>) -> Result<Progress, StageError> {
        let layers = run.trainer.layers();
        let cra = match &mut self.work {
            Some(cra) => cra,
            none => {
                let mut config = self.config.clone();
                if config.layers.is_empty() {
                    config.layers =
                        layers.iter().skip(usize::from(self.spares_first)).map(|l| l.name.clone()).collect();
                }
                none.insert(Cra::new(config, &layers)?)
            }
        };
        let progress = cra.advance(&mut run.trainer)?;
        if cra.is_done() {
            let targets = match self.goal {
                Goal::Reduction(reduction) => {
                    let first = run.models().first().ok_or("no stage before it left a model")?;
                    let steps = run.trainer.train_set().mean_steps().round();
                    cra.targets_for_budget(&layers, reduction.budget(&Model::from_bytes(&first.file)?, steps))?
                }
                Goal::Weights(nonzeros) => cra.targets_for_weights(&layers, nonzeros)?,
            };
            self.targets = Some(targets.clone());
            run.set_targets(targets);
        }
        Ok(progress)
    }

    fn is_done(&self) -> bool {
        self.targets.is_some()
    }

    fn output(&self, _: &Run<'_, O>) -> Result<Output, StageError> {
        Ok(Output::Nothing)
    }

    fn measured(&self) -> Measured<'_> {
        Measured::Redundancy(self.work.as_ref(), self.targets.as_ref())
    }
}
