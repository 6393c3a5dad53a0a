//! How long each family trains, and the stages of a cell.

use super::experiment::Experiment;
use super::method::{Cell, Family, Method};
use hccr_compress::{Block, BlockShapes, Budget, Centres, Cra, CraConfig, LayerInfo, Phase, Schedule, cost};
use hccr_data::{SimulatorConfig, SplitSize};
use hccr_models::Tier;
use hccr_models::pipeline::{Baseline, Goal, Pruning, PruningConfig, Redundancy, Sharing, Stage, Stages, Thresholds};
use hccr_runtime::Plan;

/// Classes, unless another number is given: enough that methods differ.
const CLASSES: usize = 500;

/// Samples to develop and to test on, about: each evaluation reads them all.
const DEV_SAMPLES: usize = 4_000;
const TEST_SAMPLES: usize = 10_000;

/// Mini-batches between two looks at the clock.
const INTERVAL: usize = 10;

/// How long the families train, and how fast.
#[derive(Clone, Debug)]
pub(super) struct Lengths {
    pub(super) baseline: Phase,
    /// Mini-batches after the expansion of each layer.
    pub(super) layer: usize,
    /// Mini-batches of each family.
    pub(super) low_rank: usize,
    pub(super) pruning: usize,
    pub(super) sharing: usize,
    /// Learning rates: of the layers alone, of low rank and pruning, of shared values.
    pub(super) rates: [f32; 3],
}

impl Lengths {
    /// So many mini-batches, times `effort`: of the baseline, after each layer, of low rank, of pruning, of shared values. The rates are
    /// that of the baseline and [those](Self::rates) of the others.
    pub(super) fn new(steps: [usize; 5], effort: f64, baseline_rate: f32, rates: [f32; 3]) -> Self {
        let [baseline, layer, low_rank, pruning, sharing] =
            steps.map(|steps| ((steps as f64 * effort).round() as usize).max(1));
        Self { baseline: phase(baseline, baseline_rate, 0.0), layer, low_rank, pruning, sharing, rates }
    }

    /// Mini-batches that a cell of the family trains, after the one that it starts from.
    pub(super) fn steps(&self, family: Family) -> usize {
        match family {
            Family::Baseline => self.baseline.steps(),
            Family::LowRank => self.low_rank,
            Family::Pruning => self.pruning,
            Family::Sharing => self.sharing,
        }
    }

    /// The training of a cell of the family.
    fn train(&self, family: Family) -> Phase {
        let [_, rate, sharing_rate] = self.rates;
        phase(self.steps(family), if family == Family::Sharing { sharing_rate } else { rate }, 0.01)
    }
}

/// The classes of an ablation.
pub(super) fn classes(tier: Tier, given: Option<usize>) -> Option<usize> {
    given.or((tier == Tier::Default).then_some(CLASSES))
}

/// The same writing with sets to develop and to test on that tell methods from each other.
pub(super) fn sized(data: &SimulatorConfig, tier: Tier) -> SimulatorConfig {
    let size = |writers, samples: usize| SplitSize {
        writers,
        samples_per_class: (samples / if tier == Tier::Smoke { 40 } else { 1 }).div_ceil(data.classes.len()) as u32,
    };
    SimulatorConfig { dev: size(60, DEV_SAMPLES), test: size(100, TEST_SAMPLES), ..data.clone() }
}

/// The analysis that CRA's methods begin with: of all layers but the first.
pub(super) fn analysis(layers: &[LayerInfo]) -> CraConfig {
    CraConfig {
        layers: layers.iter().skip(1).map(|layer| layer.name.clone()).collect(),
        grid: vec![0.5, 0.7, 0.8, 0.9, 0.95, 0.98],
        block: BlockShapes::SINGLE,
        stop_drop: 0.5,
        max_sparsity: 0.997,
    }
}

