//! How long each family trains, and the stages of a cell.

use super::method::{Cell, Family, Method};
use crate::offline::OfflineArgs;
use anyhow::Result;
use hccr_compress::{Block, Centres, CraConfig, GslreConfig, LayerInfo, LayerKind, Phase, Ranks, Schedule};
use hccr_data::{SimulatorConfig, SplitSize};
use hccr_models::Tier;
use hccr_models::offline::OfflineRecipe;
use hccr_models::pipeline::{
    Baseline, Expansion, Goal, Pruning, PruningConfig, Redundancy, Sharing, Stage, Stages, Thresholds,
};
use hccr_nn_train::{Distillation, Sgd};
use hccr_runtime::Plan;

/// Classes, unless another number is given: enough that methods differ.
const CLASSES: usize = 500;

/// Samples to develop and to test on, about: each evaluation reads them all.
const DEV_SAMPLES: usize = 4_000;
const TEST_SAMPLES: usize = 10_000;

/// Mini-batches between two looks at the clock.
const INTERVAL: usize = 10;

/// Learning rates of the families: those of the offline recipe.
const LAYER_RATE: f32 = 0.01;
const RATE: f32 = 0.02;
const SHARING_RATE: f32 = 0.003;

/// How a distilled method learns from the baseline. Chosen once, and not by results.
pub(super) const DISTILLATION: Distillation = Distillation { weight: 0.5, temperature: 3.0 };

/// What every cell has in common.
#[derive(Clone, Debug)]
pub(super) struct Recipe {
    /// Network, optimizer, data and baseline.
    pub(super) offline: OfflineRecipe,
    /// Mini-batches after the expansion of each layer.
    layer: usize,
    /// Mini-batches of each family.
    low_rank: usize,
    pruning: usize,
    sharing: usize,
}

impl Recipe {
    pub(super) fn new(args: &OfflineArgs) -> Self {
        let (tier, classes) = (args.size.tier(), args.size.classes);
        let classes = classes.or((tier == Tier::Default).then_some(CLASSES));
        let mut offline = OfflineRecipe::new(tier, classes, args.images.width, args.run.effort, args.run.seed);
        let [baseline, layer, low_rank, pruning, sharing] = match tier {
            Tier::Smoke => [30, 2, 20, 20, 10],
            Tier::Default => [4000, 40, 800, 1200, 300],
            Tier::Full => [120_000, 6_000, 76_000, 60_000, 10_000],
        }
        .map(|steps| ((f64::from(steps) * args.run.effort).round() as usize).max(1));
        if tier == Tier::Default {
            offline.common.batch_size = 64;
        }
        offline.common.baseline = phase(baseline, 0.08, 0.0);
        let data = &mut offline.common.data;
        let size = |writers, samples: usize| SplitSize {
            writers,
            samples_per_class: (samples / if tier == Tier::Smoke { 40 } else { 1 }).div_ceil(data.classes.len()) as u32,
        };
        let (dev, test) = (size(60, DEV_SAMPLES), size(100, TEST_SAMPLES));
        *data = SimulatorConfig { dev, test, ..data.clone() };
        Self { offline, layer, low_rank, pruning, sharing }
    }

    /// Mini-batches that a cell of the family trains, after the one that it starts from.
    pub(super) fn steps(&self, family: Family) -> usize {
        match family {
            Family::Baseline => self.offline.common.baseline.steps(),
            Family::LowRank => self.low_rank,
            Family::Pruning => self.pruning,
            Family::Sharing => self.sharing,
        }
    }

