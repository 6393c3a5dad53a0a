//! ADW, adaptive drop-weight: pruning whose thresholds rise while the network trains.
//!
//! Between any two intervals of training each layer's threshold rises a little, so that the share of dropped weights climbs
//! to the layer's target; dropped weights stay zero, the others keep training (thesis). The shape of the climb is this
//! project's choice, since the abstract leaves it open: cubic, fast while the dropped weights are small and slow near the
//! target (Zhu and Gupta, arXiv 1710.01878). Other strategies run through the same machine for comparison. Weights go
//! one by one, or in blocks, whose zeros a runtime can make better use of.

use crate::error::{CompressError, InputError};
use crate::layer::LayerInfo;
use crate::layers::{check_names, find};
use crate::magnitude::{BlockShapes, Blocks, dropped_weights, sparsity_of};
use crate::phase::{Phase, Progress, Record};
use crate::trainer::Trainer;
use hccr_constraint::Constraint;
use serde::{Deserialize, Serialize};

/// How the thresholds move.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Strategy {
    /// They rise until each layer's target is met: ADW.
    Adaptive,
    /// Each jumps at the start to where its layer's target is met.
    OneShot,
    /// One threshold for all layers rises until the network has lost as many weights as the targets ask for in all.
    Global,
    /// Each is fixed from the trained weights `w` of its layer: `alpha * mean |w| + beta * std(w) + lambda` (the rule
    /// before ADW). The targets play no part; what falls below the threshold while weights are
    /// dropped ([`AdwConfig::ramp_steps`]) goes as well.
    FixedThreshold {
        /// Factor of the mean magnitude.
        alpha: f32,
        /// Factor of the standard deviation.
        beta: f32,
        /// Constant part.
        lambda: f32,
    },
}

/// Configuration of [`Adw`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdwConfig {
    /// How the thresholds move.
    pub strategy: Strategy,
    /// Layers to prune, each with the share of its weights to drop, 0 to 1.
    pub targets: Vec<(String, f32)>,
    /// Which weights are dropped together. A layer loses its target at least, and less than a block more.
    pub block: BlockShapes,
    /// The whole training; the thresholds move once an interval.
    pub phase: Phase,
    /// Mini-batches over which weights are dropped; the rest trains what is left.
    pub ramp_steps: usize,
}

/// One interval of a pruning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PruningRecord {
    /// Share of dropped weights of each layer, in the order of the targets.
    pub sparsity: Vec<f32>,
    /// What the interval measured.
    pub record: Record,
}

/// The state of a pruning; it can be saved and resumed between any two calls of [`advance`](Self::advance).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Adw {
    /// Its phase is the one under way.
    config: AdwConfig,
    /// The blocks of each layer, in the order of the targets.
    blocks: Vec<Blocks>,
    /// Thresholds of [`Strategy::FixedThreshold`], once known.
    thresholds: Option<Vec<f32>>,
    history: Vec<PruningRecord>,
}

impl Adw {
    /// Plans the pruning of a network of `layers`.
    ///
    /// # Errors
    /// [`InputError`] where the configuration does not fit the layers.
    pub fn new(config: AdwConfig, layers: &[LayerInfo]) -> Result<Self, InputError> {
        config.phase.check("phase")?;
        config.block.check()?;
        check_names(layers, config.targets.iter().map(|(name, _)| name))?;
        for (name, target) in &config.targets {
            if !(0.0..=1.0).contains(target) {
                return Err(InputError::layer(name, format!("target is {target}, must be from 0 to 1")));
            }
        }
        if config.ramp_steps == 0 || config.ramp_steps > config.phase.steps() {
            return Err(InputError::config("ramp_steps", "must be from 1 to the steps of the training"));
        }
        let blocks = |(name, _): &(String, f32)| Ok(Blocks::new(find(layers, name)?, config.block));
        let blocks = config.targets.iter().map(blocks).collect::<Result<_, InputError>>()?;
        Ok(Self { config, blocks, thresholds: None, history: Vec::new() })
    }

    /// Which weights are dropped together.
    pub fn block(&self) -> BlockShapes {
        self.config.block
    }

    /// Everything measured so far.
    pub fn history(&self) -> &[PruningRecord] {
        &self.history
    }

    /// Share of dropped weights of each layer now, in the order of the targets.
    pub fn sparsity(&self) -> impl Iterator<Item = (&str, f32)> {
        self.config.targets.iter().map(|(name, _)| name.as_str()).zip(self.present_sparsity())
    }

