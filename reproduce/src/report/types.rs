//! What a report holds, and the names it has in `report.json`.
//!
//! The names `pipeline`, `data`, `machine`, `seed`, `commit`, `stages`, `layers`, `thesis` and those of [`Stage`] are
//! fixed: committed reports are read by later versions. Accuracies go from 0 to 1, MACs and milliseconds are for one
//! character (of the test set's mean length, where it is a pen trajectory), steps are mini-batches counted over the whole run.

use super::thesis::Thesis;
use hccr_evaluate::{ConfusedPair, WriterAccuracy};
use hccr_report::machine::{Machine, Versions};
use serde::{Deserialize, Serialize};

/// Everything that one run measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// Which pipeline ran, such as `offline`.
    pub(crate) pipeline: String,
    /// What it was trained and tested on, in words.
    pub(crate) data: String,
    pub(crate) machine: Machine,
    /// Instruction set of the runtime's kernels, such as `avx2`.
    pub(crate) isa: String,
    pub(crate) threads: Threads,
    pub(crate) seed: u64,
    /// Short hash of the source's commit, with `-dirty` where files differ from it.
    pub(crate) commit: String,
    pub(crate) versions: Versions,
    pub(crate) config: Config,
    pub(crate) stages: Vec<Stage>,
    /// The baseline after as many training steps as the compressed network, which drops are then against; where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) longer_baseline: Option<Stage>,
    /// Layers of the last stage.
    pub(crate) layers: Vec<Layer>,
    pub(crate) thesis: Thesis,
    /// Bytes that the released model's storage scheme would need for the weights of the codebook stage.
    pub(crate) released_scheme_bytes: Option<u64>,
    pub(crate) curves: Curves,
    /// Not in the first reports, nor in that of the released network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ladder: Option<Ladder>,
    /// What only the report of the thesis's released network has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) released: Option<Released>,
    /// What only the report of an online network has that knows an offline one of the same characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fused: Option<Fused>,
    /// Of a shipped model: how many of the samples beside it it reads, and how many there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) samples: Option<[usize; 2]>,
    pub(crate) times: Vec<WallTime>,
    /// What a reader must know about this run beside the figures.
    pub(crate) notes: Vec<String>,
}

/// Threads used, since a timing without them means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Threads {
    pub(crate) training: usize,
    /// For `min_ms` and `median_ms`.
    pub(crate) timing: usize,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Config {
    /// `smoke`, `default` or `full`.
    pub(crate) tier: String,
    pub(crate) classes: usize,
    /// Channel multiplier of an offline network; 1 is the thesis's network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) width: Option<f64>,
    /// Units of an online network's LSTM layers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hidden_sizes: Option<[usize; 2]>,
    pub(crate) train_samples: usize,
    pub(crate) dev_samples: usize,
    /// The command that repeats the run.
    pub(crate) command: String,
}

impl Config {
    /// The network's size in words.
    pub(crate) fn network(&self) -> String {
        let width = self.width.map(|width| format!("width {}", (1e3 * width).round() / 1e3));
        let sizes = self.hidden_sizes.map(|[first, second]| format!("LSTMs of {first} and {second} units"));
        // One that began with a file has the sizes of that.
        width.or(sizes).unwrap_or_else(|| "sizes as in the file trained on".into())
    }
}

/// The network after one stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stage {
    /// `baseline`, `channels`, `gslre` or `svd`, `adw`, `codebook`, `graph-opt` or `int8`; `released`, `repacked` or `int8` for
    /// the released network.
    pub(crate) name: String,
    pub(crate) top1: f64,
    pub(crate) top5: f64,
    pub(crate) test_samples: u64,
    pub(crate) weights: u64,
    pub(crate) nonzeros: u64,
    pub(crate) dense_macs: u64,
    pub(crate) nonzero_macs: u64,
    /// Size of the model file, everything included.
    pub(crate) bytes: u64,
    pub(crate) min_ms: f64,
    pub(crate) median_ms: f64,
    /// Training steps from the start of the run to the end of the stage; not in the first reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) steps: Option<u64>,
}

/// One convolution, fully connected layer or LSTM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Layer {
    pub(crate) name: String,
    /// Shape of the weight, output dimension first.
    pub(crate) shape: Vec<usize>,
    /// Rank of the low-rank pair that it is part of.
    pub(crate) rank: Option<usize>,
    pub(crate) weights: u64,
    pub(crate) nonzeros: u64,
    /// Share of non-zero weights, 0 to 1.
    pub(crate) density: f64,
    pub(crate) dense_macs: u64,
    pub(crate) nonzero_macs: u64,
    /// Its part of the model file.
    pub(crate) bytes: u64,
    pub(crate) ms: Option<f64>,
}

