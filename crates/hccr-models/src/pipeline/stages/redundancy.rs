//! The stage that measures how redundant each layer is, and chooses what pruning aims at: CRA.

use crate::pipeline::{Measured, Output, Run, Stage, StageError};
use hccr_compress::{Budget, Cra, CraConfig, LayerInfo, Progress, Targets, Trainer};
use hccr_nn_train::Optimizer;
use hccr_runtime::Model;
use serde::{Deserialize, Serialize};

/// How many times each curve is measured once more, where the goal needs it.
pub(crate) const ROUNDS: usize = 3;

/// By what the targets of pruning are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Goal {
    /// At most so much, relative to the first model of the pipeline, and by what each weight costs ([`Cra::targets_for_budget`]).
    Reduction {
        /// Its multiply-accumulates over those on non-zero weights.
        macs_ratio: f64,
        /// Its weights over the non-zero ones.
        weights_ratio: f64,
    },
    /// A tolerance for each layer, whatever that leaves: the thesis's rule.
    Tolerance(f32),
    /// The smallest tolerance, common to all layers, that leaves so many non-zero weights.
    Weights(u64),
    /// At most so much, by what each weight costs.
    Budget(Budget),
}

impl Goal {
    /// The targets that meet it by the curves so far.
    fn targets<O: Optimizer + Clone>(
        self,
        cra: &Cra,
        layers: &[LayerInfo],
        run: &Run<'_, O>,
    ) -> Result<Targets, StageError> {
        Ok(match self {
            Self::Reduction { macs_ratio, weights_ratio } => {
                let first = run.models().first().ok_or("no stage before it left a model")?;
                let (baseline, steps) = (Model::from_bytes(&first.file)?, run.trainer.train_set().mean_steps().round());
                let macs: f64 = baseline.costs().iter().map(|c| c.dense_macs as f64 * c.runs(steps)).sum();
                let budget = Budget {
                    nonzero_macs: Some((macs / macs_ratio) as u64),
                    nonzeros: Some((baseline.weight_elements() as f64 / weights_ratio) as u64),
                };
                cra.targets_for_budget(layers, budget)?
            }
            Self::Tolerance(tolerance) => cra.targets_at(tolerance),
            Self::Weights(nonzeros) => cra.targets_for_weights(layers, nonzeros)?,
            Self::Budget(budget) => cra.targets_for_budget(layers, budget)?,
        })
    }
}

/// Measures each layer's redundancy ([`Cra`]) and sets the targets of pruning by it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Redundancy {
    config: CraConfig,
    goal: Goal,
    spares_first: bool,
    work: Option<Cra>,
    /// Points measured where the goal needs them.
    refined: usize,
    targets: Option<Targets>,
}

impl Redundancy {
    /// An analysis as `config` has it, of all layers where it lists none, that chooses the targets by `goal`.
    pub fn new(config: CraConfig, goal: Goal) -> Self {
        Self { config, goal, spares_first: false, work: None, refined: 0, targets: None }
    }

    /// The same, going on with an analysis of the network as it will be.
    #[must_use]
    pub fn with_curves(self, analysis: Cra) -> Self {
        Self { work: Some(analysis), ..self }
    }

    /// The same without the first layer, where the configuration lists none.
    #[must_use]
    pub fn sparing_first(self) -> Self {
        Self { spares_first: true, ..self }
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
        let curves = cra.curves().len();
        let progress = if cra.is_done() && self.refined < ROUNDS * curves {
            // A curve says little between two points far from each other.
            let (at, targets) = (self.refined % curves, self.goal.targets(cra, &layers, run)?);
            self.refined += 1;
            cra.refine(&mut run.trainer, at, targets.ratios[at].1)?
        } else {
            cra.advance(&mut run.trainer)?
        };
        if cra.is_done() && self.refined >= ROUNDS * curves {
            let targets = self.goal.targets(cra, &layers, run)?;
            self.targets = Some(targets.clone());
            run.set_targets(targets);
        }
        let (done, total) = (progress.done + self.refined, progress.total + ROUNDS * curves);
        Ok(Progress { done, total, message: progress.message })
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
