//! The configuration of the offline pipeline.

use super::cnn9::CONVOLUTIONS;
use super::{cnn9, mean_image};
use crate::pipeline::{
    Baseline, Channels, Expansion, Goal, GraphOptimization, Integers, Pruning, ROUNDS, Redundancy, Sharing, Stages,
};
use crate::recipe::{self, Recipe, Tier, phase, pruning, scaled, simulator};
use crate::{SampleSet, StageLoad, TrainError, TrainerState, Workload};
use hccr_compress::{
    BlockShapes, ChannelPruning, ChannelPruningConfig, Gslre, GslreConfig, InputError, LayerInfo, Phase, Ranks,
    with_channels_kept,
};
use hccr_nn_train::Sgd;
use hccr_random::Rng;

/// The fall of accuracy that the thesis lets each layer cost, before any retraining.
const THESIS_TOLERANCE: f32 = 0.001;

/// The configuration of every stage of the offline pipeline. Where the thesis leaves a number open it is this project's own
/// choice.
#[derive(Clone, Debug)]
pub struct OfflineRecipe {
    /// What both pipelines have.
    pub common: Recipe,
    /// Channel multiplier of the network; 1 is the thesis's.
    pub width: f32,
    /// Dropout before the last layer.
    pub dropout: f32,
    /// The optimizer.
    pub optimizer: Sgd,
    /// Channel pruning, where that is wanted.
    pub channels: Option<ChannelPruningConfig>,
    /// Low-rank expansion; `None` where the network begins with pairs.
    pub gslre: Option<GslreConfig>,
}

impl OfflineRecipe {
    /// The recipe of `tier`, with another number of classes or another width where given, and every stage's number
    /// of training steps multiplied by `effort`.
    pub fn new(tier: Tier, classes: Option<usize>, width: Option<f32>, effort: f64, seed: u64) -> Self {
        let (default_width, steps) = match tier {
            Tier::Smoke => (0.084, [40, 4, 20, 40, 10]),
            Tier::Default => (0.25, [1240, 24, 600, 1400, 160]),
            Tier::Full => (1.0, [120_000, 6_000, 40_000, 60_000, 10_000]),
        };
        // Small mini-batches give a short training more steps.
        let (batch_size, peak) = if tier == Tier::Full { (128, 0.1) } else { (32, 0.07) };
        let [baseline, layer, joint, adw, sharing] = scaled(steps, effort);
        Self {
            common: Recipe {
                data: simulator(tier, classes, seed),
                batch_size,
                baseline: recipe::baseline(baseline, peak),
                longer_baseline: None,
                distillation: None,
                patience: None,
                // The first convolution too, which the thesis left alone: on a narrow network it is half of what low rank
                // and pruning leave.
                cra: recipe::cra(0.1),
                goal: match tier {
                    Tier::Smoke => Goal::Reduction { macs_ratio: 4.0, weights_ratio: 4.0 },
                    _ => Goal::Reduction { macs_ratio: 9.2, weights_ratio: 6.2 },
                },
                adw: pruning(adw, 0.02, 8),
                spares_first: false,
                label_bits: [5, 4],
                sharing: phase(sharing, 0.003, 2),
            },
            width: width.unwrap_or(default_width),
            // Short trainings of narrow networks do not overfit.
            dropout: if tier == Tier::Full { 0.5 } else { 0.0 },
            optimizer: Sgd { momentum: 0.9, weight_decay: 5e-4 },
            channels: None,
            gslre: Some(GslreConfig {
                // The thesis's 4 suits its width; a narrow network has less to spare.
                ranks: Ranks::Speedup(if tier == Tier::Default { 3.0 } else { 4.0 }),
                layer_phase: phase(layer, 0.01, 1),
                joint_phase: phase(joint, 0.02, 2),
            }),
        }
    }

    /// The same, with redundancy measured, and weights dropped, in these blocks.
    #[must_use]
    pub fn in_blocks(mut self, block: BlockShapes) -> Self {
        (self.common.cra.block, self.common.adw.block) = (block, block);
        self
    }

    /// The same, with channel pruning before the network becomes low-rank, until it takes so many times fewer multiply-accumulates. It then
    /// trains for as many steps as GSLRE's joint training has. Nothing changes where there is no GSLRE.
    #[must_use]
    pub fn with_channel_pruning(mut self, speedup: f64) -> Self {
        let config = |gslre: &GslreConfig| ChannelPruningConfig { speedup, phase: gslre.joint_phase.clone() };
        self.channels = self.gslre.as_ref().map(config);
        self
    }

    /// The same, with the baseline trained on for as many steps as compression takes as it is now, to compare with.
    #[must_use]
    pub fn with_longer_baseline(mut self) -> Self {
        // All convolutions but the first are expanded.
        let steps =
            |gslre: &GslreConfig| (CONVOLUTIONS.len() - 1) * gslre.layer_phase.steps() + gslre.joint_phase.steps();
        let low_rank = self.gslre.as_ref().map_or(0, steps);
        let channels = self.channels.as_ref().map_or(0, |channels| channels.phase.steps());
        let steps = channels + low_rank + self.common.adw.phase.steps() + self.common.sharing.steps();
        self.common.longer_baseline = Some(phase(steps, 0.02, 2));
        self
    }

