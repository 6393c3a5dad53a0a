//! How long and how hard each stage of the offline pipeline works.

use super::Baseline;
use crate::data::simulator::{SimulatorConfig, SplitSize};
use hccr_compress::{Centres, CraConfig, GslreConfig, Ranks, Training};
use hccr_nn_train::{Decay, Schedule, Sgd};

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

/// The configuration of every stage. Where the thesis leaves a number open it is this project's choice.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Number of classes.
    pub classes: usize,
    /// Channel multiplier of the network; 1 is the thesis's.
    pub width: f32,
    /// Dropout before the last layer.
    pub dropout: f32,
    /// Simulated data, where no other is given.
    pub data: SimulatorConfig,
    /// Samples a mini-batch.
    pub batch_size: usize,
    /// The optimiser.
    pub sgd: Sgd,
    /// Training of the baseline.
    pub schedule: Schedule,
    /// Low-rank expansion.
    pub gslre: GslreConfig,
    /// Redundancy analysis, of all layers: the first convolution too, which the thesis left alone, because on a narrow
    /// network it is half of what low rank and pruning leave.
    pub cra: CraConfig,
    /// Multiply-accumulates on non-zeros that pruning aims at: the baseline's divided by this.
    pub macs_ratio: f64,
    /// Non-zero weights that pruning aims at: the baseline's weights divided by this.
    pub weights_ratio: f64,
    /// Adaptive drop-weight.
    pub adw: Pruning,
    /// Centres of convolutions and of fully connected layers.
    pub centres: [Centres; 2],
    /// Fine-tuning of the centres.
    pub sharing: Training,
    /// Each of the shorter prunings that compare adaptive drop-weight with other strategies.
    pub comparison: Pruning,
}

/// A pruning's training.
#[derive(Clone, Copy, Debug)]
pub struct Pruning {
    /// How long and how fast.
    pub training: Training,
    /// Mini-batches of it during which weights are dropped.
    pub ramp_steps: usize,
}

/// Mini-batches between two looks at the clock, and between two changes of the learning rate.
const INTERVAL: usize = 10;

fn training(steps: usize, learning_rate: f32, evaluations: usize) -> Training {
    let evaluate_every = (steps / evaluations.max(1)).max(1).next_multiple_of(INTERVAL);
    Training { steps, learning_rate, warmup_steps: steps / 20, interval: INTERVAL, evaluate_every }
}

fn pruning(steps: usize, evaluations: usize) -> Pruning {
    Pruning { training: training(steps, 0.02, evaluations), ramp_steps: (steps / 2).max(1) }
}

impl Recipe {
    /// The recipe of `tier`, with another number of classes or another width where given, and every stage's number
    /// of training steps multiplied by `effort`.
    pub fn new(tier: Tier, classes: Option<usize>, width: Option<f32>, effort: f64, seed: u64) -> Self {
        let split = |writers, samples_per_class| SplitSize { writers, samples_per_class };
        let (default_classes, default_width, sizes, steps) = match tier {
            Tier::Smoke => (10, 0.084, [split(20, 60), split(10, 10), split(10, 10)], [40, 4, 20, 40, 10, 20]),
            Tier::Default => {
                (100, 0.25, [split(2400, 600), split(60, 20), split(100, 60)], [1240, 24, 600, 1400, 160, 120])
            }
            Tier::Full => (
                3755,
                1.0,
                [split(600, 300), split(60, 10), split(60, 60)],
                [120_000, 6_000, 40_000, 60_000, 10_000, 10_000],
            ),
        };
        // Small mini-batches give a short training more steps.
        let (batch_size, base) = if tier == Tier::Full { (128, 0.1) } else { (32, 0.07) };
        let classes = classes.unwrap_or(default_classes);
        let [train, dev, test] = sizes;
        let [baseline, layer, joint, adw, sharing, comparison] =
            steps.map(|steps: usize| ((steps as f64 * effort).round() as usize).max(1));
        Self {
            classes,
            width: width.unwrap_or(default_width),
            // Short trainings of narrow networks do not overfit.
            dropout: if tier == Tier::Full { 0.5 } else { 0.0 },
            data: SimulatorConfig { classes, train, dev, test, seed },
            batch_size,
            sgd: Sgd { momentum: 0.9, weight_decay: 5e-4 },
            schedule: Schedule { base, warm_up: baseline / 20, steps: baseline, decay: Decay::Cosine },
            gslre: GslreConfig {
                // The thesis's 4 suits its width; a narrow network has less to spare.
                ranks: Ranks::Speedup(if tier == Tier::Default { 3.0 } else { 4.0 }),
                layer_training: training(layer, 0.01, 1),
                joint_training: training(joint, 0.02, 2),
            },
            cra: CraConfig { layers: Vec::new(), grid: vec![0.5, 0.7, 0.8, 0.9], stop_drop: 0.1, max_sparsity: 0.97 },
            macs_ratio: if tier == Tier::Smoke { 4.0 } else { 9.2 },
            weights_ratio: if tier == Tier::Smoke { 4.0 } else { 6.2 },
            adw: pruning(adw, 8),
            centres: [Centres::Bits(5), Centres::Bits(4)],
            sharing: training(sharing, 0.003, 2),
            comparison: pruning(comparison, 6),
        }
    }

    /// The baseline's training as a stage.
    pub fn baseline(&self) -> Baseline {
        Baseline::new(self.schedule.clone(), INTERVAL, (self.schedule.steps / 6).max(1))
    }
}
