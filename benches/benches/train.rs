//! Training speed on all cores, in samples per second: images by a CNN9 of a quarter and of half the thesis's width, with dense
//! convolutions and with pairs of low rank; and sequences, with a mean length of 50 time steps, by 6 -> LSTM 100 -> LSTM 256 ->
//! 100 classes, dense and of low rank. Each with mini-batches of 32 and of 128.
//!
//! `cargo bench -p hccr-benches --bench train [-- PART_OF_A_NAME]`

use hccr_models::offline::cnn9;
use hccr_nn_train::layers::{Conv2d, Linear, MeanOverTime};
use hccr_nn_train::sequence::bucketed_batches;
use hccr_nn_train::{Adam, Batch, Clipped, Layer, Network, Sgd, StepStats};
use hccr_random::Rng;
use hccr_runtime::shape::{Conv2dParams, LinearParams};
use std::time::{Duration, Instant};

/// How long a case is timed.
const TIME: Duration = Duration::from_secs(4);
const CLASSES: usize = 100;

fn main() {
    hccr_tensor::blas::use_one_thread().expect("a BLAS library that can run under rayon");
    hccr_tensor::memory::keep_freed();
    let wanted = std::env::args().skip(1).find(|a| !a.starts_with('-')).unwrap_or_default();
    for batch in [32, 128] {
        for (form, low_rank) in [("dense", false), ("low rank", true)] {
            for (size, width) in [("quarter width", 0.25), ("half width", 0.5)] {
                let name = format!("images, {size}, {form}, batch {batch}");
                if name.contains(&wanted) {
                    images(&name, width, low_rank, batch);
                }
            }
            let name = format!("sequences, {form}, batch {batch}");
            if name.contains(&wanted) {
                sequences(&name, low_rank, batch);
            }
        }
    }
}

fn images(name: &str, width: f32, low_rank: bool, batch: usize) {
    let mut rng = Rng::new(1, 0);
    let mut network = cnn9::<f32>(CLASSES, width, 0.0, &mut rng).expect("the architecture is sound");
    if low_rank {
        for layer in ["conv2", "conv3", "conv4_1", "conv4_2", "conv5_1", "conv5_2"] {
            network.replace_conv2d(layer, |conv| halves(conv, &mut rng)).expect("the pair fits");
        }
    }
    let images: Vec<Vec<u8>> = (0..batch).map(|_| (0..96 * 96).map(|_| rng.below(256) as u8).collect()).collect();
    let images: Vec<&[u8]> = images.iter().map(Vec::as_slice).collect();
    let sgd = Sgd { momentum: 0.9, weight_decay: 0.0 };
    measure(name, batch, |step, labels| {
        let batch = Batch::from_bytes(&images, [96, 96], &network.mean);
        network.train_step(batch, labels, &sgd, 0.01, step)
    });
}

/// A 3x1 and a 1x3 convolution with half of the channels between them.
fn halves(conv: &Conv2d<f32>, rng: &mut Rng) -> Vec<Conv2d<f32>> {
    let Conv2dParams { in_channels, out_channels, .. } = conv.params;
    let rank = out_channels / 2;
    let vertical = Conv2dParams::same(in_channels, rank, [3, 1]);
    let horizontal = Conv2dParams::same(rank, out_channels, [1, 3]);
    let name = |suffix| format!("{}_{suffix}", conv.name);
    vec![Conv2d::new(&name("v"), vertical, true, rng), Conv2d::new(&name("h"), horizontal, false, rng)]
}

fn sequences(name: &str, low_rank: bool, batch: usize) {
    let mut rng = Rng::new(1, 0);
    let mut network = Network::<f32>::of_sequences(6);
    let lstms = [Layer::lstm("lstm1", 6, 100, &mut rng), Layer::lstm("lstm2", 100, 256, &mut rng)];
    let fc = Linear::new("fc", LinearParams { in_features: 256, out_features: CLASSES }, &mut rng);
    let head = [Layer::MeanOverTime(MeanOverTime::default()), Layer::Linear(fc)];
    for layer in lstms.into_iter().flatten().chain(head) {
        network.push(layer).expect("the architecture is sound");
    }
    if low_rank {
        for (layer, [out, of], rank) in
            [("lstm1_h", [400, 100], 20), ("lstm2_x", [1024, 100], 25), ("lstm2_h", [1024, 256], 48)]
        {
            let mut factor = |rows: usize, columns: usize| -> Vec<f32> {
                let deviation = (1.0 / columns as f32).sqrt();
                (0..rows * columns).map(|_| deviation * rng.normal()).collect()
            };
            network.factorize(layer, rank, factor(rank, of), factor(out, rank)).expect("the factors fit");
        }
    }
    // One mini-batch as a pass over a set makes them: of similar length.
    let lengths: Vec<usize> = (0..16 * batch).map(|_| 20 + rng.below(61)).collect();
    let batches = bucketed_batches(&lengths, batch, &mut rng);
    let steps = |batch: &[usize]| batch.iter().map(|&i| lengths[i]).sum::<usize>();
    let of_mean_length = batches.iter().min_by_key(|indices| steps(indices).abs_diff(50 * batch)).expect("16 batches");
    let mut sequence = |&i: &usize| (0..lengths[i] * 6).map(|_| rng.normal()).collect();
    let sequences: Vec<Vec<f32>> = of_mean_length.iter().map(&mut sequence).collect();
    let sequences: Vec<&[f32]> = sequences.iter().map(Vec::as_slice).collect();
    let adam = Clipped { optimizer: Adam::default(), max_norm: 1.0 };
    measure(name, batch, |step, labels| {
        network.train_step(Batch::from_sequences(&sequences, 6), labels, &adam, 0.002, step)
    });
}

/// Times training steps, all on one mini-batch.
fn measure(name: &str, batch: usize, mut train_step: impl FnMut(u64, &[u16]) -> StepStats) {
    let labels: Vec<u16> = (0..batch).map(|i| (i % CLASSES) as u16).collect();
    let (mut times, mut losses) = (Vec::new(), Vec::new());
    let begin = Instant::now();
    while begin.elapsed() < TIME || times.len() < 6 {
        let start = Instant::now();
        losses.push(train_step(times.len() as u64, &labels).loss);
        times.push(start.elapsed().as_secs_f64());
    }
    assert!(losses[losses.len() - 1] < losses[0], "training on one batch must lower the loss: {losses:?}");
    times.sort_by(f64::total_cmp);
    let rate = |seconds: f64| batch as f64 / seconds;
    println!("{name}: {:.0}/s at best, {:.0} in the median", rate(times[0]), rate(times[times.len() / 2]));
}
