//! Training speed with mini-batches of 128 on all cores: images per second of a quarter-width CNN9, and sequences per second of
//! 6 -> LSTM 100 -> LSTM 256 -> 100 classes, with a mean length of 50 time steps.
//!
//! `cargo bench -p hccr-benches --bench train`

use hccr_models::offline::cnn9;
use hccr_nn_train::layers::{Linear, MeanOverTime};
use hccr_nn_train::sequence::bucketed_batches;
use hccr_nn_train::{Adam, Batch, Clipped, Layer, Network, Sgd, StepStats};
use hccr_random::Rng;
use hccr_runtime::shape::LinearParams;
use std::time::Instant;

const BATCH: usize = 128;
const STEPS: usize = 12;

fn main() {
    hccr_tensor::blas::use_one_thread().expect("a BLAS library that can run under rayon");
    images();
    sequences();
}

fn images() {
    let mut rng = Rng::new(1, 0);
    let mut network = cnn9::<f32>(100, 0.25, 0.0, &mut rng).expect("the architecture is sound");
    let images: Vec<Vec<u8>> = (0..BATCH).map(|_| (0..96 * 96).map(|_| rng.below(256) as u8).collect()).collect();
    let images: Vec<&[u8]> = images.iter().map(Vec::as_slice).collect();
    let sgd = Sgd { momentum: 0.9, weight_decay: 0.0 };
    measure("images", |step, labels| {
        let batch = Batch::from_bytes(&images, [96, 96], &network.mean);
        network.train_step(batch, labels, &sgd, 0.02, step)
    });
}

fn sequences() {
    let mut rng = Rng::new(1, 0);
    let mut network = Network::<f32>::of_sequences(6);
    let lstms = [Layer::lstm("lstm1", 6, 100, &mut rng), Layer::lstm("lstm2", 100, 256, &mut rng)];
    let fc = Linear::new("fc", LinearParams { in_features: 256, out_features: 100 }, &mut rng);
    let head = [Layer::MeanOverTime(MeanOverTime::default()), Layer::Linear(fc)];
    for layer in lstms.into_iter().flatten().chain(head) {
        network.push(layer).expect("the architecture is sound");
    }
    // One mini-batch as a pass over a set makes them: of similar length.
    let lengths: Vec<usize> = (0..16 * BATCH).map(|_| 20 + rng.below(61)).collect();
    let batches = bucketed_batches(&lengths, BATCH, &mut rng);
    let steps = |batch: &[usize]| batch.iter().map(|&i| lengths[i]).sum::<usize>();
    let batch = batches.iter().min_by_key(|batch| steps(batch).abs_diff(50 * BATCH)).expect("16 batches");
    let mut sequence = |&i: &usize| (0..lengths[i] * 6).map(|_| rng.normal()).collect();
    let sequences: Vec<Vec<f32>> = batch.iter().map(&mut sequence).collect();
    let sequences: Vec<&[f32]> = sequences.iter().map(Vec::as_slice).collect();
    let adam = Clipped { optimizer: Adam::default(), max_norm: 1.0 };
    measure("sequences", |step, labels| {
        network.train_step(Batch::from_sequences(&sequences, 6), labels, &adam, 0.002, step)
    });
}

/// Times training steps, all on one mini-batch.
fn measure(what: &str, mut train_step: impl FnMut(u64, &[u16]) -> StepStats) {
    let labels: Vec<u16> = (0..BATCH).map(|i| (i % 100) as u16).collect();
    let (mut times, mut losses) = (Vec::new(), Vec::new());
    for step in 0..STEPS {
        let start = Instant::now();
        losses.push(train_step(step as u64, &labels).loss);
        times.push(start.elapsed().as_secs_f64());
    }
    assert!(losses[STEPS - 1] < losses[0], "training on one batch must lower the loss: {losses:?}");
    times.sort_by(f64::total_cmp);
    let rate = |seconds: f64| BATCH as f64 / seconds;
    println!("{:.0} {what}/s at best, {:.0} in the median", rate(times[0]), rate(times[STEPS / 2]));
}