    /// The same with what is known of the thesis's recipe: the ranks of a speed-up of 4, dropout of 0.5, labels of 6 bits in convolutions and
    /// of 5 in fully connected layers, a first convolution that is neither pruned nor shared, and
    /// ratios of pruning that follow from a tolerance of 0.1 points. What is not known stays.
    #[must_use]
    pub fn as_in_thesis(mut self) -> Self {
        if let Some(gslre) = &mut self.gslre {
            gslre.ranks = Ranks::Speedup(4.0);
        }
        self.dropout = 0.5;
        self.common.label_bits = [6, 5];
        self.common.spares_first = true;
        self.common.goal = Goal::Tolerance(THESIS_TOLERANCE);
        self
    }

    /// The network before training, with initial weights of `seed`; `sample` gives its classes and its mean image.
    ///
    /// # Errors
    /// [`TrainError::Network`] where the width leaves a layer without channels, [`TrainError::Sample`] where an image cannot be read.
    pub fn untrained(&self, sample: &dyn SampleSet, seed: u64) -> Result<TrainerState<Sgd>, TrainError> {
        let rng = &mut Rng::new(seed, 0x11e7);
        let mut network = cnn9(sample.classes().len(), self.width, self.dropout, rng)?;
        network.mean = mean_image(sample)?;
        let batch_size = self.common.batch_size;
        Ok(TrainerState { network, steps: 0, seed, batch_size, optimizer: self.optimizer })
    }

    /// The work of the [`stages`](Self::stages) on a network of these layers.
    ///
    /// # Errors
    /// [`InputError`] where the ranks do not fit the layers.
    pub fn workload(&self, layers: &[LayerInfo]) -> Result<Workload, InputError> {
        let Recipe { baseline, cra, adw, sharing, .. } = &self.common;
        let channels = match &self.channels {
            Some(config) => ChannelPruning::new(config.clone(), layers)?.plan().to_vec(),
            None => Vec::new(),
        };
        let ranks = match &self.gslre {
            Some(gslre) => Gslre::new(gslre.clone(), &with_channels_kept(layers, &channels)?)?.plan().to_vec(),
            None => Vec::new(),
        };
        let one = |phase: &Phase, times, is_small| StageLoad::of("gslre", phase, times, is_small);
        let analysed = layers.len() + ranks.len();
        let mut stages = vec![StageLoad::of("baseline", baseline, 1, false)];
        stages.extend(self.common.longer_load());
        let pruning = self.channels.as_ref();
        stages.extend(pruning.map(|c| StageLoad::of("channels", &c.phase, 1, false).evaluated_before()));
        if let Some(GslreConfig { layer_phase, joint_phase, .. }) = &self.gslre {
            stages.extend([
                // Layer by layer: half of the time more of them are whole, half of it fewer.
                one(layer_phase, ranks.len().div_ceil(2), false),
                one(layer_phase, ranks.len() / 2, true),
                one(joint_phase, 1, true),
            ]);
        }
        stages.extend([
            StageLoad::analysis(analysed, cra.grid.len() + ROUNDS),
            StageLoad::of("adw", &adw.phase, 1, true),
            StageLoad::of("codebook", sharing, 1, true).evaluated_before(),
        ]);
        Ok(Workload { stages, channels, ranks, distillation: self.common.distillation })
    }

    /// The stages of the pipeline, in order; `seed` chooses the samples that the integers' ranges are measured on.
    pub fn stages(&self, seed: u64) -> Stages<Sgd> {
        let Recipe { baseline, patience, cra, goal, adw, spares_first, sharing, .. } = &self.common;
        let [convolution, matrix] = self.common.label_bits;
        let mut analysis = Redundancy::new(cra.clone(), *goal);
        let mut values = Sharing::new(convolution, matrix, sharing.clone());
        if *spares_first {
            (analysis, values) = (analysis.sparing_first(), values.sparing_first());
        }
        let mut stages: Stages<Sgd> = vec![Box::new(Baseline::new(baseline.clone()).with_patience(*patience))];
        stages.extend(self.common.longer_baseline());
        stages.extend(self.common.teaching());
        if let Some(channels) = &self.channels {
            stages.push(Box::new(Channels::new(channels.clone())));
        }
        if let Some(gslre) = &self.gslre {
            stages.push(Box::new(Expansion::new(gslre.clone())));
        }
        let compression: Stages<Sgd> = vec![
            Box::new(analysis),
            Box::new(Pruning::new(adw.clone())),
            Box::new(values),
            Box::new(GraphOptimization::default()),
            Box::new(Integers::new(seed)),
        ];
        stages.extend(compression);
        stages
    }
}
