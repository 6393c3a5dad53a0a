//! The length of a run, given in passes over its training set.

use crate::args::SizeArgs;
use hccr_models::{Recipe, SampleSet};
use hccr_random::Rng;

/// How long a run with `--epochs` is.
pub(crate) struct Length {
    /// What multiplies the training steps of every stage.
    pub(crate) effort: f64,
    /// Mini-batches of a pass.
    pub(crate) pass: usize,
}

impl Length {
    /// The length that `size` asks for, if it does, where a `recipe` of effort 1 trains on `train`.
    pub(crate) fn of(size: &SizeArgs, recipe: &Recipe, train: &dyn SampleSet) -> Option<Self> {
        let epochs = size.epochs?;
        let pass = train.pass(recipe.batch_size, &mut Rng::new(0, 0)).len();
        Some(Self { effort: epochs * pass as f64 / recipe.baseline.steps() as f64, pass })
    }
}
