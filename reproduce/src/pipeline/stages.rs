//! The stages of a run, as one state that advances by small intervals and can be saved between any two.

use super::{Data, LowRank, Pipeline};
use crate::progress::Metrics;
use anyhow::{Context, Result, ensure};
use hccr_compress::{
    Adw, AdwConfig, Block, Budget, Cra, CraConfig, LayerInfo, LayerKind, Progress, Sharing, SharingConfig, Strategy,
    Targets, Trainer,
};
use hccr_models::{Baseline, NetworkTrainer, Pruning, Recipe, SampleSet, TrainerState};
use hccr_nn_train::checkpoint;
use hccr_runtime::{Model, Plan};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::Path;
use std::time::Duration;

/// The stages, in order; the last five prune the same network in different ways, for comparison, where the recipe has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Stage {
    Baseline,
    LowRank,
    Cra,
    Adw,
    Codebook,
    CompareAdaptive,
    CompareAdaptiveRows,
    CompareAdaptiveBlock,
    CompareOneShot,
    CompareFixedThreshold,
    Done,
}

/// Names of the prunings that are compared, in the order of [`State::compared`].
pub(super) const COMPARED: [&str; 5] = ["adaptive", "adaptive-rows", "adaptive-block", "one-shot", "fixed-threshold"];

/// Everything measured and made so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct State<O> {
    /// The command of the run: a checkpoint of another one is refused.
    command: String,
    metrics_bytes: u64,
    stage: Stage,
    trainer: TrainerState<O>,
    pub(super) baseline: Baseline,
    pub(super) low_rank: Option<LowRank>,
    pub(super) cra: Option<Cra>,
    pub(super) targets: Option<Targets>,
    pub(super) adw: Option<Adw>,
    pub(super) sharing: Option<Sharing>,
    /// The prunings that are compared, as far as they have begun.
    pub(super) compared: Vec<Adw>,
    /// The trainer before pruning, where the comparison starts too.
    before_pruning: Option<TrainerState<O>>,
    /// Model file after each stage, by its name in the report.
    pub(super) models: Vec<(String, Vec<u8>)>,
    /// Wall time of each stage, of all its parts where it was interrupted.
    pub(super) seconds: Vec<(String, f64)>,
}

/// A run: its state and what it works with.
pub(super) struct Stages<'a, P: Pipeline> {
    pipeline: &'a P,
    data: &'a Data<P::Set>,
    trainer: NetworkTrainer<'a, P::Set, P::Optimizer>,
    state: State<P::Optimizer>,
}

impl<'a, P: Pipeline> Stages<'a, P> {
    /// A new run.
    pub(super) fn start(pipeline: &'a P, data: &'a Data<P::Set>) -> Result<Self> {
        let state = State {
            command: pipeline.command(),
            metrics_bytes: 0,
            stage: Stage::Baseline,
            trainer: pipeline.untrained(data)?,
            baseline: pipeline.recipe().baseline(),
            low_rank: None,
            cra: None,
            targets: None,
            adw: None,
            sharing: None,
            compared: Vec::new(),
            before_pruning: None,
            models: Vec::new(),
            seconds: Vec::new(),
        };
        Ok(Self::with(pipeline, data, state))
    }

    /// The run saved at `path`.
    pub(super) fn resume(path: &Path, pipeline: &'a P, data: &'a Data<P::Set>) -> Result<Self> {
        let state: State<P::Optimizer> = checkpoint::load(path)?;
        ensure!(
            state.command == pipeline.command(),
            "the checkpoint {} is of another run ({}); give the same flags, or another --out",
            path.display(),
            state.command
        );
        Ok(Self::with(pipeline, data, state))
    }

    fn with(pipeline: &'a P, data: &'a Data<P::Set>, state: State<P::Optimizer>) -> Self {
        let trainer = NetworkTrainer::new(state.trainer.clone(), &data.train, &data.dev);
        Self { pipeline, data, trainer, state }
    }

