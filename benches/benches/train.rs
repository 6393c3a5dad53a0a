//! Training speed: images a second of a quarter-width CNN9 at batch 128, on all cores.
//!
//! `cargo bench -p hccr-benches --bench train`

use hccr_models::offline::cnn9;
use hccr_nn_train::{Batch, Sgd};
use hccr_tensor::Rng;
use std::time::Instant;

const BATCH: usize = 128;
const STEPS: usize = 12;

fn main() {
    hccr_tensor::blas::use_one_thread().expect("a BLAS library that can run under rayon");
    let mut rng = Rng::new(1, 0);
    let mut network = cnn9::<f32>(100, 0.25, 0.0, &mut rng).expect("the architecture is sound");
    let images: Vec<Vec<u8>> = (0..BATCH).map(|_| (0..96 * 96).map(|_| rng.below(256) as u8).collect()).collect();
    let images: Vec<&[u8]> = images.iter().map(Vec::as_slice).collect();
    let labels: Vec<u16> = (0..BATCH).map(|i| (i % 100) as u16).collect();
    let sgd = Sgd { momentum: 0.9, weight_decay: 0.0 };
    let (mut times, mut losses) = (Vec::new(), Vec::new());
    for step in 0..STEPS {
        let start = Instant::now();
        let batch = Batch::from_bytes(&images, [96, 96], &network.mean);
        losses.push(network.train_step(batch, &labels, &sgd, 0.02, step as u64).loss);
        times.push(start.elapsed().as_secs_f64());
    }
    assert!(losses[STEPS - 1] < losses[0], "training on one batch must lower the loss: {losses:?}");
    times.sort_by(f64::total_cmp);
    let rate = |seconds: f64| BATCH as f64 / seconds;
    println!("{:.0} images/s at best, {:.0} in the median", rate(times[0]), rate(times[STEPS / 2]));
}
