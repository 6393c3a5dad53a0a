//! What the recipes of the shipped models have in common: which characters they read, and how long they train.

use crate::online::{OnlineRecipe, reading_at_once};
use crate::pipeline::{Goal, PruningConfig};
use hccr_compress::{BlockShapes, Phase, Schedule};
use hccr_data::gb2312::{char_of_tag, gb2312_level1};
use hccr_data::strokes::{Skeletons, StrokesError};
use hccr_data::{SimulatorConfig, SplitSize};
use hccr_nn_train::{ImportError, Network, NetworkError};
use hccr_runtime::Model;
use hccr_runtime::ink::FEATURES;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;

/// The characters that a shipped model reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CharacterSet {
    /// The 3755 characters of GB2312 level 1.
    Level1,
    /// All characters that the simulator can write.
    Wide,
}

impl CharacterSet {
    /// The name in the names of files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Level1 => "3755",
            Self::Wide => "wide",
        }
    }

    /// The characters: those of level 1 in the order of their codes, then in [`Wide`](Self::Wide) those of level 2, then all others by
    /// code point.
    ///
    /// # Errors
    /// [`StrokesError`] where the embedded skeletons cannot be read.
    pub fn characters(self) -> Result<Vec<char>, StrokesError> {
        let mut characters = gb2312_level1();
        if self == Self::Wide {
            let mut rest: BTreeSet<char> = Skeletons::embedded()?.chars().collect();
            for c in &characters {
                rest.remove(c);
            }
            let level2 = (0xD8..=0xF7).flat_map(|row| (0xA1..=0xFE).filter_map(move |cell| char_of_tag([row, cell])));
            characters.extend(level2.filter(|c| rest.remove(c)));
            characters.extend(rest);
        }
        Ok(characters)
    }
}

/// How much a shipped model trains, and on what.
#[derive(Clone, Debug)]
pub struct Shipping {
    /// Whether to make a tiny model of a few characters in seconds, which only shows that every part works.
    pub smoke: bool,
    /// Its characters.
    pub characters: Vec<char>,
    /// Samples per mini-batch.
    pub batch_size: usize,
    /// Multiplies the number of training samples of every stage.
    pub effort: f64,
    /// Of writers and initial weights.
    pub seed: u64,
    /// The network that is trained on, in place of [initial weights](Shipping::begin): it is then compressed to the size that one from
    /// nothing gets.
    pub from: Option<Network<f32>>,
}

/// Steps of an ink, roughly. They decide how much the last layer, which runs once, counts beside those that run at each step: little.
const STEPS: f64 = 50.0;

/// How much smaller than its network a shipped model is.
pub(crate) struct Reduction {
    /// Multiply-accumulates over those on non-zero weights.
    pub macs: f64,
    /// Weights over those that are not zero.
    pub weights: f64,
}

impl Reduction {
    /// What pruning aims at: the size that `whole`, the network, gets, reached from the model that is trained on, if any, which is low-rank.
    /// `whole` reads one step at a time, the one that is pruned so many at once.
    pub(crate) fn goal(&self, shipping: &Shipping, whole: &Network<f32>, steps_at_once: usize) -> Goal {
        let model = |network: &Network<f32>| network.to_model(&shipping.classes()).expect("a network of these classes");
        let whole = model(whole);
        let from = shipping.from.as_ref().map_or_else(|| whole.clone(), model);
        let macs = |model: &Model, steps: f64| -> f64 {
            model.costs().iter().map(|cost| cost.dense_macs as f64 * cost.runs(steps)).sum()
        };
        Goal::Reduction {
            macs_ratio: self.macs * macs(&from, STEPS / steps_at_once as f64) / macs(&whole, STEPS),
            weights_ratio: self.weights * from.weight_elements() as f64 / whole.weight_elements() as f64,
        }
    }
}

/// Why a model cannot be trained on.
#[derive(Debug)]
#[non_exhaustive]
pub enum BeginError {
    /// It reads characters that the one to be trained does not read.
    OtherCharacters {
        /// How many.
        others: usize,
    },
    /// It is not a chain of layers that train.
    Import(ImportError),
    /// Its first or last layer cannot be made to read, or to tell, more.
    Network(NetworkError),
}

