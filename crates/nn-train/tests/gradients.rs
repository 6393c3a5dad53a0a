//! Every backward pass against central differences, in f64.

use hccr_nn_train::batch::{Batch, CHUNK_IMAGES, Chunk};
use hccr_nn_train::layers::{Conv2d, Dropout, Flatten, Linear, NormPReluPool};
use hccr_nn_train::{Layer, Mode, softmax_cross_entropy};
use hccr_runtime::shape::{Conv2dParams, LinearParams, Pool2dParams};
use hccr_tensor::Rng;

const MODE: Mode = Mode::Train { seed: 7 };

/// A batch of two chunks, the second one short, so that sums across chunks are covered.
fn random_batch(shape: [usize; 3], rng: &mut Rng) -> Batch<f64> {
    let len: usize = shape.iter().product();
    let mut chunk = |images: usize| Chunk { images, data: (0..images * len).map(|_| rng.normal().into()).collect() };
    Batch { shape, chunks: vec![chunk(CHUNK_IMAGES), chunk(3)] }
}

fn dot(a: &Batch<f64>, b: &Batch<f64>) -> f64 {
    let pairs = a.chunks.iter().zip(&b.chunks).flat_map(|(a, b)| a.data.iter().zip(&b.data));
    pairs.map(|(a, b)| a * b).sum()
}

/// Compares the gradients of `sum(r * layer(x))` for random `r` with central differences, at places drawn at random.
fn check(mut layer: Layer<f64>, input: [usize; 3]) {
    let mut rng = Rng::new(11, 0);
    for param in layer.params_mut() {
        for v in &mut param.value {
            *v += 0.3 * f64::from(rng.normal());
        }
    }
    let x = random_batch(input, &mut rng);
    let r = random_batch(layer.output_shape(input), &mut rng);
    let clean = layer.clone();
    let value = |mut layer: Layer<f64>, x: &Batch<f64>| dot(&layer.forward(x.clone(), MODE), &r);

    let y = layer.forward(x.clone(), MODE);
    assert_eq!(y.shape, r.shape);
    let dx = layer.backward(r.clone(), true);
    assert_eq!(dx.shape, x.shape);
    let step = 1e-5;
    let close = |got: f64, want: f64, what: &str| {
        assert!((got - want).abs() <= 1e-6 * (1.0 + want.abs()), "{what}: gradient {got}, central difference {want}");
    };
    for _ in 0..60 {
        let c = rng.below(2);
        let i = rng.below(x.chunks[c].data.len());
        let moved = |by: f64| {
            let mut x = x.clone();
            x.chunks[c].data[i] += by;
            value(clean.clone(), &x)
        };
        close(dx.chunks[c].data[i], (moved(step) - moved(-step)) / (2.0 * step), "input");
    }
    let count = layer.params_mut().len();
    for p in 0..count {
        let (name, grad) = (layer.params_mut()[p].name.clone(), layer.params_mut()[p].grad.clone());
        for _ in 0..40 {
            let i = rng.below(grad.len());
            let moved = |by: f64| {
                let mut layer = clean.clone();
                layer.params_mut()[p].value[i] += by;
                value(layer, &x)
            };
            close(grad[i], (moved(step) - moved(-step)) / (2.0 * step), &name);
        }
    }
}

#[test]
fn conv2d() {
    let mut rng = Rng::new(1, 0);
    for (kernel_size, stride, padding) in [
        ([3, 3], [1, 1], [1, 1]),
        ([3, 1], [1, 1], [1, 0]),
        ([1, 3], [1, 1], [0, 1]),
        ([1, 1], [1, 1], [0, 0]),
        ([5, 2], [2, 3], [3, 1]),
    ] {
        for bias in [false, true] {
            let params = Conv2dParams { in_channels: 2, out_channels: 3, kernel_size, stride, padding };
            check(Layer::Conv2d(Conv2d::new("conv", params, bias, &mut rng)), [2, 7, 6]);
        }
    }
}

#[test]
fn linear_and_flatten() {
    let params = LinearParams { in_features: 10, out_features: 4 };
    check(Layer::Linear(Linear::new("fc", params, &mut Rng::new(1, 0))), [10, 1, 1]);
    check(Layer::Flatten(Flatten::default()), [3, 4, 5]);
}

#[test]
fn dropout() {
    check(Layer::Dropout(Dropout::new("dropout", 0.4)), [10, 1, 1]);
}

#[test]
fn batch_norm_prelu_and_pooling_in_every_combination() {
    let pools = [
        None,
        Some(Pool2dParams::THESIS),
        Some(Pool2dParams { kernel_size: [2, 2], stride: [2, 2], ceil_mode: false }),
        Some(Pool2dParams { kernel_size: [2, 3], stride: [1, 2], ceil_mode: true }),
    ];
    for norm in [None, Some(false), Some(true)] {
        for prelu in [false, true] {
            for pool in pools {
                let mut layer = NormPReluPool::new("act", 3);
                layer = if let Some(affine) = norm { layer.with_norm(affine) } else { layer };
                layer = if prelu { layer.with_prelu() } else { layer };
                layer = if let Some(pool) = pool { layer.with_pool(pool) } else { layer };
                check(Layer::Norm(layer), [3, 8, 7]);
            }
        }
    }
    // Over vectors: batch normalisation 1d.
    check(Layer::Norm(NormPReluPool::new("act", 6).with_norm(true).with_prelu()), [6, 1, 1]);
}

#[test]
fn cross_entropy() {
    let mut rng = Rng::new(5, 0);
    let logits = random_batch([7, 1, 1], &mut rng);
    let labels: Vec<u16> = (0..logits.images()).map(|_| rng.below(7) as u16).collect();
    let (stats, gradient) = softmax_cross_entropy(&logits, &labels);
    assert_eq!(stats.samples, CHUNK_IMAGES + 3);
    for _ in 0..60 {
        let c = rng.below(2);
        let i = rng.below(logits.chunks[c].data.len());
        let moved = |by: f64| {
            let mut logits = logits.clone();
            logits.chunks[c].data[i] += by;
            softmax_cross_entropy(&logits, &labels).0.loss
        };
        let want = (moved(1e-5) - moved(-1e-5)) / 2e-5;
        assert!((gradient.chunks[c].data[i] - want).abs() < 1e-8);
    }
}