/// What happened along the way; the plots show it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Curves {
    pub(crate) training: Vec<TrainingPoint>,
    pub(crate) cra: Vec<CraCurve>,
    pub(crate) adw: AdwCurve,
}

/// Training, averaged over the steps since the point before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TrainingPoint {
    pub(crate) stage: String,
    pub(crate) step: u64,
    pub(crate) loss: f64,
    pub(crate) train_accuracy: f64,
    pub(crate) dev_accuracy: Option<f64>,
}

/// Connection redundancy of one layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CraCurve {
    pub(crate) layer: String,
    /// Share of dropped weights, and accuracy on the development set with only this layer pruned.
    pub(crate) points: Vec<(f64, f64)>,
    /// The ratio that became the layer's target.
    pub(crate) chosen: f64,
}

/// Sparsity while the thresholds rise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct AdwCurve {
    pub(crate) layers: Vec<String>,
    pub(crate) points: Vec<AdwPoint>,
}

/// One moment of adaptive drop-weight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AdwPoint {
    pub(crate) step: u64,
    /// Share of zeros, one number per layer of [`AdwCurve::layers`].
    pub(crate) layer_sparsity: Vec<f64>,
    /// Share of zeros among all weights.
    pub(crate) sparsity: f64,
    /// On the development set.
    pub(crate) accuracy: Option<f64>,
}

/// How much time each idea saves, from naive loops to compressed networks in the runtime, on networks of the thesis's size with
/// random weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ladder {
    /// Always [`Ladder::NOTE`]: no accuracy belongs to these figures.
    pub(crate) note: String,
    pub(crate) classes: usize,
    /// Time steps of the input, where it is a sequence.
    pub(crate) steps: Option<usize>,
    /// Each rung adds one idea to those before.
    pub(crate) rungs: Vec<Rung>,
}

impl Ladder {
    /// What must stand beside the figures.
    pub(crate) const NOTE: &str = "structure only, untrained";

    /// The ladder of such rungs.
    pub(crate) fn new(steps: Option<usize>, rungs: Vec<Rung>) -> Self {
        Self { note: Self::NOTE.into(), classes: 3755, steps, rungs }
    }
}

/// One rung of the ladder, on one thread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rung {
    pub(crate) name: String,
    /// Whether the runtime runs it: loops or BLAS otherwise.
    pub(crate) in_runtime: bool,
    pub(crate) nonzeros: u64,
    /// For one input.
    pub(crate) nonzero_macs: u64,
    pub(crate) bytes: u64,
    pub(crate) min_ms: f64,
    pub(crate) median_ms: f64,
    pub(crate) runs: u64,
}

/// Both networks' ladders, measured on their own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ladders {
    pub(crate) machine: Machine,
    /// Instruction set of the runtime's kernels.
    pub(crate) isa: String,
    pub(crate) commit: String,
    pub(crate) versions: Versions,
    pub(crate) offline: Ladder,
    pub(crate) online: Ladder,
}

/// The thesis's released network, repacked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Released {
    /// From the repacked file's bytes in memory to a network ready to run: the shortest of several times.
    pub(crate) load_ms: f64,
    /// Bytes of the thesis's uncompressed network divided by those of the repacked file.
    pub(crate) bytes_ratio: f64,
    /// Weights, zeros included, that the repacked file holds bit for bit as released: those of all shared layers.
    pub(crate) identical_weights: u64,
    /// Accuracy of the repacked network, per writer.
    pub(crate) writers: Vec<WriterAccuracy>,
    /// Pairs that the repacked network confuses most, the worst first.
    pub(crate) confused_pairs: Vec<ConfusedPair>,
}

/// Top-1 accuracy of the two compressed recognizers on the same ink, alone and fused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fused {
    pub(crate) online: InkAccuracy,
    pub(crate) offline: InkAccuracy,
    pub(crate) fused: InkAccuracy,
    /// Weight of the offline network's log-probabilities, from 0 to 1, fitted on the development writers.
    pub(crate) weight: f64,
    /// The temperature of the fused answer, fitted on the same; older reports have none.
    #[serde(default = "uncalibrated")]
    pub(crate) temperature: f64,
    /// The test writers' inks that it was measured on; older reports do not say.
    #[serde(default)]
    pub(crate) inks: Option<usize>,
}

fn uncalibrated() -> f64 {
    1.0
}

/// Top-1 accuracy on the test writers' ink, 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct InkAccuracy {
    /// As written.
    pub(crate) plain: f64,
    /// With the strokes of each ink in a random order.
    pub(crate) shuffled: f64,
    /// With all strokes of each ink joined into one.
    pub(crate) joined: f64,
}

/// How long one part of the run took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct WallTime {
    pub(crate) stage: String,
    pub(crate) seconds: f64,
}
