//! The runtime on the thesis's full-size network with random weights: structure only, untrained.
//!
//! Prints minimum and median times a character, and the minimum a step, for each instruction set. Pin it to one core:
//! `taskset -c 1 cargo bench -p hccr-benches --bench runtime`. A word behind `--` selects networks by name.

use hccr_benches::{Rng, compare};
use hccr_runtime::shape::{Conv2dParams, LinearParams, Pool2dParams};
use hccr_runtime::{Model, ModelBuilder, Op, Weight};

const CLASSES: usize = 3755;

/// Output channels and pooling of conv2 to conv5_2; rank and densities (3x1, 1x3) after the thesis's compression.
const CONVOLUTIONS: [(&str, usize, bool, usize, [f64; 2]); 6] = [
    ("conv2", 128, true, 40, [0.369, 0.427]),
    ("conv3", 160, true, 51, [0.336, 0.419]),
    ("conv4_1", 256, false, 69, [0.353, 0.376]),
    ("conv4_2", 256, true, 89, [0.396, 0.391]),
    ("conv5_1", 384, false, 102, [0.400, 0.353]),
    ("conv5_2", 384, true, 123, [0.339, 0.370]),
];
const LINEAR_DENSITIES: [f64; 2] = [0.142, 0.351];

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Baseline,
    LowRank,
    Pruned,
}

/// Appends layers with random weights of about unit gain.
struct Network {
    builder: ModelBuilder,
    rng: Rng,
}

impl Network {
    /// A gain of 2 makes up for PReLU.
    fn weight(&mut self, name: &str, shape: &[usize], density: f64) -> Weight {
        self.rng.weight(name, shape, density, 2.0)
    }

    fn conv(&mut self, name: &str, params: Conv2dParams, density: f64, activation: bool) {
        let weight = self.weight(name, &params.weight_shape(), density);
        let weight = self.builder.weight(weight);
        let channels = params.out_channels;
        let bias = (0..channels).map(|_| 0.1 * self.rng.value()).collect();
        let bias = Some(self.builder.dense("bias", &[channels], bias));
        let prelu = activation.then(|| self.builder.dense("slope", &[channels], vec![0.25; channels]));
        self.builder.push(name, Op::Conv2d { params, weight, scale: None, bias, prelu });
    }

    fn linear(&mut self, name: &str, in_features: usize, out_features: usize, density: f64, activation: bool) {
        let weight = self.weight(name, &[out_features, in_features], density);
        let weight = self.builder.weight(weight);
        let bias = Some(self.builder.dense("bias", &[out_features], vec![0.1; out_features]));
        let prelu = activation.then(|| self.builder.dense("slope", &[out_features], vec![0.25; out_features]));
        let params = LinearParams { in_features, out_features };
        self.builder.push(name, Op::Linear { params, weight, scale: None, bias, prelu });
    }
}

fn network(stage: Stage) -> Model {
    let mut net = Network { builder: ModelBuilder::new(&[1, 96, 96]), rng: Rng(1) };
    let mean = net.builder.dense("mean", &[1, 96, 96], vec![0.1; 96 * 96]);
    net.builder.push("data", Op::SubtractMean { mean });
    net.conv("conv1", Conv2dParams::same(1, 96, [3, 3]), 1.0, true);
    net.builder.push("pool1", Op::MaxPool2d { params: Pool2dParams::THESIS });
    let mut channels = 96;
    for (name, out, pool, rank, densities) in CONVOLUTIONS {
        if stage == Stage::Baseline {
            net.conv(name, Conv2dParams::same(channels, out, [3, 3]), 1.0, true);
        } else {
            let [v, h] = if stage == Stage::Pruned { densities } else { [1.0, 1.0] };
            net.conv(&format!("{name}_v"), Conv2dParams::same(channels, rank, [3, 1]), v, false);
            net.conv(&format!("{name}_h"), Conv2dParams::same(rank, out, [1, 3]), h, true);
        }
        if pool {
            net.builder.push(format!("{name}_pool"), Op::MaxPool2d { params: Pool2dParams::THESIS });
        }
        channels = out;
    }
    net.builder.push("flatten", Op::Flatten);
    let [fc1, fc2] = if stage == Stage::Pruned { LINEAR_DENSITIES } else { [1.0, 1.0] };
    net.linear("fc1", 3456, 1024, fc1, true);
    net.linear("fc2", 1024, CLASSES, fc2, false);
    net.builder.push("softmax", Op::Softmax);
    net.builder.finish(Vec::new())
}

fn main() {
    let mut rng = Rng(2);
    let input: Vec<f32> = (0..96 * 96).map(|_| rng.value()).collect();
    let stages = [("baseline", Stage::Baseline), ("low-rank", Stage::LowRank), ("pruned", Stage::Pruned)];
    compare(stages.map(|(name, stage)| (name, Box::new(move || network(stage)) as _)), &input);
}
