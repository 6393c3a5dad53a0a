//! The Rust side of `cargo xtask bench-train`: the networks, and `hccr-nn-train` as one of the engines.
//!
//! ```text
//! train_steps write DIR      writes the networks to DIR, for ../../peers/train.py; prints one line of JSON per network
//! train_steps serve NETWORK  trains one of them, as ../../peers/train.py trains it in another engine
//! train_steps layers NETWORK times its layers; prints a list of {"name", "gflop", "ms"}
//! train_steps peak           measures what all cores together multiply and add; prints GFLOP/s
//! ```

use anyhow::{Context, Result, bail, ensure};
use hccr_benches::{SEED, SEQUENCE_LENGTH};
use hccr_models::ThesisForm;
use hccr_models::offline::{cnn9, thesis_network};
use hccr_models::online::lstm2;
use hccr_nn_train::layers::Conv2d;
use hccr_nn_train::{Adam, Batch, Clipped, Layer, Mode, Network, Sgd, softmax_cross_entropy};
use hccr_random::Rng;
use hccr_runtime::ink::FEATURES;
use hccr_runtime::shape::Conv2dParams;
use hccr_tensor::{Scalar, Vector};
use rayon::prelude::*;
use serde_json::{Value, json};
use std::fs;
use std::hint::black_box;
use std::io::BufRead;
use std::path::Path;
use std::time::Instant;

/// Samples per mini-batch.
const BATCH: usize = 128;
/// Classes of the thesis's networks, and of the quarter-width one.
const CLASSES: [usize; 2] = [3755, 100];
const NETWORKS: [&str; 4] = ["cnn9", "cnn9-lowrank", "cnn9-quarter", "lstm"];
/// Steps of which a layer's least time counts.
const LAYER_STEPS: usize = 5;

fn main() -> Result<()> {
    hccr_tensor::blas::use_one_thread()?;
    hccr_tensor::memory::keep_freed();
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["write", dir] => NETWORKS.iter().try_for_each(|name| Task::new(name)?.write(name, Path::new(dir))),
        ["serve", name] => serve(Task::new(name)?),
        ["layers", name] => layers(Task::new(name)?),
        ["peak"] => {
            println!("{}", peak());
            Ok(())
        }
        _ => bail!("expected `write DIR`, `serve NETWORK`, `layers NETWORK` or `peak`"),
    }
}

/// What all engines train: a network on one mini-batch.
struct Task {
    network: Network<f32>,
    samples: Samples,
    labels: Vec<u16>,
}

enum Samples {
    /// Grey values.
    Images(Vec<Vec<u8>>),
    /// All of one length, so that no engine computes on padding.
    Sequences(Vec<Vec<f32>>),
}

impl Task {
    fn new(name: &str) -> Result<Self> {
        let mut rng = Rng::new(SEED, 0);
        let (classes, width) = if name == "cnn9-quarter" { (CLASSES[1], 0.25) } else { (CLASSES[0], 1.0) };
        let network = match name {
            "cnn9" | "cnn9-quarter" => cnn9(classes, width, 0.0, &mut rng)?,
            "cnn9-lowrank" => low_rank(cnn9(classes, width, 0.0, &mut rng)?, &mut rng)?,
            "lstm" => lstm2(classes, [100, 512], 0.0, &mut rng)?,
            _ => bail!("no network is called {name}; there are {}", NETWORKS.join(", ")),
        };
        let samples = if name == "lstm" {
            let mut sequence = |_| (0..SEQUENCE_LENGTH * FEATURES).map(|_| rng.normal()).collect();
            Samples::Sequences((0..BATCH).map(&mut sequence).collect())
        } else {
            let pixels: usize = network.input.iter().product();
            Samples::Images((0..BATCH).map(|_| (0..pixels).map(|_| rng.below(256) as u8).collect()).collect())
        };
        Ok(Self { network, samples, labels: (0..BATCH).map(|i| (i % classes) as u16).collect() })
    }

    /// One training step on the mini-batch; its loss before the update.
    fn step(&mut self) -> f64 {
        let batch = self.batch();
        let stats = match &self.samples {
            Samples::Images(_) => {
                let sgd = Sgd { momentum: 0.9, weight_decay: 0.0 };
                self.network.train_step(batch, &self.labels, &sgd, 0.01, 0)
            }
            Samples::Sequences(_) => {
                let adam = Clipped { optimizer: Adam::default(), max_norm: 1.0 };
                self.network.train_step(batch, &self.labels, &adam, 0.002, 0)
            }
        };
        stats.loss
    }

