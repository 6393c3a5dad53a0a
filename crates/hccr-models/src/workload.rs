//! How much work a run is, before it is done.

use crate::{NetworkTrainer, Teacher, TrainError};
use hccr_compress::{LowRankPair, Phase, Trainer};
use hccr_nn_train::{Distillation, Optimizer};
use hccr_random::Rng;

/// The work of all stages.
#[derive(Clone, Debug)]
pub struct Workload {
    /// The stages that train or evaluate, in order.
    pub stages: Vec<StageLoad>,
    /// The layers that lose channels, and how many they keep.
    pub channels: Vec<(String, usize)>,
    /// The layers that become low-rank, and their ranks.
    pub ranks: Vec<(String, usize)>,
    /// How the stages after the baseline learn from it, if they do.
    pub distillation: Option<Distillation>,
}

/// The work of a stage.
#[derive(Clone, Debug)]
pub struct StageLoad {
    /// Its name.
    pub stage: &'static str,
    /// Mini-batches.
    pub steps: usize,
    /// Evaluations on the development set, at most.
    pub evaluations: usize,
    /// Evaluations with another weight in place of one, at most.
    pub trials: usize,
    /// Whether the network has fewer channels and is low-rank by then.
    pub is_small: bool,
}

impl StageLoad {
    /// So many repetitions of `phase`.
    pub(crate) fn of(stage: &'static str, phase: &Phase, times: usize, is_small: bool) -> Self {
        Self { stage, steps: times * phase.steps(), evaluations: times * phase.evaluations(), trials: 0, is_small }
    }

    /// The same with an evaluation before the first mini-batch.
    pub(crate) fn evaluated_before(self) -> Self {
        Self { evaluations: self.evaluations + 1, ..self }
    }

    /// The analysis by CRA of so many layers, each measured so many times, and of the network as it is.
    pub(crate) fn analysis(layers: usize, points: usize) -> Self {
        Self { stage: "cra", steps: 0, evaluations: 0, trials: 1 + layers * points, is_small: true }
    }
}

impl Workload {
    /// Makes the trainer's network as small as the run will, with fewer channels and low rank, with random weights, and gives it the network
    /// as it was for a teacher, where it will have one: it takes as long to train, and learns nothing.
    ///
    /// # Errors
    /// [`TrainError`] where the network has not these layers.
    pub fn make_small<O: Optimizer>(&self, trainer: &mut NetworkTrainer<'_, O>) -> Result<(), TrainError> {
        if let Some(how) = self.distillation {
            trainer.set_teacher(Some(Teacher::new(&trainer.state().network, how)));
        }
        for (name, kept) in &self.channels {
            let Some(weight) = trainer.state().network.weight(name) else { continue };
            let keep: Vec<bool> = (0..weight.shape[0]).map(|channel| channel < *kept).collect();
            trainer.keep_channels(name, &keep)?;
        }
        let layers = trainer.layers();
        // No zeros: evaluation would skip them.
        let rng = &mut Rng::new(0, 0);
        for (name, rank) in &self.ranks {
            let Some(layer) = layers.iter().find(|layer| layer.name == *name) else { continue };
            let [out, of, height, width] = layer.kind.weight_shape();
            let [first, second] =
                [rank * of * height, out * rank * width].map(|len| (0..len).map(|_| 0.1 * rng.normal()).collect());
            trainer.expand(name, LowRankPair { rank: *rank, first, second })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::offline::OfflineRecipe;
    use crate::{NetworkTrainer, Tier};
    use hccr_compress::Trainer;
    use hccr_data::{Split, simulate};

    #[test]
    fn the_small_network_is_low_rank_and_has_no_zeros_that_evaluation_would_skip() {
        let recipe = OfflineRecipe::new(Tier::Smoke, Some(2), None, 1.0, 1);
        let set = simulate(&recipe.common.data, Split::Dev, &|_, _| {}).expect("simulated");
        let state = recipe.untrained(&set, 1).expect("a network");
        let mut trainer = NetworkTrainer::new(state, &set, &set);
        let whole = trainer.layers();
        let workload = recipe.workload(&whole).expect("ranks that fit");
        workload.make_small(&mut trainer).expect("low rank");
        let layers = trainer.layers();
        assert_eq!(layers.len(), whole.len() + workload.ranks.len());
        assert!(workload.ranks.len() > 5);
        for layer in &layers {
            let weight = trainer.weight(&layer.name).expect("a layer's weight");
            assert!(weight.iter().all(|&w| w != 0.0), "{}", layer.name);
        }
        // Of each layer of the small network all points of the curve, and of the network as it is.
        let cra = workload.stages.iter().find(|load| load.stage == "cra").expect("an analysis");
        assert_eq!((cra.trials - 1) % layers.len(), 0);
        assert!(cra.trials > layers.len() * recipe.common.cra.grid.len() && cra.evaluations == 0);
    }
}