/// The stages of a cell, whose network has `layers` at the start, and `curves` where its method needs them.
pub(super) fn stages<E: Experiment>(
    experiment: &E,
    cell: Cell,
    layers: &[LayerInfo],
    curves: Option<Cra>,
) -> Stages<E::Optimizer> {
    let lengths = &experiment.setting().lengths;
    let train = || lengths.train(cell.family);
    let untrained = || phase(0, lengths.rates[1], 0.01);
    let ramp_steps = (lengths.steps(cell.family) / 2).max(1);
    let share = 1.0 - 1.0 / cell.level as f32;
    let uniform = || layers.iter().skip(1).map(|layer| (layer.name.clone(), share)).collect::<Vec<_>>();
    let pruned = |thresholds, block| -> Box<dyn Stage<E::Optimizer>> {
        let config = PruningConfig { phase: train(), ramp_steps, block };
        Box::new(Pruning::new(config).with_thresholds(thresholds).to_targets(uniform()))
    };
    let bits = cell.level as u8;
    let shared = |centres, phase| -> Box<dyn Stage<E::Optimizer>> {
        Box::new(Sharing::new(bits, bits, phase).with_centres(centres))
    };
    match cell.method {
        Method::Uncompressed if cell.family == Family::Baseline => {
            vec![Box::new(Baseline::new(lengths.baseline.clone()))]
        }
        Method::Uncompressed => vec![Box::new(Baseline::new(train()))],
        Method::Svd
        | Method::Reconstruction
        | Method::Gslre
        | Method::GslreDistilled
        | Method::Channels
        | Method::ChannelsGslre => experiment.low_rank(cell.method, cell.level, layers, train()),
        Method::OneShot => vec![pruned(Thresholds::OneShot, BlockShapes::SINGLE)],
        Method::FixedThreshold => vec![pruned(Thresholds::Fixed, BlockShapes::SINGLE)],
        Method::GradualUniform => vec![pruned(Thresholds::Rising, BlockShapes::SINGLE)],
        Method::GradualGlobal => vec![pruned(Thresholds::Global, BlockShapes::SINGLE)],
        Method::GradualBlocks => vec![pruned(Thresholds::Rising, Block::from(Plan::BLOCK).into())],
        Method::GradualMixed => {
            let block = BlockShapes { convolution: Plan::BLOCK.into(), matrix: Block::SINGLE };
            vec![pruned(Thresholds::Rising, block)]
        }
        Method::AdwCra | Method::AdwCraDistilled | Method::AdwSlope | Method::AdwSlopeMacs => {
            let (nonzero_macs, nonzeros) = cost(layers, &uniform());
            let config = PruningConfig { phase: train(), ramp_steps, block: BlockShapes::SINGLE };
            let goal = match cell.method {
                Method::AdwSlope => Goal::Budget(Budget { nonzero_macs: None, nonzeros: Some(nonzeros) }),
                Method::AdwSlopeMacs => {
                    Goal::Budget(Budget { nonzero_macs: Some(nonzero_macs), nonzeros: Some(nonzeros) })
                }
                _ => Goal::Weights(nonzeros),
            };
            let mut targets = Redundancy::new(analysis(layers), goal);
            if let Some(curves) = curves {
                targets = targets.with_curves(curves);
            }
            vec![Box::new(targets), Box::new(Pruning::new(config))]
        }
        Method::KMeans => vec![Box::new(Baseline::new(train())), shared(Centres::KMeans, untrained())],
        Method::KMeansTuned | Method::KMeansDistilled => vec![shared(Centres::KMeans, train())],
        Method::Even => vec![Box::new(Baseline::new(train())), shared(Centres::Even, untrained())],
        Method::EvenTuned => vec![shared(Centres::Even, train())],
    }
}

/// A phase that is evaluated at its end alone.
pub(super) fn phase(steps: usize, peak: f32, floor: f32) -> Phase {
    Phase::new(Schedule { peak, warm_up: steps / 20, steps, floor }, INTERVAL, 0)
}