    /// Whether all is done.
    pub fn is_done(&self) -> bool {
        self.config.phase.is_done()
    }

    /// Raises the thresholds and trains one interval.
    ///
    /// # Errors
    /// [`CompressError::Trainer`] where the trainer fails.
    pub fn advance<T: Trainer>(&mut self, trainer: &mut T) -> Result<Progress, CompressError<T::Error>> {
        if self.is_done() {
            return self.config.phase.advance(trainer);
        }
        // The last raise is the one whose interval reaches the end of the ramp.
        let sparsity = if self.config.phase.step() < self.config.ramp_steps {
            self.drop_weights(trainer).map_err(CompressError::Trainer)?
        } else {
            self.present_sparsity()
        };
        let mut progress = self.config.phase.advance(trainer)?;
        let mean = sparsity.iter().sum::<f32>() / sparsity.len().max(1) as f32;
        progress.message = format!("mean sparsity {:.1} %: {}", 100.0 * mean, progress.message);
        let record = self.config.phase.history().last();
        self.history.extend(record.map(|&record| PruningRecord { sparsity, record }));
        Ok(progress)
    }

    fn present_sparsity(&self) -> Vec<f32> {
        let before = || vec![0.0; self.config.targets.len()];
        self.history.last().map_or_else(before, |record| record.sparsity.clone())
    }

    /// Drops weights for the next interval; gives the share of dropped ones of each layer.
    fn drop_weights<T: Trainer>(&mut self, trainer: &mut T) -> Result<Vec<f32>, T::Error> {
        if let (Strategy::FixedThreshold { alpha, beta, lambda }, None) = (self.config.strategy, &self.thresholds) {
            let threshold =
                |(name, _): &(String, f32)| Ok(fixed_threshold(&trainer.weight(name)?, alpha, beta, lambda));
            self.thresholds = Some(self.config.targets.iter().map(threshold).collect::<Result<_, _>>()?);
        }
        let end = self.config.phase.next_step();
        let climbed = match self.config.strategy {
            Strategy::OneShot => 1.0,
            _ => 1.0 - (1.0 - end as f32 / self.config.ramp_steps as f32).max(0.0).powi(3),
        };
        let mut weights = Vec::new();
        for (name, _) in &self.config.targets {
            weights.push(trainer.weight(name)?);
        }
        let global = (self.config.strategy == Strategy::Global).then(|| self.global_threshold(&weights, climbed));
        let mut sparsity = Vec::new();
        for (i, ((name, target), weight)) in self.config.targets.iter().zip(&weights).enumerate() {
            let threshold = global.or(self.thresholds.as_ref().map(|thresholds| thresholds[i]));
            let keep = match threshold {
                Some(threshold) => self.blocks[i].keep_above(weight, threshold),
                None => self.blocks[i].keep_largest(weight, target * climbed),
            };
            sparsity.push(sparsity_of(&keep));
            trainer.set_constraint(name, Constraint::Mask(keep))?;
        }
        Ok(sparsity)
    }

    /// The magnitude up to which the share `climbed` of all that the targets ask for lies.
    fn global_threshold(&self, weights: &[Vec<f32>], climbed: f32) -> f32 {
        let targets = self.config.targets.iter().zip(weights);
        let wanted: usize = targets.map(|((_, target), weight)| dropped_weights(weight.len(), target * climbed)).sum();
        let of_layer = |(blocks, weight): (&Blocks, &Vec<f32>)| blocks.magnitudes(weight);
        let mut magnitudes: Vec<f32> = self.blocks.iter().zip(weights).flat_map(of_layer).collect();
        match wanted.checked_sub(1) {
            Some(last) => *magnitudes.select_nth_unstable_by(last, f32::total_cmp).1,
            None => 0.0,
        }
    }
}

