//! Every backward pass against central differences, in f64.

use hccr_nn_train::batch::{Batch, CHUNK_IMAGES, Chunk};
use hccr_nn_train::layers::{Conv2d, Dropout, Flatten, Linear, Lstm, MeanOverTime, NormPReluPool};
use hccr_nn_train::sequence::CHUNK_SEQUENCES;
use hccr_nn_train::{Layer, Mode, Network, softmax_cross_entropy};
use hccr_random::Rng;
use hccr_runtime::shape::{Conv2dParams, LinearParams, Pool2dParams};

const MODE: Mode = Mode::Train { seed: 7 };

/// A batch of two chunks, the second one short, so that sums across chunks are covered.
fn random_batch(shape: [usize; 3], rng: &mut Rng) -> Batch<f64> {
    let len: usize = shape.iter().product();
    let mut chunk = |images: usize| Chunk { images, data: (0..images * len).map(|_| rng.normal().into()).collect() };
    Batch::new(shape, vec![chunk(CHUNK_IMAGES), chunk(3)])
}

fn dot(a: &Batch<f64>, b: &Batch<f64>) -> f64 {
    let pairs = a.chunks.iter().zip(&b.chunks).flat_map(|(a, b)| a.data.iter().zip(&b.data));
    pairs.map(|(a, b)| a * b).sum()
}

/// Two chunks of sequences of 1 to 9 steps, in no order, the second chunk short and of one step each.
fn random_sequences(features: usize, rng: &mut Rng) -> Batch<f64> {
    let lengths = (0..CHUNK_SEQUENCES).map(|_| 1 + rng.below(9)).chain([1, 1]).collect::<Vec<_>>();
    let values = |steps| (0..steps * features).map(|_| rng.normal()).collect();
    let sequences: Vec<Vec<f32>> = lengths.into_iter().map(values).collect();
    Batch::from_sequences(&sequences.iter().map(Vec::as_slice).collect::<Vec<_>>(), features)
}

fn check(layer: Layer<f64>, input: [usize; 3]) {
    check_on(layer, random_batch(input, &mut Rng::new(12, 0)));
}

fn check_on_sequences(layer: Layer<f64>, features: usize) {
    check_on(layer, random_sequences(features, &mut Rng::new(12, 0)));
}

/// Compares the gradients of `sum(r * layer(x))` for random `r` with central differences, at places drawn at random.
fn check_on(mut layer: Layer<f64>, x: Batch<f64>) {
    let mut rng = Rng::new(11, 0);
    for param in layer.params_mut() {
        for v in &mut param.value {
            *v += 0.3 * f64::from(rng.normal());
        }
    }
    let clean = layer.clone();
    let y = layer.forward(x.clone(), MODE);
    assert_eq!(y.shape, layer.output_shape(x.shape));
    let mut r = y.clone();
    r.chunks.iter_mut().flat_map(|c| &mut c.data).for_each(|v| *v = rng.normal().into());
    let value = |mut layer: Layer<f64>, x: &Batch<f64>| dot(&layer.forward(x.clone(), MODE), &r);
    let dx = layer.backward(r.clone(), true);
    assert_eq!((dx.shape, &dx.packings), (x.shape, &x.packings));
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
        // Few channels and many have ways of their own.
        for (in_channels, bias) in [(2, false), (2, true), (9, false)] {
            let params = Conv2dParams { in_channels, out_channels: in_channels + 1, kernel_size, stride, padding };
            check(Layer::Conv2d(Conv2d::new("conv", params, bias, &mut rng)), [in_channels, 7, 6]);
        }
    }
}

#[test]
fn linear_and_flatten() {
    // The second has more rows, and more columns, than one thread computes.
    for [in_features, out_features] in [[10, 4], [130, 133]] {
        let params = LinearParams { in_features, out_features };
        check(Layer::Linear(Linear::new("fc", params, &mut Rng::new(1, 0))), [in_features, 1, 1]);
    }
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
    // Over vectors: batch normalization 1d.
    check(Layer::Norm(NormPReluPool::new("act", 6).with_norm(true).with_prelu()), [6, 1, 1]);
}

#[test]
fn layers_on_sequences() {
    let mut rng = Rng::new(1, 0);
    let params = LinearParams { in_features: 5, out_features: 4 };
    check_on_sequences(Layer::Linear(Linear::new("fc", params, &mut rng)), 5);
    check_on_sequences(Layer::Dropout(Dropout::new("dropout", 0.4)), 5);
    check_on_sequences(Layer::MeanOverTime(MeanOverTime::default()), 5);
    check_on_sequences(Layer::Lstm(Lstm::new("lstm", 3, &mut rng)), 12);
}

