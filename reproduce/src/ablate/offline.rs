//! The ablation of the offline pipeline.

use super::experiment::{Experiment, Setting};
use super::method::Method;
use super::recipe::{Lengths, classes, phase, sized};
use crate::offline::{self, Images, OfflineArgs};
use crate::pipeline::{Data, Test};
use crate::progress::{bar, counting, finish};
use anyhow::{Context, Result, ensure};
use hccr_compress::{
    ChannelPruning, ChannelPruningConfig, Gslre, GslreConfig, LayerInfo, LayerKind, Phase, Ranks, cost,
    with_channels_kept,
};
use hccr_data::{Simulator, SimulatorConfig, Split, simulate};
use hccr_models::offline::{EndlessImages, OfflineRecipe};
use hccr_models::pipeline::{Channels, Expansion, Stages};
use hccr_models::{Tier, TrainerState};
use hccr_nn_train::Sgd;

/// The pipeline, as the flags configure it.
pub(super) struct Offline<'a> {
    args: &'a OfflineArgs,
    recipe: OfflineRecipe,
    setting: Setting<'a>,
}

impl<'a> Offline<'a> {
    /// Refuses what does not fit together.
    pub(super) fn new(args: &'a OfflineArgs) -> Result<Self> {
        args.check()?;
        args.size.check_of_ablation()?;
        ensure!(args.images.blocks().is_none(), "--zeros is of no use here: blocks are among the methods");
        ensure!(args.images.channels().is_none(), "--channels is of no use here: channels are among the methods");
        ensure!(!args.images.is_as_in_thesis(), "--recipe is of no use here: each method has its own numbers");
        let (tier, effort) = (args.size.tier(), args.run.effort);
        let classes = classes(tier, args.size.classes);
        let mut recipe = OfflineRecipe::new(tier, classes, args.images.width, effort, args.run.seed);
        if tier == Tier::Default {
            recipe.common.batch_size = 64;
        }
        recipe.common.data = sized(&recipe.common.data, tier);
        let steps = match tier {
            Tier::Smoke => [30, 2, 20, 20, 10],
            Tier::Default => [4000, 40, 800, 1200, 300],
            Tier::Full => [120_000, 6_000, 76_000, 60_000, 10_000],
        };
        let lengths = Lengths::new(steps, effort, 0.08, [0.01, 0.02, 0.003]);
        let setting = Setting { run: &args.run, flags: args.flags(), lengths, batch_size: recipe.common.batch_size };
        Ok(Self { args, recipe, setting })
    }
}

