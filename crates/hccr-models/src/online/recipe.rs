//! The configuration of the online pipeline.

use super::{Augmentation, lstm2, reading_at_once};
use crate::pipeline::{Baseline, Decomposition, Goal, GraphOptimization, Pruning, ROUNDS, Redundancy, Sharing, Stages};
use crate::recipe::{self, Recipe, Tier, phase, pruning, scaled, simulator};
use crate::{StageLoad, TrainerState, Workload};
use hccr_compress::{LayerInfo, MatrixRanks, SvdConfig};
use hccr_nn_train::{Adam, Clipped, NetworkError};
use hccr_random::Rng;

/// The configuration of every stage of the online pipeline. The thesis gives ratios, not sizes: the sizes are this
/// project's own choice.
#[derive(Clone, Debug)]
pub struct OnlineRecipe {
    /// What both pipelines have.
    pub common: Recipe,
    /// Units of the two LSTM layers.
    pub hidden_sizes: [usize; 2],
    /// Steps of the ink that the network reads together, as one of its own.
    pub steps_at_once: usize,
    /// Dropout before the last layer.
    pub dropout: f32,
    /// How training changes the ink that it reads.
    pub augmentation: Augmentation,
    /// The optimizer.
    pub optimizer: Clipped<Adam>,
    /// Low-rank factors of the matrices; `None` where the network begins with factors.
    pub svd: Option<SvdConfig>,
}

impl OnlineRecipe {
    /// The recipe of `tier`, with another number of classes where given, and every stage's number of training steps
    /// multiplied by `effort`.
    pub fn new(tier: Tier, classes: Option<usize>, effort: f64, seed: u64) -> Self {
        let (hidden_sizes, ranks, steps) = match tier {
            Tier::Smoke => ([16, 32], [8, 12, 12], [120, 40, 80, 20]),
            Tier::Default => ([100, 256], [24, 32, 40], [2400, 1200, 8000, 800]),
            Tier::Full => ([100, 512], [32, 48, 64], [400_000, 100_000, 200_000, 20_000]),
        };
        let ranks = ["lstm1_h", "lstm2_x", "lstm2_h"].into_iter().map(String::from).zip(ranks).collect();
        let batch_size = if tier == Tier::Full { 128 } else { 64 };
        let [baseline, svd, adw, sharing] = scaled(steps, effort);
        Self {
            common: Recipe {
                data: simulator(tier, classes, seed),
                batch_size,
                baseline: recipe::baseline(baseline, 0.003),
                longer_baseline: None,
                distillation: None,
                patience: None,
                cra: recipe::cra(0.15),
                goal: match tier {
                    Tier::Smoke => Goal::Reduction { macs_ratio: 6.0, weights_ratio: 4.0 },
                    _ => Goal::Reduction { macs_ratio: 31.5, weights_ratio: 20.0 },
                },
                adw: pruning(adw, 0.002, 8),
                spares_first: false,
                label_bits: [5, 4],
                sharing: phase(sharing, 3e-4, 2),
            },
            hidden_sizes,
            steps_at_once: 1,
            dropout: if tier == Tier::Full { 0.3 } else { 0.0 },
            // The simulator's writers lean by themselves.
            augmentation: Augmentation { dropped_points: 0.3, lean: 0.0, elastic: 0.0 },
            optimizer: Clipped { optimizer: Adam::default(), max_norm: 1.0 },
            svd: Some(SvdConfig { ranks: MatrixRanks::PerLayer(ranks), phase: phase(svd, 0.001, 2) }),
        }
    }

    /// The same, with the baseline trained on for as many steps as compression takes, to compare with.
    #[must_use]
    pub fn with_longer_baseline(mut self) -> Self {
        let Recipe { adw, sharing, .. } = &self.common;
        let svd = self.svd.as_ref().map_or(0, |svd| svd.phase.steps());
        let steps = svd + adw.phase.steps() + sharing.steps();
        self.common.longer_baseline = Some(phase(steps, 0.002, 2));
        self
    }

    /// The network before training, with initial weights of `seed`.
    ///
    /// # Errors
    /// [`NetworkError`] where a size is zero.
    pub fn untrained(&self, classes: usize, seed: u64) -> Result<TrainerState<Clipped<Adam>>, NetworkError> {
        let network = lstm2(classes, self.hidden_sizes, self.dropout, &mut Rng::new(seed, 0x11e8))?;
        let network = reading_at_once(network, self.steps_at_once)?;
        let batch_size = self.common.batch_size;
        Ok(TrainerState { network, steps: 0, seed, batch_size, optimizer: self.optimizer })
    }

    /// The work of the [`stages`](Self::stages) on a network of these layers.
    pub fn workload(&self, layers: &[LayerInfo]) -> Workload {
        let Recipe { baseline, cra, adw, sharing, .. } = &self.common;
        let ranks = match self.svd.as_ref().map(|svd| &svd.ranks) {
            Some(MatrixRanks::PerLayer(ranks)) => ranks.clone(),
            // Known once the baseline is trained.
            Some(MatrixRanks::Energy { .. }) | None => Vec::new(),
        };
        let mut stages = vec![StageLoad::of("baseline", baseline, 1, false)];
        stages.extend(self.common.longer_load());
        stages.extend(self.svd.as_ref().map(|svd| StageLoad::of("svd", &svd.phase, 1, true).evaluated_before()));
        stages.extend([
            StageLoad::analysis(layers.len() + ranks.len(), cra.grid.len() + ROUNDS),
            StageLoad::of("adw", &adw.phase, 1, true),
            StageLoad::of("codebook", sharing, 1, true).evaluated_before(),
        ]);
        Workload { stages, channels: Vec::new(), ranks, distillation: self.common.distillation }
    }

    /// The stages of the pipeline, in order. Sequences have no quantized form.
    pub fn stages(&self) -> Stages<Clipped<Adam>> {
        let Recipe { baseline, patience, cra, goal, adw, label_bits: [convolution, matrix], sharing, .. } =
            &self.common;
        let mut stages: Stages<Clipped<Adam>> =
            vec![Box::new(Baseline::new(baseline.clone()).with_patience(*patience))];
        stages.extend(self.common.longer_baseline());
        stages.extend(self.common.teaching());
        if let Some(svd) = &self.svd {
            stages.push(Box::new(Decomposition::new(svd.clone())));
        }
        let compression: Stages<Clipped<Adam>> = vec![
            Box::new(Redundancy::new(cra.clone(), *goal)),
            Box::new(Pruning::new(adw.clone())),
            Box::new(Sharing::new(*convolution, *matrix, sharing.clone())),
            Box::new(GraphOptimization::default()),
        ];
        stages.extend(compression);
        stages
    }
}