#[test]
fn factors() {
    let mut rng = Rng::new(1, 0);
    let mut network = Network::of_sequences(5);
    for layer in Layer::lstm("lstm", 5, 4, &mut rng) {
        network.push(layer).unwrap();
    }
    for (layer, [out, of]) in [("lstm_x", [16, 5]), ("lstm_h", [16, 4])] {
        let mut random = |len: usize| (0..len).map(|_| rng.normal().into()).collect::<Vec<f64>>();
        network.factorize(layer, 3, random(3 * of), random(out * 3)).unwrap();
    }
    assert_eq!(network.layers().len(), 3);
    check_on_sequences(network.layers()[0].clone(), 5);
    check_on_sequences(network.layers()[1].clone(), 3);
    check_on_sequences(network.layers()[2].clone(), 16);
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

fn same(a: f64, b: f64, what: &str) {
    assert!((a - b).abs() < 1e-9 * (1.0 + b.abs()), "{what}: {a} {b}");
}

/// Outputs and gradients of a network, which computes some layers as one, against those of the same layers one by one.
fn together_as_apart(network: &mut Network<f64>, apart: &mut [Layer<f64>], x: Batch<f64>, rng: &mut Rng) {
    let whole = network.forward(x.clone(), MODE);
    let parts = apart.iter_mut().fold(x, |x, layer| layer.forward(x, MODE));
    assert_eq!((whole.shape, whole.chunks.len()), (parts.shape, parts.chunks.len()));
    let values = |batch: &Batch<f64>| batch.chunks.iter().flat_map(|c| c.data.clone()).collect::<Vec<_>>();
    values(&whole).iter().zip(values(&parts)).for_each(|(&a, b)| same(a, b, "output"));

    let mut gradient = parts;
    gradient.chunks.iter_mut().flat_map(|c| &mut c.data).for_each(|v| *v = rng.normal().into());
    network.backward(gradient.clone());
    for (i, layer) in apart.iter_mut().enumerate().rev() {
        gradient = layer.backward(gradient, i > 0);
    }
    for (whole, part) in network.params_mut().zip(apart.iter_mut().flat_map(Layer::params_mut)) {
        assert_eq!((&whole.name, whole.grad.len()), (&part.name, part.grad.len()));
        assert!(!part.grad.is_empty(), "{} has no gradient", part.name);
        whole.grad.iter().zip(&part.grad).for_each(|(&a, &b)| same(a, b, &whole.name));
    }
}

/// The first convolution and its normalization, which a network trains as one, against each of them alone.
#[test]
fn the_first_layers_as_one_are_what_they_are_apart() {
    for (affine, prelu, pool, size) in [
        (false, true, Pool2dParams::THESIS, [12, 12]),
        (true, true, Pool2dParams::THESIS, [9, 37]),
        (true, false, Pool2dParams { kernel_size: [2, 2], stride: [2, 2], ceil_mode: false }, [20, 6]),
    ] {
        let mut rng = Rng::new(13, 0);
        let input = [1, size[0], size[1]];
        let mut network = Network::<f64>::new(input);
        let conv = Conv2dParams::same(1, 5, [3, 3]);
        network.push(Layer::Conv2d(Conv2d::new("conv", conv, false, &mut rng))).unwrap();
        let act = NormPReluPool::new("act", 5).with_norm(affine).with_pool(pool);
        network.push(Layer::Norm(if prelu { act.with_prelu() } else { act })).unwrap();
        for param in network.params_mut() {
            // Slopes of both signs, so that not every maximum of the outputs is one of the convolution's.
            param.value.iter_mut().for_each(|v| *v += 0.5 * f64::from(rng.normal()));
        }
        let mut apart = network.layers().to_vec();
        let mut x = random_batch(input, &mut rng);
        x.chunks.iter_mut().flat_map(|c| &mut c.data).for_each(|v| *v = 3.0 * *v + 2.0);

        together_as_apart(&mut network, &mut apart, x, &mut rng);
        let statistics = |layer: &Layer<f64>| match layer {
            Layer::Norm(layer) => {
                let norm = layer.norm.as_ref().unwrap();
                [norm.running_mean.clone(), norm.running_var.clone()].concat()
            }
            _ => unreachable!("the second layer is the normalization"),
        };
        let together = statistics(&network.layers()[1]);
        together.iter().zip(statistics(&apart[1])).for_each(|(&a, b)| same(a, b, "statistics"));
    }
}

/// An LSTM and the linear layer before it, which a network computes as one, against each of them alone: behind another layer, to which a
/// gradient goes, and as the first ones.
#[test]
fn an_lstm_and_the_layer_before_it_as_one_are_what_they_are_apart() {
    for (factors, bias, first) in [(false, true, true), (true, true, false), (false, false, false), (true, false, true)]
    {
        let mut rng = Rng::new(14, 0);
        let (features, hidden_size) = (5, 7);
        let mut network = Network::<f64>::of_sequences(features);
        if !first {
            let params = LinearParams { in_features: features, out_features: features };
            network.push(Layer::Linear(Linear::new("fc", params, &mut rng))).unwrap();
        }
        for mut layer in Layer::lstm("lstm", features, hidden_size, &mut rng) {
            if let Layer::Linear(layer) = &mut layer {
                layer.bias = layer.bias.take().filter(|_| bias);
            }
            network.push(layer).unwrap();
        }
        if factors {
            let mut draw = |len: usize| (0..len).map(|_| f64::from(rng.normal())).collect();
            let (v, u) = (draw(3 * hidden_size), draw(4 * hidden_size * 3));
            network.factorize("lstm_h", 3, v, u).unwrap();
        }
        let mut apart = network.layers().to_vec();
        let x = random_sequences(features, &mut rng);
        together_as_apart(&mut network, &mut apart, x, &mut rng);
    }
}