    /// Saves the run.
    pub(super) fn save(&mut self, path: &Path, metrics_bytes: u64) -> Result<()> {
        self.state.trainer = self.trainer.state().clone();
        self.state.metrics_bytes = metrics_bytes;
        Ok(checkpoint::save(path, &self.state)?)
    }

    /// Everything measured and made.
    pub(super) fn into_state(self) -> State<P::Optimizer> {
        self.state
    }

    pub(super) fn metrics_bytes(&self) -> u64 {
        self.state.metrics_bytes
    }

    /// Mini-batches trained so far, since the start or since the comparison went back to the network before pruning.
    pub(super) fn steps(&self) -> u64 {
        self.trainer.state().steps
    }

    /// Wall time of a stage so far.
    pub(super) fn seconds(&self, stage: &str) -> f64 {
        self.state.seconds.iter().filter(|(name, _)| name == stage).map(|(_, seconds)| seconds).sum()
    }

    pub(super) fn record_seconds(&mut self, stage: &str, seconds: f64) {
        self.state.seconds.retain(|(name, _)| name != stage);
        self.state.seconds.push((stage.into(), seconds));
    }

    /// Name of the stage that is under way, or `None` at the end.
    pub(super) fn current(&self) -> Option<&'static str> {
        match self.state.stage {
            Stage::Baseline => Some("baseline"),
            Stage::LowRank => Some(P::LOW_RANK),
            Stage::Cra => Some("cra"),
            Stage::Adw => Some("adw"),
            Stage::Codebook => Some("codebook"),
            Stage::CompareAdaptive => Some(COMPARED[0]),
            Stage::CompareAdaptiveRows => Some(COMPARED[1]),
            Stage::CompareAdaptiveBlock => Some(COMPARED[2]),
            Stage::CompareOneShot => Some(COMPARED[3]),
            Stage::CompareFixedThreshold => Some(COMPARED[4]),
            Stage::Done => None,
        }
    }

    /// Advances the stage that is under way by one interval, and goes on to the next stage at its end.
    pub(super) fn advance(&mut self, metrics: &mut Metrics) -> Result<Progress> {
        let stage = self.state.stage;
        let (trainer, state) = (&mut self.trainer, &mut self.state);
        let layers = trainer.layers();
        let recipe = self.pipeline.recipe();
        let (progress, done) = match stage {
            Stage::Baseline => {
                let progress = state.baseline.advance(trainer)?;
                metrics.write(&json!({"stage": "baseline", "record": state.baseline.history().last()}))?;
                (progress, state.baseline.is_done())
            }
            Stage::LowRank => {
                let low_rank = match &mut state.low_rank {
                    Some(low_rank) => low_rank,
                    none => none.insert(self.pipeline.low_rank(&layers)?),
                };
                let progress = low_rank.advance(trainer)?;
                metrics.write(&json!({"stage": P::LOW_RANK, "record": low_rank.last_metric()}))?;
                (progress, low_rank.is_done())
            }
            Stage::Cra => {
                let cra = match &mut state.cra {
                    Some(cra) => cra,
                    none => {
                        let names = layers.iter().map(|l| l.name.clone()).collect();
                        none.insert(Cra::new(CraConfig { layers: names, ..recipe.cra.clone() }, &layers)?)
                    }
                };
                let progress = cra.advance(trainer)?;
                metrics.write(&json!({"stage": "cra", "point": &progress.message}))?;
                if cra.is_done() {
                    let budget = budget(recipe, &state.models[0].1, self.data.train.mean_steps().round())?;
                    state.targets = Some(cra.targets_for_budget(&layers, budget)?);
                    state.before_pruning = Some(trainer.state().clone());
                }
                (progress, state.targets.is_some())
            }
            Stage::Adw => {
                let adw = match &mut state.adw {
                    Some(adw) => adw,
                    none => {
                        none.insert(pruning(&recipe.adw, Strategy::Adaptive, recipe.block, &state.targets, &layers)?)
                    }
                };
                let progress = adw.advance(trainer)?;
                metrics.write(&json!({"stage": "adw", "record": adw.history().last()}))?;
                (progress, adw.is_done())
            }
            Stage::CompareAdaptive
            | Stage::CompareAdaptiveRows
            | Stage::CompareAdaptiveBlock
            | Stage::CompareOneShot
            | Stage::CompareFixedThreshold => {
                let number = stage as usize - Stage::CompareAdaptive as usize;
                if state.compared.len() == number {
                    let strategy = match stage {
                        Stage::CompareOneShot => Strategy::OneShot,
                        Stage::CompareFixedThreshold => fixed_threshold(trainer, &state.targets)?,
                        _ => Strategy::Adaptive,
                    };
                    let block = match stage {
                        Stage::CompareAdaptiveRows => Block { channels: 1, ..Plan::BLOCK.into() },
                        Stage::CompareAdaptiveBlock => Plan::BLOCK.into(),
                        _ => Block::SINGLE,
                    };
                    let how = recipe.comparison.as_ref().context("a comparison without a recipe")?;
                    state.compared.push(pruning(how, strategy, block, &state.targets, &layers)?);
                }
                let adw = &mut state.compared[number];
                let progress = adw.advance(trainer)?;
                metrics.write(&json!({"stage": COMPARED[number], "record": adw.history().last()}))?;
                (progress, adw.is_done())
            }
            Stage::Codebook => {
                let sharing = match &mut state.sharing {
                    Some(sharing) => sharing,
                    none => {
                        let centres = |l: &LayerInfo| match l.kind {
                            LayerKind::Conv2d(_) => recipe.centres[0],
                            LayerKind::Linear(_) => recipe.centres[1],
                        };
                        let layers_and_centres = layers.iter().map(|l| (l.name.clone(), centres(l))).collect();
                        let config = SharingConfig { layers: layers_and_centres, phase: recipe.sharing.clone() };
                        none.insert(Sharing::new(config, &layers)?)
                    }
                };
                let progress = sharing.advance(trainer)?;
                metrics.write(&json!({"stage": "codebook", "record": sharing.history().last()}))?;
                (progress, sharing.is_done())
            }
            Stage::Done => return Ok(Progress { done: 1, total: 1, message: String::new() }),
        };
        if done {
            self.finish_stage()?;
        }
        Ok(progress)
    }

    /// Keeps the model of the stage that has ended, and goes on to the next.
    fn finish_stage(&mut self) -> Result<()> {
        let stage = self.state.stage;
        if stage != Stage::Cra {
            let name = self.current().expect("a stage has ended").to_owned();
            let model = self.trainer.state().network.to_model(self.data.train.classes())?;
            self.state.models.push((name, model.to_bytes()));
        }
        self.state.stage = match stage {
            Stage::Baseline => Stage::LowRank,
            Stage::LowRank => Stage::Cra,
            Stage::Cra => Stage::Adw,
            Stage::Adw => Stage::Codebook,
            Stage::Codebook if self.pipeline.recipe().comparison.is_none() => Stage::Done,
            Stage::Codebook => Stage::CompareAdaptive,
            Stage::CompareAdaptive => Stage::CompareAdaptiveRows,
            Stage::CompareAdaptiveRows => Stage::CompareAdaptiveBlock,
            Stage::CompareAdaptiveBlock => Stage::CompareOneShot,
            Stage::CompareOneShot => Stage::CompareFixedThreshold,
            Stage::CompareFixedThreshold | Stage::Done => Stage::Done,
        };
        if self.state.stage >= Stage::CompareAdaptive && self.state.stage < Stage::Done {
            let before = self.state.before_pruning.clone().expect("redundancy analysis came before");
            self.trainer = NetworkTrainer::new(before, &self.data.train, &self.data.dev);
        }
        Ok(())
    }

    /// A line on the stage that has just ended.
    pub(super) fn summary(&self, time: Duration) -> String {
        let state = &self.state;
        let last = |adw: Option<&Adw>| adw.and_then(|a| a.history().last()).and_then(|h| h.record.dev_accuracy);
        let accuracy = match (state.stage, &state.targets) {
            (Stage::LowRank, _) => state.baseline.history().last().and_then(|r| r.dev_accuracy),
            (Stage::Cra, _) => {
                state.low_rank.as_ref().and_then(|l| l.records().last().and_then(|record| record.dev_accuracy))
            }
            (Stage::Adw, Some(targets)) => {
                let [conv, linear] = [targets.conv_tolerance, targets.linear_tolerance].map(|t| 100.0 * t);
                let seconds = time.as_secs_f64();
                return format!(
                    "tolerance {conv:.2} points a layer, {linear:.2} a fully connected one, {seconds:.0} s"
                );
            }
            (Stage::Codebook, _) => last(state.adw.as_ref()),
            (_, _) if state.compared.is_empty() => {
                state.sharing.as_ref().and_then(|s| s.history().last()).and_then(|r| r.dev_accuracy)
            }
            _ => last(state.compared.last()),
        };
        let accuracy = accuracy.map_or(String::new(), |a| format!("{:.2} % of the development set, ", 100.0 * a));
        format!("{accuracy}{:.0} s", time.as_secs_f64())
    }
}