    /// The stages of a cell, whose network has `layers` at the start.
    pub(super) fn stages(&self, cell: Cell, layers: &[LayerInfo]) -> Result<Stages<Sgd>> {
        let steps = self.steps(cell.family);
        let rate = if cell.family == Family::Sharing { SHARING_RATE } else { RATE };
        let train = || phase(steps, rate, 0.01);
        let share = 1.0 - 1.0 / cell.level as f32;
        let uniform = || layers.iter().skip(1).map(|layer| (layer.name.clone(), share)).collect::<Vec<_>>();
        let pruned = |thresholds, block| -> Box<dyn Stage<Sgd>> {
            let config = PruningConfig { phase: train(), ramp_steps: (steps / 2).max(1), block };
            Box::new(Pruning::new(config).with_thresholds(thresholds).to_targets(uniform()))
        };
        let bits = cell.level as u8;
        let shared =
            |centres, phase| -> Box<dyn Stage<Sgd>> { Box::new(Sharing::new(bits, bits, phase).with_centres(centres)) };
        let untrained = || phase(0, rate, 0.01);
        let at_once = || {
            Expansion::new(GslreConfig {
                ranks: Ranks::Speedup(cell.level),
                layer_phase: untrained(),
                joint_phase: train(),
            })
        };
        Ok(match cell.method {
            Method::Uncompressed if cell.family == Family::Baseline => {
                vec![Box::new(Baseline::new(self.offline.common.baseline.clone()))]
            }
            Method::Uncompressed => vec![Box::new(Baseline::new(train()))],
            Method::Svd => vec![Box::new(at_once())],
            Method::Reconstruction => vec![Box::new(at_once().fitting_outputs())],
            Method::Gslre | Method::GslreDistilled => {
                let convolutions = layers.iter().filter(|layer| matches!(layer.kind, LayerKind::Conv2d(_)));
                let in_layers = self.layer * (convolutions.count() - 1);
                vec![Box::new(Expansion::new(GslreConfig {
                    ranks: Ranks::Speedup(cell.level),
                    layer_phase: phase(self.layer, LAYER_RATE, 0.01),
                    joint_phase: phase(steps.saturating_sub(in_layers), rate, 0.01),
                }))]
            }
            Method::OneShot => vec![pruned(Thresholds::OneShot, Block::SINGLE)],
            Method::FixedThreshold => vec![pruned(Thresholds::Fixed, Block::SINGLE)],
            Method::GradualUniform => vec![pruned(Thresholds::Rising, Block::SINGLE)],
            Method::GradualGlobal => vec![pruned(Thresholds::Global, Block::SINGLE)],
            Method::GradualBlocks => vec![pruned(Thresholds::Rising, Plan::BLOCK.into())],
            Method::AdwCra | Method::AdwCraDistilled | Method::AdwSlope => {
                let weights = |layers: &[LayerInfo]| layers.iter().map(LayerInfo::weights).sum::<usize>();
                let first = weights(&layers[..1]);
                let nonzeros = first as f64 + (weights(layers) - first) as f64 / cell.level;
                let cra = CraConfig {
                    layers: layers.iter().skip(1).map(|layer| layer.name.clone()).collect(),
                    grid: vec![0.5, 0.7, 0.8, 0.9, 0.95, 0.98],
                    block: Block::SINGLE,
                    stop_drop: 0.5,
                    max_sparsity: 0.997,
                };
                let config = PruningConfig { phase: train(), ramp_steps: (steps / 2).max(1), block: Block::SINGLE };
                let goal = match cell.method {
                    Method::AdwSlope => Goal::Slope(nonzeros as u64),
                    _ => Goal::Weights(nonzeros as u64),
                };
                vec![Box::new(Redundancy::new(cra, goal)), Box::new(Pruning::new(config))]
            }
            Method::KMeans => vec![Box::new(Baseline::new(train())), shared(Centres::KMeans, untrained())],
            Method::KMeansTuned | Method::KMeansDistilled => vec![shared(Centres::KMeans, train())],
            Method::Even => vec![Box::new(Baseline::new(train())), shared(Centres::Even, untrained())],
            Method::EvenTuned => vec![shared(Centres::Even, train())],
        })
    }
}

/// A phase that is evaluated at its end alone.
fn phase(steps: usize, peak: f32, floor: f32) -> Phase {
    Phase::new(Schedule { peak, warm_up: steps / 20, steps, floor }, INTERVAL, 0)
}