impl Experiment for Offline<'_> {
    type Set = Images;
    type Optimizer = Sgd;
    const NAME: &'static str = "ablate";
    const LOW_RANK_METHODS: &'static [Method] = &[
        Method::Svd,
        Method::Gslre,
        Method::GslreDistilled,
        Method::Reconstruction,
        Method::Channels,
        Method::ChannelsGslre,
    ];
    const PRUNED: Method = Method::Gslre;

    fn setting(&self) -> &Setting<'_> {
        &self.setting
    }

    fn data(&self) -> Result<Data<Images>> {
        let simulator = &self.recipe.common.data;
        if self.args.images.has_files() { offline::load(self.args, simulator) } else { endless(simulator) }
    }

    fn test(&self, data: &Data<Images>) -> Result<Test<Images>> {
        offline::test(self.args, &self.recipe.common.data, data)
    }

    fn untrained(&self, dev: &Images, seed: u64) -> Result<TrainerState<Sgd>> {
        Ok(self.recipe.untrained(dev, seed)?)
    }

    fn low_rank(&self, method: Method, level: f64, layers: &[LayerInfo], train: Phase) -> Stages<Sgd> {
        let [layer_rate, rate, _] = self.setting.lengths.rates;
        let expansion = |speedup, layer, joint| {
            Expansion::new(GslreConfig {
                ranks: Ranks::Speedup(speedup),
                layer_phase: phase(layer, layer_rate, 0.01),
                joint_phase: joint,
            })
        };
        let gslre = |speedup, steps: usize| {
            let layer = self.setting.lengths.layer;
            let convolutions = layers.iter().filter(|layer| matches!(layer.kind, LayerKind::Conv2d(_))).count();
            let joint = steps.saturating_sub(layer * (convolutions - 1));
            Box::new(expansion(speedup, layer, phase(joint, rate, 0.01)))
        };
        let channels = |speedup, phase| ChannelPruningConfig { speedup, phase };
        match method {
            Method::Gslre | Method::GslreDistilled => vec![gslre(level, train.steps())],
            Method::Channels => {
                let speedup = cost(layers, &[]).0 as f64 / low_rank_macs(layers, level) as f64;
                vec![Box::new(Channels::new(channels(speedup, train)))]
            }
            Method::ChannelsGslre => {
                let first = channels(CHANNELS_BEFORE, phase(train.steps() / 3, rate, 0.01));
                let rest = train.steps() - first.phase.steps();
                let kept = ChannelPruning::new(first.clone(), layers).map(|pruning| pruning.plan().to_vec());
                let small = kept.and_then(|kept| with_channels_kept(layers, &kept)).expect("a network of convolutions");
                // The ranks with which as many MACs are left as without channel pruning.
                let wanted = low_rank_macs(layers, level);
                let mut speedups = (0..).map(|at| 1.0 + 0.05 * f64::from(at));
                let speedup = speedups.find(|&speedup| speedup >= level || low_rank_macs(&small, speedup) <= wanted);
                vec![Box::new(Channels::new(first)), gslre(speedup.expect("no end"), rest)]
            }
            Method::Reconstruction => vec![Box::new(expansion(level, 0, train).fitting_outputs())],
            _ => vec![Box::new(expansion(level, 0, train))],
        }
    }
}

/// How many times fewer MACs channel pruning leaves before the network becomes low-rank.
const CHANNELS_BEFORE: f64 = 1.5;

/// Multiply-accumulates of the network when GSLRE has made it low-rank for a speed-up.
fn low_rank_macs(layers: &[LayerInfo], speedup: f64) -> u64 {
    let untrained = || phase(0, 0.01, 0.01);
    let config = GslreConfig { ranks: Ranks::Speedup(speedup), layer_phase: untrained(), joint_phase: untrained() };
    let ranks = Gslre::new(config, layers).expect("a network of 3x3 convolutions").plan().to_vec();
    let macs = |layer: &LayerInfo| {
        let [out, of, height, width] = layer.kind.weight_shape();
        let weights = match ranks.iter().find(|(name, _)| *name == layer.name) {
            Some((_, rank)) => rank * (of * height + out * width),
            None => layer.weights(),
        };
        (weights * layer.macs_per_weight()) as u64
    };
    layers.iter().map(macs).sum()
}

/// Writing that the simulator makes anew for each mini-batch.
fn endless(simulator: &SimulatorConfig) -> Result<Data<Images>> {
    let train = Box::new(EndlessImages::new(Simulator::new(simulator)?));
    let bar = bar("dev set", 0);
    let dev = simulate(simulator, Split::Dev, &counting(&bar)).context("simulating handwriting")?;
    finish(&bar, "dev set", &format!("{} simulated characters", dev.len()));
    Ok(Data { train, dev: Images::Memory(dev), description: endless_in_words(simulator) })
}

/// What such writing is, with the sets to develop and to test on.
pub(super) fn endless_in_words(simulator: &SimulatorConfig) -> String {
    format!(
        "simulated handwriting of the first {} characters of GB2312 level 1: written anew for each mini-batch, by ever new writers, to \
         train; {} per character for development, {} by others to test",
        simulator.classes.len(),
        simulator.dev.samples_per_class,
        simulator.test.samples_per_class
    )
}