/// `alpha * mean |w| + beta * std(w) + lambda`, not below 0, so that a dropped weight never comes back.
fn fixed_threshold(weight: &[f32], alpha: f32, beta: f32, lambda: f32) -> f32 {
    let n = weight.len().max(1) as f64;
    let sum = |f: fn(f64) -> f64| weight.iter().map(|&w| f(f64::from(w))).sum::<f64>();
    let mean = sum(|w| w) / n;
    let std = (sum(|w| w * w) / n - mean * mean).max(0.0).sqrt();
    (f64::from(alpha) * sum(f64::abs) / n + f64::from(beta) * std + f64::from(lambda)).max(0.0) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::LayerKind;
    use crate::trainer::TrainStats;
    use crate::{Block, Schedule};
    use hccr_runtime::shape::LinearParams;
    use std::convert::Infallible;

    /// One layer whose training adds a little to the weights that are kept.
    struct Drifting {
        weight: Vec<f32>,
        keep: Vec<bool>,
    }

    impl Drifting {
        fn new() -> Self {
            Self {
                weight: (1..=100).map(|i| i as f32 * if i % 2 == 0 { 0.01 } else { -0.01 }).collect(),
                keep: vec![true; 100],
            }
        }
    }

    impl Trainer for Drifting {
        type Error = Infallible;
        fn layers(&self) -> Vec<LayerInfo> {
            let kind = LayerKind::Linear(LinearParams { in_features: 10, out_features: 10 });
            vec![LayerInfo { name: "fc".into(), kind, output_size: [1, 1] }]
        }
        fn weight(&self, _: &str) -> Result<Vec<f32>, Infallible> {
            Ok(self.weight.clone())
        }
        fn set_weight(&mut self, _: &str, weight: &[f32]) -> Result<(), Infallible> {
            self.weight = weight.to_vec();
            Ok(())
        }
        fn set_constraint(&mut self, _: &str, constraint: Constraint) -> Result<(), Infallible> {
            let Constraint::Mask(keep) = constraint else { unreachable!("pruning masks only") };
            let revived = self.keep.iter().zip(&keep).any(|(before, now)| *now && !before);
            assert!(!revived, "a dropped weight came back");
            self.weight.iter_mut().zip(&keep).filter(|(_, k)| !**k).for_each(|(w, _)| *w = 0.0);
            self.keep = keep;
            Ok(())
        }
        fn expand(&mut self, _: &str, _: crate::LowRankPair) -> Result<(), Infallible> {
            unreachable!("pruning expands nothing")
        }
        fn train(&mut self, steps: usize, _: f32) -> Result<TrainStats, Infallible> {
            for (w, _) in self.weight.iter_mut().zip(&self.keep).filter(|(_, k)| **k) {
                *w -= 0.001 * steps as f32;
            }
            Ok(TrainStats::default())
        }
        fn evaluate(&mut self) -> Result<f32, Infallible> {
            Ok(0.5)
        }
    }

    fn run(strategy: Strategy, block: impl Into<BlockShapes>) -> (Adw, Drifting) {
        let phase = Phase::new(Schedule { peak: 0.1, warm_up: 0, steps: 50, floor: 0.01 }, 4, 20);
        let config =
            AdwConfig { strategy, targets: vec![("fc".into(), 0.8)], block: block.into(), phase, ramp_steps: 30 };
        let mut trainer = Drifting::new();
        let mut adw = Adw::new(config, &trainer.layers()).unwrap();
        while !adw.is_done() {
            adw.advance(&mut trainer).unwrap();
        }
        (adw, trainer)
    }

    #[test]
    fn adaptive_sparsity_climbs_to_the_target() {
        let (adw, trainer) = run(Strategy::Adaptive, Block::SINGLE);
        let climb: Vec<f32> = adw.history().iter().map(|r| r.sparsity[0]).collect();
        assert!(climb[0] > 0.2 && climb[0] < 0.4, "{climb:?}");
        assert!(climb[..8].windows(2).all(|w| w[0] <= w[1]) && climb[3] < 0.8, "{climb:?}");
        assert!(climb[7..].iter().all(|&s| s == 0.8), "{climb:?}");
        assert_eq!(trainer.weight.iter().filter(|w| **w != 0.0).count(), 20);
        let evaluated: Vec<usize> =
            adw.history().iter().filter(|r| r.record.dev_accuracy.is_some()).map(|r| r.record.step).collect();
        assert_eq!(evaluated, [20, 40, 50]);
    }

    #[test]
    fn blocks_climb_to_the_target_as_a_whole() {
        // Ten rows in blocks of 4, 4 and 2, in ten columns. Magnitudes rise from row to row: the first two blocks of each
        // column go, and nothing else.
        let block = Block { rows: 4, channels: 1 };
        let (adw, trainer) = run(Strategy::Adaptive, block);
        let climb: Vec<f32> = adw.history().iter().map(|r| r.sparsity[0]).collect();
        assert!(climb.windows(2).all(|w| w[0] <= w[1]) && climb[0] < 0.4 && climb[7..].iter().all(|&s| s == 0.8));
        assert_eq!(
            (adw.block(), trainer.keep),
            (block.into(), [[false; 80].as_slice(), [true; 20].as_slice()].concat())
        );
        // Every threshold on the way dropped whole blocks of four.
        assert!(climb.iter().all(|s| ((s * 100.0).round() as usize).is_multiple_of(4)), "{climb:?}");
    }

    #[test]
    fn one_shot_is_at_the_target_from_the_start() {
        let (adw, _) = run(Strategy::OneShot, Block::SINGLE);
        assert!(adw.history().iter().all(|r| r.sparsity[0] == 0.8));
    }

    #[test]
    fn one_threshold_takes_the_smallest_weights_of_all_layers() {
        let weights = [vec![0.1, -0.2, 0.3, 0.4], vec![1.0, -2.0, 0.05, 4.0]];
        let layer = |name: &str| LayerInfo {
            name: name.into(),
            kind: LayerKind::Linear(LinearParams { in_features: 4, out_features: 1 }),
            output_size: [1, 1],
        };
        let phase = Phase::new(Schedule { peak: 0.1, warm_up: 0, steps: 2, floor: 0.0 }, 1, 0);
        let targets = vec![("a".into(), 0.5), ("b".into(), 0.75)];
        let config = AdwConfig {
            strategy: Strategy::Global,
            targets,
            block: BlockShapes::SINGLE,
            phase: phase.clone(),
            ramp_steps: 2,
        };
        let adw = Adw::new(config.clone(), &[layer("a"), layer("b")]).unwrap();
        // Five of eight in all, four of them in the layer of small weights.
        assert_eq!(adw.global_threshold(&weights, 1.0), 0.4);
        assert_eq!(adw.global_threshold(&weights, 0.0), 0.0);
        // In blocks of a whole row the layers compete as wholes.
        let rows = AdwConfig { block: Block { rows: 1, channels: 4 }.into(), ..config };
        let adw = Adw::new(rows, &[layer("a"), layer("b")]).unwrap();
        assert_eq!(adw.global_threshold(&weights, 0.5), 0.25);
    }

    #[test]
    fn a_fixed_threshold_stays_and_weights_drift_below_it() {
        let (adw, trainer) = run(Strategy::FixedThreshold { alpha: 1.0, beta: 0.0, lambda: -0.005 }, Block::SINGLE);
        // The mean magnitude is 0.505: at first the 50 weights up to 0.50 go, then those that training pulls below.
        assert_eq!(adw.history()[0].sparsity, [0.5]);
        let last = adw.sparsity().next().unwrap();
        assert!(last.0 == "fc" && last.1 > 0.5, "{last:?}");
        assert!(trainer.keep.iter().zip(&trainer.weight).all(|(k, w)| *k || *w == 0.0));
    }

    #[test]
    fn thresholds_from_statistics() {
        let weight = [1.0, -3.0];
        assert_eq!(fixed_threshold(&weight, 1.0, 0.0, 0.0), 2.0);
        assert_eq!(fixed_threshold(&weight, 0.0, 1.0, 0.5), 2.5);
        assert_eq!(fixed_threshold(&weight, 0.0, 0.0, -1.0), 0.0);
    }

    #[test]
    fn bad_configurations_are_refused() {
        let (adw, trainer) = run(Strategy::OneShot, Block::SINGLE);
        let refused = |change: fn(&mut AdwConfig)| {
            let mut config = adw.config.clone();
            change(&mut config);
            assert!(Adw::new(config, &trainer.layers()).is_err());
        };
        refused(|c| c.targets[0].1 = 1.01);
        refused(|c| c.targets[0].0 = "conv9".into());
        refused(|c| c.targets.push(("fc".into(), 0.5)));
        refused(|c| c.block.matrix.rows = 0);
        refused(|c| c.block.convolution.channels = 0);
        refused(|c| c.ramp_steps = 51);
        refused(|c| c.phase = Phase::new(Schedule { peak: 0.1, warm_up: 0, steps: 50, floor: 0.0 }, 0, 0));
        refused(|c| c.phase = Phase::new(Schedule { peak: f32::NAN, warm_up: 0, steps: 50, floor: 0.0 }, 1, 0));
    }
}
