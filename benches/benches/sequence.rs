//! The runtime on a full-size online network with random weights: structure only, untrained.
//!
//! Prints minimum and median times a character of 50 steps, and the minimum a layer, for each instruction set. Pin it to
//! one core: `taskset -c 1 cargo bench -p hccr-benches --bench sequence`. A word behind `--` selects networks by name.

use hccr_benches::{Rng, compare};
use hccr_runtime::shape::{LinearParams, LstmParams, STEPS};
use hccr_runtime::{Model, ModelBuilder, Op, Weight};

const FEATURES: usize = 6;
const HIDDEN: [usize; 2] = [100, 512];
const CLASSES: usize = 3755;
const LENGTH: usize = 50;

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

fn network(ranks: [Option<usize>; 2], density: f64) -> Model {
    let mut net = Network { builder: ModelBuilder::new(&[STEPS, FEATURES]), rng: Rng(1), density };
    let mut features = FEATURES;
    for (i, (hidden, rank)) in HIDDEN.into_iter().zip(ranks).enumerate() {
        net.factored(&format!("lstm{}_x", i + 1), features, 4 * hidden, rank);
        net.lstm(&format!("lstm{}_h", i + 1), hidden, rank);
        features = hidden;
    }
    net.builder.push("mean", Op::MeanOverTime);
    net.factored("fc", features, CLASSES, ranks[1]);
    net.builder.push("softmax", Op::Softmax);
    net.builder.finish(Vec::new())
}

fn main() {
    let mut rng = Rng(2);
    let rows: Vec<f32> = (0..LENGTH * FEATURES).map(|_| rng.value()).collect();
    let factors = [Some(32), Some(64)];
    let networks = [("baseline", [None, None], 1.0), ("low-rank", factors, 1.0), ("pruned", factors, 0.2)];
    compare(networks.map(|(name, ranks, density)| (name, Box::new(move || network(ranks, density)) as _)), &rows);
}
