//! How long and how hard the stages work that both pipelines have.

use crate::StageLoad;
use crate::pipeline::{Goal, LongerBaseline, PruningConfig, Stage, Teaching};
use hccr_compress::{BlockShapes, CraConfig, Phase, Schedule};
use hccr_data::gb2312::gb2312_level1;
use hccr_data::{SimulatorConfig, SplitSize};
use hccr_nn_train::{Distillation, Optimizer};
use serde::{Serialize, de::DeserializeOwned};
use std::fmt;

/// How much work a reproduction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// Seconds: shows that every part works, not how well.
    Smoke,
    /// Minutes on two cores.
    Default,
    /// The thesis's size: days on two cores.
    Full,
}

/// The configuration of the stages that both pipelines have. Where the thesis leaves a number open it is this project's own
/// choice.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Simulated data, where no other is given.
    pub data: SimulatorConfig,
    /// Samples per mini-batch.
    pub batch_size: usize,
    /// Training of the baseline.
    pub baseline: Phase,
    /// Training of the baseline for as many steps more as compression takes, to compare with; `None` where nobody asked for it.
    pub longer_baseline: Option<Phase>,
    /// How the compressed network learns from the baseline's answers; `None` where it learns from labels alone.
    pub distillation: Option<Distillation>,
    /// The baseline ends after so many evaluations in a row without a new best, if any.
    pub patience: Option<usize>,
    /// Redundancy analysis, of all layers.
    pub cra: CraConfig,
    /// By what the targets of pruning are chosen.
    pub goal: Goal,
    /// Adaptive drop-weight.
    pub adw: PruningConfig,
    /// Whether the first layer is neither pruned nor shared.
    pub spares_first: bool,
    /// Bits of a label of a convolution and of a matrix.
    pub label_bits: [u8; 2],
    /// Fine-tuning of the centres.
    pub sharing: Phase,
}

impl Recipe {
    /// The stage of the longer baseline, where one is wanted.
    pub(crate) fn longer_baseline<O>(&self) -> Option<Box<dyn Stage<O>>>
    where
        O: Optimizer + Clone + fmt::Debug + Serialize + DeserializeOwned + 'static,
    {
        let phase = self.longer_baseline.clone()?;
        Some(Box::new(LongerBaseline::new(phase)))
    }

    /// The stage from which on the network learns from the baseline, where that is wanted.
    pub(crate) fn teaching<O: Optimizer>(&self) -> Option<Box<dyn Stage<O>>> {
        Some(Box::new(Teaching::new(self.distillation?)))
    }

    /// The work of the longer baseline, where one is wanted.
    pub(crate) fn longer_load(&self) -> Option<StageLoad> {
        self.longer_baseline.as_ref().map(|phase| StageLoad::of("longer-baseline", phase, 1, false))
    }

    /// Evaluates the baseline after each pass over the training set, of so many mini-batches; with a `patience`, so many passes in a row
    /// without a new best end it.
    pub fn evaluate_each_pass(&mut self, mini_batches: usize, patience: Option<usize>) {
        self.baseline = self.baseline.clone().evaluated_every(mini_batches);
        self.patience = patience;
    }
}

/// How a network learns from its baseline. Chosen once, and not by results.
pub const DISTILLATION: Distillation = Distillation { weight: 0.5, temperature: 3.0 };

/// Mini-batches between two looks at the clock, and between two changes of the learning rate.
const INTERVAL: usize = 10;

/// A phase of so many mini-batches, evaluated so many times.
pub(crate) fn phase(steps: usize, peak: f32, evaluations: usize) -> Phase {
    let evaluate_every = (steps / evaluations.max(1)).max(1).next_multiple_of(INTERVAL);
    Phase::new(Schedule { peak, warm_up: steps / 20, steps, floor: 0.01 }, INTERVAL, evaluate_every)
}

/// A pruning of single weights whose second half is training alone.
pub(crate) fn pruning(steps: usize, peak: f32, evaluations: usize) -> PruningConfig {
    PruningConfig { phase: phase(steps, peak, evaluations), ramp_steps: (steps / 2).max(1), block: BlockShapes::SINGLE }
}

/// The phase of a baseline of so many mini-batches: its learning rate falls to zero.
pub(crate) fn baseline(steps: usize, peak: f32) -> Phase {
    let schedule = Schedule { peak, warm_up: steps / 20, steps, floor: 0.0 };
    Phase::new(schedule, INTERVAL, (steps / 6).max(1))
}

/// The redundancy analysis of all layers, which leaves a layer once accuracy has fallen by `stop_drop` (a share).
pub(crate) fn cra(stop_drop: f32) -> CraConfig {
    CraConfig {
        layers: Vec::new(),
        grid: vec![0.5, 0.7, 0.8, 0.9],
        block: BlockShapes::SINGLE,
        stop_drop,
        max_sparsity: 0.97,
    }
}

/// So many mini-batches of each stage, times `effort`.
pub(crate) fn scaled<const N: usize>(steps: [usize; N], effort: f64) -> [usize; N] {
    steps.map(|steps| ((steps as f64 * effort).round() as usize).max(1))
}

/// What the simulator writes for `tier`: the first `classes` characters of GB2312 level 1, by writers of `seed`; half of the images
/// follow the shapes of fonts.
pub(crate) fn simulator(tier: Tier, classes: Option<usize>, seed: u64) -> SimulatorConfig {
    let split = |writers, samples_per_class| SplitSize { writers, samples_per_class };
    let (default_classes, [train, dev, test]) = match tier {
        Tier::Smoke => (10, [split(20, 60), split(10, 10), split(10, 10)]),
        Tier::Default => (100, [split(2400, 600), split(60, 20), split(100, 60)]),
        Tier::Full => (3755, [split(600, 300), split(60, 10), split(60, 60)]),
    };
    let classes = gb2312_level1().into_iter().take(classes.unwrap_or(default_classes)).collect();
    SimulatorConfig { classes, train, dev, test, seed, variation: 1.0, fonts: true }
}