impl fmt::Display for BeginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherCharacters { others } => {
                write!(f, "{others} of the model's characters are not among those to be read")
            }
            Self::Import(e) => e.fmt(f),
            Self::Network(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for BeginError {}

impl From<ImportError> for BeginError {
    fn from(e: ImportError) -> Self {
        Self::Import(e)
    }
}

impl From<NetworkError> for BeginError {
    fn from(e: NetworkError) -> Self {
        Self::Network(e)
    }
}

/// From this size on mini-batches are trained on a GPU, where an interval costs a transfer of the whole network: it has more of
/// them.
const LARGE_BATCH: usize = 256;

impl Shipping {
    /// The classes: in a smoke run the first of the characters.
    pub fn classes(&self) -> Vec<char> {
        self.characters.iter().copied().take(if self.smoke { 10 } else { usize::MAX }).collect()
    }

    /// Of each class whether `model` does not read it.
    pub fn is_new(&self, model: &Model) -> Vec<bool> {
        let known: HashSet<&char> = model.labels().iter().collect();
        self.classes().iter().map(|c| !known.contains(c)).collect()
    }

    /// The network of a finished model, to be trained on: all its zeros may grow again. It may read fewer characters than this one; those that
    /// are new begin as the mean of all others, and may be [inferred](crate::infer_new_classes).
    ///
    /// # Errors
    /// [`BeginError`] where it reads other characters, or is not a chain of layers that train.
    pub fn begin(&self, model: &Model) -> Result<Network<f32>, BeginError> {
        let classes = self.classes();
        let known: HashMap<char, usize> = model.labels().iter().enumerate().map(|(i, &c)| (c, i)).collect();
        let outputs: Vec<Option<usize>> = classes.iter().map(|c| known.get(c).copied()).collect();
        let others = known.len() - outputs.iter().flatten().count();
        if others > 0 {
            return Err(BeginError::OtherCharacters { others });
        }
        let network = Network::from_model(model)?.with_outputs(&outputs)?;
        let reads_steps = network.reads_sequence(0) && network.input == [FEATURES, 1, 1];
        Ok(if reads_steps { reading_at_once(network, OnlineRecipe::SHIPPED_STEPS_AT_ONCE)? } else { network })
    }

    /// Who writes: without end for training; about 7,500 samples for development, and 37,500 to test on.
    pub(crate) fn simulator(&self) -> SimulatorConfig {
        let classes = self.classes();
        let size = |samples: usize| {
            let samples = if self.smoke { samples / 200 } else { samples };
            SplitSize { writers: 400, samples_per_class: samples.div_ceil(classes.len()) as u32 }
        };
        let train = SplitSize { writers: 1 << 24, samples_per_class: 0 };
        let (dev, test) = (size(7_500), size(37_500));
        SimulatorConfig { train, dev, test, seed: self.seed, variation: 1.0, fonts: true, classes }
    }

    /// How a learning rate that suits mini-batches of 128 samples grows with their size.
    pub(crate) fn rate(&self, of_128: f32) -> f32 {
        of_128 * (self.batch_size as f32 / 128.0).sqrt()
    }

    /// Training on so many samples, in a smoke run on one in four thousand, evaluated so many times.
    pub(crate) fn phase(&self, samples: f64, peak: f32, floor: f32, evaluations: usize) -> Phase {
        let samples = if self.smoke { samples / 4000.0 } else { samples * self.effort };
        let steps = (samples / self.batch_size as f64).round().max(1.0) as usize;
        let interval = if self.batch_size < LARGE_BATCH { 10 } else { 100 };
        let evaluate_every = (steps / evaluations.max(1)).max(1).next_multiple_of(interval);
        Phase::new(Schedule { peak, warm_up: steps / 20, steps, floor }, interval, evaluate_every)
    }

    /// Pruning on so many samples; weights are dropped during the first half.
    pub(crate) fn pruning(&self, samples: f64, peak: f32, evaluations: usize) -> PruningConfig {
        let phase = self.phase(samples, peak, 0.01, evaluations);
        PruningConfig { ramp_steps: (phase.steps() / 2).max(1), block: BlockShapes::SINGLE, phase }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::online::lstm2;
    use hccr_random::Rng;

    #[test]
    fn the_wide_set_begins_with_the_narrow_one() {
        let [level1, wide] = [CharacterSet::Level1, CharacterSet::Wide].map(|set| set.characters().expect("skeletons"));
        assert_eq!(level1.len(), 3755);
        assert_eq!(wide[..3755], level1);
        assert_eq!((wide[3755], wide.len() > 9000), ('亍', true));
        assert_eq!(wide.iter().collect::<BTreeSet<_>>().len(), wide.len(), "a character twice");
    }

    fn shipping(batch_size: usize, characters: Vec<char>, from: Option<Network<f32>>) -> Shipping {
        Shipping { smoke: false, characters, batch_size, effort: 2.0, seed: 1, from }
    }

    #[test]
    fn a_model_that_is_trained_on_gets_the_size_that_its_network_gets() {
        let classes: Vec<char> = ('a'..='z').collect();
        let network = |hidden_sizes| lstm2(26, hidden_sizes, 0.0, &mut Rng::new(1, 0)).expect("layers with units");
        let whole = network([8, 16]);
        let ratios = |from: Option<&Network<f32>>, steps_at_once| {
            let shipping = shipping(128, classes.clone(), from.cloned());
            let goal = Reduction { macs: 6.0, weights: 4.0 }.goal(&shipping, &whole, steps_at_once);
            let Goal::Reduction { macs_ratio, weights_ratio } = goal else { panic!("{goal:?}") };
            let model = from.unwrap_or(&whole).to_model(&classes).expect("a label per class");
            let kept = model.weight_elements() as f64 / weights_ratio;
            (macs_ratio, weights_ratio, kept)
        };
        let (of_whole, of_small) = (ratios(None, 1), ratios(Some(&network([8, 8])), 1));
        assert_eq!((of_whole.0, of_whole.1), (6.0, 4.0));
        assert!(of_small.0 < 4.0 && of_small.1 < 3.0, "{of_small:?}");
        assert!((of_small.2 - of_whole.2).abs() < 1e-6, "as many weights stay: {of_small:?}, {of_whole:?}");
        let pairs = ratios(None, 2);
        assert!((2.9..3.2).contains(&pairs.0), "half as many steps, and a last layer: {pairs:?}");
        assert_eq!(pairs.1, 4.0);
    }

    #[test]
    fn a_model_of_fewer_characters_begins_with_what_it_knows() {
        let network = lstm2(2, [3, 4], 0.0, &mut Rng::new(1, 0)).expect("layers with units");
        let model = network.to_model(&['b', 'd']).expect("a label per class");
        let begun = shipping(128, vec!['a', 'b', 'c', 'd'], None).begin(&model).expect("more characters");
        let [old, new] = [&network, &begun].map(|network| network.weight("fc").expect("a last layer").value.clone());
        assert_eq!((&new[4..8], &new[12..]), (&old[..4], &old[4..]));
        let mean: Vec<f32> = (0..4).map(|i| 0.5 * old[i] + 0.5 * old[4 + i]).collect();
        assert!(mean.iter().zip(&new[..4]).all(|(a, b)| (a - b).abs() < 1e-6) && new[..4] == new[8..12]);
        assert_eq!(begun.input[0], FEATURES * OnlineRecipe::SHIPPED_STEPS_AT_ONCE);
        let refused = shipping(128, vec!['a', 'b', 'c'], None).begin(&model).expect_err("d is left out");
        assert_eq!(refused.to_string(), "1 of the model's characters are not among those to be read");
    }

    #[test]
    fn a_phase_has_as_many_samples_whatever_the_mini_batch() {
        let steps = |batch_size| shipping(batch_size, Vec::new(), None).phase(640_000.0, 0.1, 0.0, 4).steps();
        assert_eq!((steps(128), steps(512)), (10_000, 2_500));
        assert_eq!(shipping(512, Vec::new(), None).rate(0.1), 0.2);
    }
}
