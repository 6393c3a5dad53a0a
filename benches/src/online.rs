//! The full-size online network with random weights: structure only, untrained.

use crate::Rng;
use hccr_runtime::shape::{LinearParams, LstmParams, STEPS};
use hccr_runtime::{Model, ModelBuilder, Op, Weight};

/// Features of a step.
pub const FEATURES: usize = 6;
/// Steps of the sequences that are timed.
pub const LENGTH: usize = 50;
const HIDDEN: [usize; 2] = [100, 512];
const CLASSES: usize = 3755;

/// Appends layers with random weights of about unit gain.
struct Network {
    builder: ModelBuilder,
    rng: Rng,
    density: f64,
}

impl Network {
    fn matrix(&mut self, name: &str, shape: [usize; 2]) -> Weight {
        self.rng.weight(name, &shape, self.density, 1.0)
    }

    fn linear(&mut self, name: &str, in_features: usize, out_features: usize, bias: bool) {
        let weight = self.matrix(name, [out_features, in_features]);
        let weight = self.builder.weight(weight);
        let bias = bias.then(|| self.builder.dense("bias", &[out_features], vec![0.1; out_features]));
        let params = LinearParams { in_features, out_features };
        self.builder.push(name, Op::Linear { params, weight, scale: None, bias, prelu: None });
    }

    /// A fully connected layer, in two factors where that is smaller.
    fn factored(&mut self, name: &str, in_features: usize, out_features: usize, rank: Option<usize>) {
        match rank.filter(|rank| rank * (in_features + out_features) < in_features * out_features) {
            Some(rank) => {
                self.linear(&format!("{name}_v"), in_features, rank, false);
                self.linear(&format!("{name}_u"), rank, out_features, true);
            }
            None => self.linear(name, in_features, out_features, true),
        }
    }

    fn lstm(&mut self, name: &str, hidden_size: usize, rank: Option<usize>) {
        let project = rank.map(|rank| self.matrix("v", [rank, hidden_size]));
        let project = project.map(|weight| self.builder.weight(weight));
        let recurrent = self.matrix("u", [4 * hidden_size, rank.unwrap_or(hidden_size)]);
        let recurrent = self.builder.weight(recurrent);
        self.builder.push(name, Op::Lstm { params: LstmParams { hidden_size, rank }, project, recurrent });
    }
}

/// A form of the full-size online network.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Whole matrices, dense.
    Baseline,
    /// The matrices in two factors, of rank 32 in the first LSTM and 64 behind it.
    LowRank,
    /// A fifth of the factors' weights is left.
    Pruned,
}

/// 6 -> LSTM 100 -> LSTM 512 -> 3755 with random weights, to the logits.
pub fn network(stage: Stage) -> Model {
    let ranks = if stage == Stage::Baseline { [None, None] } else { [Some(32), Some(64)] };
    let density = if stage == Stage::Pruned { 0.2 } else { 1.0 };
    let mut net = Network { builder: ModelBuilder::new(&[STEPS, FEATURES]), rng: Rng(1), density };
    let mut features = FEATURES;
    for (i, (hidden, rank)) in HIDDEN.into_iter().zip(ranks).enumerate() {
        net.factored(&format!("lstm{}_x", i + 1), features, 4 * hidden, rank);
        net.lstm(&format!("lstm{}_h", i + 1), hidden, rank);
        features = hidden;
    }
    net.builder.push("mean", Op::MeanOverTime);
    net.factored("fc", features, CLASSES, ranks[1]);
    net.builder.finish(Vec::new())
}