    fn batch(&self) -> Batch<f32> {
        match &self.samples {
            Samples::Images(images) => {
                let [_, height, width] = self.network.input;
                let images: Vec<&[u8]> = images.iter().map(Vec::as_slice).collect();
                Batch::from_bytes(&images, [height, width], &self.network.mean)
            }
            Samples::Sequences(sequences) => {
                Batch::from_sequences(&sequences.iter().map(Vec::as_slice).collect::<Vec<_>>(), FEATURES)
            }
        }
    }

    /// Writes the mini-batch and the initial parameters, and says what the network is.
    fn write(mut self, name: &str, dir: &Path) -> Result<()> {
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let layers: Vec<Value> = self.network.layers().iter().filter_map(describe).collect();
        let (shape, mut values): (_, Vec<f32>) = match &self.samples {
            Samples::Images(images) => {
                let [channels, height, width] = self.network.input;
                (vec![BATCH, channels, height, width], images.iter().flatten().map(|&v| v.into()).collect())
            }
            Samples::Sequences(sequences) => (vec![BATCH, SEQUENCE_LENGTH, FEATURES], sequences.concat()),
        };
        let mut params = Vec::new();
        for param in self.network.params_mut() {
            params.push(param.shape.clone());
            values.extend_from_slice(&param.value);
        }
        let (data, file) = (dir.join(format!("{name}.f32")), dir.join(format!("{name}.json")));
        let save = |path: &Path, bytes: &[u8]| {
            fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
        };
        save(&data, &values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>())?;
        let gflop: f64 = costs(&self.network).iter().sum();
        let labels = self.labels.clone();
        let line = json!({
            "name": name, "batch": BATCH, "shape": shape, "layers": layers, "params": params, "labels": labels,
            "data": data, "file": file, "gflop": gflop, "loss": self.step(),
        });
        save(&file, line.to_string().as_bytes())?;
        println!("{line}");
        Ok(())
    }
}

/// The network with the thesis's low-rank pairs.
fn low_rank(mut network: Network<f32>, rng: &mut Rng) -> Result<Network<f32>> {
    for weight in thesis_network(ThesisForm::LowRank, SEED).weights() {
        let Some(layer) = weight.name.strip_suffix("_v.weight") else { continue };
        let rank = weight.rows();
        network.replace_conv2d(layer, |conv| {
            let Conv2dParams { in_channels, out_channels, .. } = conv.params;
            let vertical = Conv2dParams::same(in_channels, rank, [3, 1]);
            let horizontal = Conv2dParams::same(rank, out_channels, [1, 3]);
            let name = |suffix| format!("{layer}_{suffix}");
            vec![Conv2d::new(&name("v"), vertical, false, rng), Conv2d::new(&name("h"), horizontal, false, rng)]
        })?;
    }
    Ok(network)
}

/// A layer for other engines; nothing for one that does nothing here.
fn describe(layer: &Layer<f32>) -> Option<Value> {
    match layer {
        Layer::Conv2d(_) => Some(json!({ "kind": "conv" })),
        Layer::Norm(l) => Some(json!({ "kind": "norm", "pool": l.pool.is_some() })),
        Layer::Flatten(_) => Some(json!({ "kind": "flatten" })),
        Layer::Linear(_) => Some(json!({ "kind": "linear" })),
        Layer::Lstm(l) => Some(json!({ "kind": "lstm", "units": l.hidden_size })),
        Layer::MeanOverTime(_) => Some(json!({ "kind": "mean" })),
        Layer::Dropout(_) => None,
    }
}

/// GFLOP of each layer in a training step: products forward, for the weight's gradient, and for the input's unless it is the
/// first layer.
fn costs(network: &Network<f32>) -> Vec<f64> {
    let layers = network.layers().iter().zip(network.shapes()).enumerate();
    let gflop = layers.map(|(i, (layer, [_, height, width]))| {
        let times = match layer {
            Layer::Conv2d(_) => height * width,
            _ if network.reads_sequence(i) => SEQUENCE_LENGTH,
            _ => 1,
        };
        let weights: usize = layer.weights().iter().map(|weight| weight.value.len()).sum();
        let passes = if i == 0 { 2 } else { 3 };
        (2 * passes * weights * times * BATCH) as f64 / 1e9
    });
    gflop.collect()
}

