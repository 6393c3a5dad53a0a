//! The runtime on a full-size online network with random weights: structure only, untrained.
//!
//! Prints minimum and median times a character of 50 steps, and the minimum a layer, for each instruction set. Pin it to
//! one core: `taskset -c 1 cargo bench -p hccr-benches --bench sequence`. A word behind `--` selects networks by name.

use hccr_runtime::shape::{LinearParams, LstmParams, STEPS};
use hccr_runtime::{IsaKind, Model, ModelBuilder, Op, Plan, Session, Weight};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

const FEATURES: usize = 6;
const HIDDEN: [usize; 2] = [100, 512];
const CLASSES: usize = 3755;
const LENGTH: usize = 50;
const RUNS: usize = 30;

/// SplitMix64, as values uniform in [-1, 1).
struct Rng(u64);

impl Rng {
    fn value(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    }
}

/// Appends layers with random weights of about unit gain.
struct Network {
    builder: ModelBuilder,
    rng: Rng,
    density: f64,
}

impl Network {
    fn matrix(&mut self, name: &str, shape: [usize; 2]) -> Weight {
        let gain = (3.0 / (shape[1] as f64 * self.density)).sqrt() as f32;
        let values: Vec<f32> = (0..shape[0] * shape[1])
            .map(|_| {
                let keep = f64::from(self.rng.value()) < 2.0 * self.density - 1.0;
                if keep { gain * self.rng.value() } else { 0.0 }
            })
            .collect();
        if self.density < 1.0 { Weight::sparse(name, &shape, &values) } else { Weight::dense(name, &shape, values) }
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
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let mut rng = Rng(2);
    let rows: Vec<f32> = (0..LENGTH * FEATURES).map(|_| rng.value()).collect();
    let factors = [Some(32), Some(64)];
    for (name, ranks, density) in
        [("baseline", [None, None], 1.0), ("low-rank", factors, 1.0), ("pruned", factors, 0.2)]
    {
        if !wanted.is_empty() && !wanted.iter().any(|w| name.contains(w.as_str())) {
            continue;
        }
        let model = network(ranks, density);
        let mut reference = Vec::new();
        for isa in IsaKind::available() {
            let mut session = Session::new(Arc::new(Plan::with_isa(&model, isa).expect("a valid model")));
            let output = session.run(&rows).expect("a valid input").to_vec();
            if isa == IsaKind::Scalar {
                reference = output;
                continue;
            }
            let largest = reference.iter().copied().fold(0.0, f32::max);
            for (found, want) in output.iter().zip(&reference) {
                assert!((found - want).abs() <= 1e-4 * largest, "{name} {isa}: {found} instead of {want}");
            }
            measure(name, &mut session, &rows);
        }
    }
}

fn measure(name: &str, session: &mut Session, rows: &[f32]) {
    let mut total: Vec<Duration> = Vec::with_capacity(RUNS);
    // A layer runs once a chunk: its time is the sum.
    let mut layers: BTreeMap<String, Duration> = BTreeMap::new();
    for _ in 0..RUNS {
        let start = Instant::now();
        session.run(rows).expect("a valid input");
        total.push(start.elapsed());

        let mut run: BTreeMap<String, Duration> = BTreeMap::new();
        let mut before = Instant::now();
        let observe = |layer: &str| {
            *run.entry(layer.to_string()).or_default() += before.elapsed();
            before = Instant::now();
        };
        session.run_observed(rows, observe).expect("a valid input");
        for (layer, time) in run {
            let least = layers.entry(layer).or_insert(time);
            *least = time.min(*least);
        }
    }
    total.sort_unstable();
    let ms = |d: Duration| d.as_secs_f64() * 1e3;
    println!("{name} {}: min {:.3} ms, median {:.3} ms", session.plan().isa(), ms(total[0]), ms(total[RUNS / 2]));
    for line in session.plan().describe().lines().skip(1) {
        match line.split_whitespace().next().and_then(|layer| layers.get(layer)) {
            Some(&least) => println!("  {:>8.3} ms  {line}", ms(least)),
            None => println!("               {line}"),
        }
    }
}