/// What pruning aims at, from the baseline's own cost for samples of so many steps.
fn budget(recipe: &Recipe, baseline: &[u8], steps: f64) -> Result<Budget> {
    let baseline = Model::from_bytes(baseline)?;
    let macs: f64 = baseline.costs().iter().map(|c| c.dense_macs as f64 * c.runs(steps)).sum();
    Ok(Budget {
        nonzero_macs: (macs / recipe.macs_ratio) as u64,
        nonzeros: Some((baseline.weight_elements() as f64 / recipe.weights_ratio) as u64),
    })
}

/// A pruning to the targets, in blocks of one shape.
fn pruning(
    how: &Pruning,
    strategy: Strategy,
    block: Block,
    targets: &Option<Targets>,
    layers: &[LayerInfo],
) -> Result<Adw> {
    let targets = targets.as_ref().context("pruning starts without targets")?.ratios.clone();
    let config = AdwConfig { strategy, targets, block, phase: how.phase.clone(), ramp_steps: how.ramp_steps };
    Ok(Adw::new(config, layers)?)
}

/// The earlier rule with `beta` and `lambda` zero, and `alpha` such that the network loses as many weights at the start
/// as the targets ask for in all.
fn fixed_threshold<T: Trainer>(trainer: &T, targets: &Option<Targets>) -> Result<Strategy> {
    let mut layers = Vec::new();
    let mut wanted = 0.0;
    for (name, target) in targets.iter().flat_map(|t| &t.ratios) {
        let magnitudes: Vec<f32> = trainer.weight(name)?.iter().map(|w| w.abs()).collect();
        let mean = magnitudes.iter().sum::<f32>() / magnitudes.len() as f32;
        wanted += f64::from(*target) * magnitudes.len() as f64;
        layers.push((magnitudes, mean));
    }
    let dropped = |alpha: f32| -> usize {
        layers.iter().map(|(magnitudes, mean)| magnitudes.iter().filter(|&&m| m <= alpha * mean).count()).sum()
    };
    let (mut low, mut high) = (0.0, 16.0);
    for _ in 0..30 {
        let middle = 0.5 * (low + high);
        if dropped(middle) as f64 > wanted { high = middle } else { low = middle }
    }
    Ok(Strategy::FixedThreshold { alpha: low, beta: 0.0, lambda: 0.0 })
}