/// Says that it is ready, and then times as many steps as each line of the standard input asks for.
fn serve(mut task: Task) -> Result<()> {
    let first = task.step();
    println!("{}", json!({ "version": env!("CARGO_PKG_VERSION"), "max_abs_diff": 0.0 }));
    for line in std::io::stdin().lock().lines() {
        let mut times = Vec::new();
        for _ in 0..line?.trim().parse::<usize>()? {
            let start = Instant::now();
            let loss = task.step();
            times.push(start.elapsed().as_secs_f64() * 1e3);
            ensure!(loss.is_finite() && loss < 2.0 * first, "training diverged from {first} to {loss}");
        }
        println!("{}", json!(times));
    }
    Ok(())
}

/// Times the layers one by one, forwards and backwards; the first convolution of images with the normalization behind it, since a network
/// trains them as one.
fn layers(task: Task) -> Result<()> {
    let mode = Mode::Train { seed: 0 };
    let (mut first, mut layers) = (Network::new(task.network.input), task.network.layers().to_vec());
    let mut names: Vec<String> = layers.iter().map(|layer| layer.name().into()).collect();
    let mut gflop = costs(&task.network);
    let has_images = matches!(layers[..], [Layer::Conv2d(_), Layer::Norm(_), ..]);
    if has_images {
        layers.drain(..2).try_for_each(|layer| first.push(layer))?;
        let behind = names.remove(1);
        names[0] += &format!(" + {behind}");
        gflop[0] += gflop.remove(1);
    }
    let mut least = vec![f64::INFINITY; names.len()];
    for _ in 0..LAYER_STEPS {
        let (mut x, mut times) = (task.batch(), Vec::new());
        let mut timed = |run: &mut dyn FnMut()| {
            let start = Instant::now();
            run();
            times.push(start.elapsed().as_secs_f64());
        };
        if has_images {
            timed(&mut || x = first.forward(std::mem::take(&mut x), mode));
        }
        for layer in &mut layers {
            timed(&mut || x = layer.forward(std::mem::take(&mut x), mode));
        }
        let (_, mut gradient) = softmax_cross_entropy(&x, &task.labels);
        for (i, layer) in layers.iter_mut().enumerate().rev() {
            timed(&mut || gradient = layer.backward(std::mem::take(&mut gradient), has_images || i > 0));
        }
        if has_images {
            timed(&mut || first.backward(std::mem::take(&mut gradient)));
        }
        let (forward, backward) = times.split_at(names.len());
        let both = forward.iter().zip(backward.iter().rev()).map(|(forward, backward)| forward + backward);
        least.iter_mut().zip(both).for_each(|(least, time)| *least = time.min(*least));
    }
    let reported = names.iter().zip(gflop).zip(least);
    let reported: Vec<Value> =
        reported.map(|((name, gflop), seconds)| json!({ "name": name, "gflop": gflop, "ms": 1e3 * seconds })).collect();
    println!("{}", json!(reported));
    Ok(())
}

/// GFLOP/s of all cores on nothing but independent multiply-adds in registers: the best of several tries.
fn peak() -> f64 {
    type Values = <f32 as Scalar>::Vector;
    /// Vectors: enough to hide the latency of each.
    const SUMS: usize = 12;
    const ROUNDS: usize = 4_000_000;
    let threads = rayon::current_num_threads();
    let gflop = (2 * SUMS * Values::LANES * ROUNDS * threads) as f64 / 1e9;
    let rates = (0..10).map(|_| {
        let start = Instant::now();
        (0..threads).into_par_iter().for_each(|_| {
            let (factor, addend) = black_box((Values::splat(0.5), Values::splat(1.0)));
            let mut sums = [Values::splat(0.0); SUMS];
            for _ in 0..ROUNDS {
                for sum in &mut sums {
                    *sum = addend.add_product(*sum, factor);
                }
            }
            black_box(sums);
        });
        gflop / start.elapsed().as_secs_f64()
    });
    rates.fold(0.0, f64::max)
}
