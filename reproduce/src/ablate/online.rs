//! The ablation of the online pipeline.

use super::experiment::{Experiment, Setting};
use super::method::Method;
use super::offline::endless_in_words;
use super::recipe::{Lengths, classes, sized};
use crate::online::{self, OnlineArgs};
use crate::pipeline::{Data, Test};
use anyhow::{Result, ensure};
use hccr_compress::{LayerInfo, LayerKind, MatrixRanks, Phase, SvdConfig};
use hccr_data::{Simulator, Split};
use hccr_models::online::{EndlessInks, OnlineRecipe, SequenceSet};
use hccr_models::pipeline::{Decomposition, Stages};
use hccr_models::{SampleSet, Tier, TrainerState};
use hccr_nn_train::{Adam, Clipped};

/// The pipeline, as the flags configure it.
pub(super) struct Online<'a> {
    args: &'a OnlineArgs,
    recipe: OnlineRecipe,
    setting: Setting<'a>,
}

impl<'a> Online<'a> {
    /// Refuses what does not fit together.
    pub(super) fn new(args: &'a OnlineArgs) -> Result<Self> {
        args.check()?;
        args.size.check_of_ablation()?;
        ensure!(args.offline_model.is_none(), "--offline-model is of no use here: nothing is fused");
        let (tier, effort) = (args.size.tier(), args.run.effort);
        let mut recipe = online::recipe(args, classes(tier, args.size.classes), effort);
        recipe.common.data = sized(&recipe.common.data, tier);
        let steps = match tier {
            Tier::Smoke => [60, 0, 20, 20, 10],
            Tier::Default => [6000, 0, 1200, 2400, 600],
            Tier::Full => [400_000, 0, 100_000, 200_000, 20_000],
        };
        let lengths = Lengths::new(steps, effort, 0.003, [0.001, 0.001, 3e-4]);
        let setting = Setting { run: &args.run, flags: args.flags(), lengths, batch_size: recipe.common.batch_size };
        Ok(Self { args, recipe, setting })
    }
}

impl Experiment for Online<'_> {
    type Set = SequenceSet;
    type Optimizer = Clipped<Adam>;
    const NAME: &'static str = "ablate-online";
    const LOW_RANK_METHODS: &'static [Method] = &[Method::Svd];
    const PRUNED: Method = Method::Svd;

    fn setting(&self) -> &Setting<'_> {
        &self.setting
    }

    fn data(&self) -> Result<Data<SequenceSet>> {
        if self.args.ink.has_files() {
            return online::load(self.args, &self.recipe);
        }
        let simulator = &self.recipe.common.data;
        let dev = online::sequences(online::simulated("dev set", simulator, Split::Dev)?, &self.recipe)?;
        let train =
            Box::new(EndlessInks::new(Simulator::new(simulator)?, self.recipe.augmentation, self.recipe.steps_at_once));
        Ok(Data { train, dev, description: endless_in_words(simulator) })
    }

    fn test(&self, data: &Data<SequenceSet>) -> Result<Test<SequenceSet>> {
        online::test(self.args, &self.recipe, data)
    }

    fn untrained(&self, dev: &SequenceSet, seed: u64) -> Result<TrainerState<Clipped<Adam>>> {
        Ok(self.recipe.untrained(dev.classes().len(), seed)?)
    }

    /// The matrices that the pipeline decomposes, each to the rank at which its factors have so many times fewer weights.
    fn low_rank(&self, _: Method, level: f64, layers: &[LayerInfo], train: Phase) -> Stages<Clipped<Adam>> {
        let decomposed = match self.recipe.svd.as_ref().map(|svd| &svd.ranks) {
            Some(MatrixRanks::PerLayer(ranks)) => ranks.iter().map(|(name, _)| name).collect(),
            Some(MatrixRanks::Energy { layers, .. }) => layers.iter().collect::<Vec<_>>(),
            None => Vec::new(),
        };
        let rank = |layer: &LayerInfo| match layer.kind {
            LayerKind::Linear(params) if decomposed.contains(&&layer.name) => {
                let [rows, columns] = [params.out_features, params.in_features].map(|n| n as f64);
                let rank = (rows * columns / (level * (rows + columns))).round().max(1.0);
                Some((layer.name.clone(), rank as usize))
            }
            _ => None,
        };
        let ranks = MatrixRanks::PerLayer(layers.iter().filter_map(rank).collect());
        vec![Box::new(Decomposition::new(SvdConfig { ranks, phase: train }))]
    }
}
