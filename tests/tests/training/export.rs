//! The runtime computes from an exported network what the trainer computes in evaluation. This holds for the network as
//! exported, after each pass of graph optimization and from a model file, on every instruction set and for every form of weight.

use crate::toy;
use hccr_compress::{Codebook, LayerKind, LowRankPair, Trainer};
use hccr_constraint::Constraint;
use hccr_data::ImageSet;
use hccr_graph_opt::{PASSES, optimize};
use hccr_models::TrainerState;
use hccr_models::offline::OfflineTrainer;
use hccr_nn_train::Sgd;
use hccr_nn_train::layers::{Conv2d, Flatten, Linear, NormPReluPool};
use hccr_nn_train::{Batch, Layer, Mode, Network};
use hccr_random::Rng;
use hccr_runtime::shape::{Conv2dParams, LinearParams, Pool2dParams};
use hccr_runtime::{IsaKind, Model, Op, Plan, Session, WeightData};
use std::sync::{Arc, OnceLock};

/// Largest difference allowed, as a share of the sample's largest logit.
const TOLERANCE: f32 = 1e-4;
const LEARNING_RATE: f32 = 0.05;

/// The sets and a network trained long enough that its running statistics and slopes are no longer the initial ones.
fn trained() -> &'static ([ImageSet; 3], TrainerState<Sgd>) {
    static TRAINED: OnceLock<([ImageSet; 3], TrainerState<Sgd>)> = OnceLock::new();
    TRAINED.get_or_init(|| {
        let sets = toy::sets([20, 2, 1]);
        let mut trainer = OfflineTrainer::new(toy::untrained(&sets[0]), &sets[0], &sets[1]);
        trainer.train(15, LEARNING_RATE).expect("training that does not diverge");
        let state = trainer.state().clone();
        (sets, state)
    })
}

/// A copy of the trained network, changed and then trained a little more.
fn changed(change: impl FnOnce(&mut OfflineTrainer)) -> Network<f32> {
    let ([train, dev, _], state) = trained();
    let mut trainer = OfflineTrainer::new(state.clone(), train, dev);
    change(&mut trainer);
    trainer.train(12, LEARNING_RATE).expect("training that does not diverge");
    trainer.state().network.clone()
}

/// The largest difference between the logits of `model` and `want`, as a share of each sample's largest logit, over all
/// instruction sets.
fn largest_difference(model: &Model, inputs: &[Vec<f32>], want: &[Vec<f32>], what: &str) -> f32 {
    let mut largest = 0.0f32;
    for isa in IsaKind::available() {
        let mut session = Session::new(Arc::new(Plan::with_isa(model, isa).expect("a valid model")));
        for (input, want) in inputs.iter().zip(want) {
            let found = session.run(input).expect("an image of the network's size");
            assert_eq!(found.len(), want.len());
            let scale = want.iter().fold(0.0f32, |m, v| m.max(v.abs()));
            let difference = found.iter().zip(want).fold(0.0f32, |d, (y, want)| d.max((y - want).abs()));
            assert!(difference <= TOLERANCE * scale, "{what}, {isa}: {difference} of {scale}");
            largest = largest.max(difference / scale);
        }
    }
    largest
}

/// Compares the runtime with the trainer on the development images, for a network whose weights, but for the first layer,
/// are of `kind`.
fn check(mut network: Network<f32>, kind: fn(&WeightData) -> bool) {
    let dev = &trained().0[1];
    let images: Vec<&[u8]> = (0..dev.len()).map(|i| dev.image(i)).collect();
    let mean = network.mean.clone();
    let batch = || Batch::from_bytes(&images, [dev.size; 2], &mean);
    let want = network.forward(batch(), Mode::Eval).vectors();
    let inputs: Vec<Vec<f32>> = images.iter().map(|image| image.iter().map(|&v| f32::from(v)).collect()).collect();
    let exported = network.to_model(&dev.classes).expect("a valid model");
    assert!(matrices(&exported).skip(1).all(kind), "a weight was exported in another form");
    // Logits that hardly depend on the image would show nothing.
    let scale = want.iter().flatten().fold(0.0f32, |m, v| m.max(v.abs()));
    let differs = |pair: &[Vec<f32>]| pair[0].iter().zip(&pair[1]).any(|(a, b)| (a - b).abs() > 0.02 * scale);
    assert!(want.windows(2).all(differs), "{want:?}");

    let mut report = Vec::new();
    let mut hold = |what: &str, model: &Model| {
        let read = Model::from_bytes(&model.to_bytes()).expect("the bytes just written");
        assert_eq!(read, *model, "{what}: another model after writing and reading");
        report.push(format!("{what} {:.1e}", largest_difference(&read, &inputs, &want, what)));
        let mut back = Network::from_model(&read).expect("a model of layers that train");
        let found = back.forward(batch(), Mode::Eval).vectors();
        for (found, want) in found.iter().zip(&want) {
            let largest = want.iter().fold(0.0f32, |m, v| m.max(v.abs()));
            let difference = found.iter().zip(want).fold(0.0f32, |d, (y, want)| d.max((y - want).abs()));
            assert!(difference <= TOLERANCE * largest, "{what}, as a network again: {difference} of {largest}");
        }
    };
    hold("exported", &exported);
    let mut model = exported.clone();
    for pass in PASSES {
        hold(&format!("{} alone", pass.name), &(pass.run)(&exported));
        model = (pass.run)(&model);
        hold(&format!("up to {}", pass.name), &model);
    }
    let optimized = optimize(&exported);
    hold("optimized", &optimized);
    let mut unfolded = Network::from_model(&optimized).expect("a model of layers that train");
    unfolded.unfold_norms(batch());
    assert!(unfolded.norms_mut().count() > 2, "no batch normalization came back");
    // Its statistics are those of these images: measured anew they stay.
    let before: Vec<Vec<f64>> = unfolded.norms_mut().map(|norm| norm.running_mean.clone()).collect();
    unfolded.unfold_norms(batch());
    for (norm, before) in unfolded.norms_mut().zip(before) {
        let deviations = norm.running_var.iter().map(|var| var.sqrt());
        let moved = norm.running_mean.iter().zip(&before).zip(deviations).map(|((a, b), d)| (a - b).abs() / (d + 1e-3));
        assert!(moved.fold(0.0, f64::max) < 1e-2, "other statistics: {:?}, before {before:?}", norm.running_mean);
    }
    hold("unfolded", &unfolded.to_model(&dev.classes).expect("a valid model"));
    let left = |op: &Op| matches!(op, Op::BatchNorm { .. } | Op::PRelu { .. } | Op::Dropout { .. } | Op::Identity);
    assert!(!optimized.nodes().iter().any(|n| left(&n.op)), "a pass had no effect");
    assert!(matrices(&optimized).skip(1).all(kind), "a pass changed the form of a weight");
    println!("{}", report.join(", "));
}

/// The weights of convolutions and fully connected layers.
fn matrices(model: &Model) -> impl Iterator<Item = &WeightData> {
    model.nodes().iter().filter_map(|node| match node.op {
        Op::Conv2d { weight, .. } | Op::Linear { weight, .. } => Some(&model.weight(weight).data),
        _ => None,
    })
}

/// Every convolution but the first as a pair, at a rank of its output channels (a third of the largest).
fn expand(trainer: &mut OfflineTrainer) {
    for layer in trainer.layers().iter().skip(1) {
        if let LayerKind::Conv2d(params) = layer.kind {
            let weight = trainer.weight(&layer.name).expect("a layer of the network");
            let pair = LowRankPair::from_svd(&weight, &layer.kind, params.out_channels).expect("a rank that fits");
            trainer.expand(&layer.name, pair).expect("a pair that fits");
        }
    }
}

/// Drops weights of every layer but the first at random: a tenth of them, then more and more, up to 60 %.
fn mask(trainer: &mut OfflineTrainer) {
    let layers = trainer.layers();
    let mut rng = Rng::new(3, 0);
    for (i, layer) in layers.iter().enumerate().skip(1) {
        let density = 0.9 - 0.5 * i as f32 / layers.len() as f32;
        let keep = (0..layer.weights()).map(|_| rng.chance(density)).collect();
        trainer.set_constraint(&layer.name, Constraint::Mask(keep)).expect("one entry a weight");
    }
}

/// Makes the non-zero weights of every layer but the first share 15 values.
fn share(trainer: &mut OfflineTrainer) {
    for layer in trainer.layers().iter().skip(1) {
        let weight = trainer.weight(&layer.name).expect("a layer of the network");
        let codebook = Codebook::new(&weight, 4).expect("finite weights");
        let values: Vec<f32> = codebook.values().collect();
        trainer.set_weight(&layer.name, &values).expect("one value a weight");
        trainer.set_constraint(&layer.name, Constraint::Shared(codebook.labels)).expect("one label a weight");
    }
}

fn is_dense(weight: &WeightData) -> bool {
    matches!(weight, WeightData::Dense(_))
}

fn is_sparse(weight: &WeightData) -> bool {
    matches!(weight, WeightData::Sparse { .. })
}

fn is_codebook(weight: &WeightData) -> bool {
    matches!(weight, WeightData::Codebook { .. })
}

#[test]
fn the_network_has_left_its_initial_state() {
    let model = trained().1.network.to_model(&[]).expect("a valid model");
    let find = |name: &str| model.weights().iter().find(|w| w.name == name).expect("an exported weight").to_dense();
    for layer in ["conv1", "conv3", "conv5_2", "fc1"] {
        let mean = find(&format!("{layer}.act.norm.mean"));
        let slope = find(&format!("{layer}.act.slope"));
        assert!(mean.iter().all(|&m| m != 0.0), "{layer}: the running mean has not moved");
        assert!(slope.iter().all(|&s| s != 0.25), "{layer}: the slopes have not moved");
    }
}

#[test]
fn dense() {
    check(changed(|_| ()), is_dense);
}

#[test]
fn masked() {
    check(changed(mask), is_sparse);
}

#[test]
fn shared() {
    check(changed(share), is_codebook);
}

#[test]
fn low_rank() {
    check(changed(expand), is_dense);
}

#[test]
fn low_rank_masked_and_shared() {
    let all = |trainer: &mut OfflineTrainer| {
        expand(trainer);
        mask(trainer);
        share(trainer);
    };
    check(changed(all), is_codebook);
}

/// What HCCR-CNN9Layer does not have: biases before a batch normalization, affine parameters, a stride.
#[test]
fn biases_affine_batch_norm_and_strides() {
    let ([train, dev, _], _) = trained();
    let mut rng = Rng::new(5, 0);
    let mut network = Network::new([1, train.size, train.size]);
    let norm = |name, channels| NormPReluPool::new(name, channels).with_norm(true);
    let strided = Conv2dParams { stride: [3, 4], ..Conv2dParams::same(1, 7, [5, 3]) };
    let features = LinearParams { in_features: 9 * 16 * 12, out_features: 10 };
    let classes = LinearParams { in_features: 10, out_features: train.classes.len() };
    for layer in [
        Layer::Conv2d(Conv2d::new("conv1", strided, true, &mut rng)),
        Layer::Norm(norm("act1", 7).with_prelu()),
        Layer::Conv2d(Conv2d::new("conv2", Conv2dParams::same(7, 9, [3, 3]), true, &mut rng)),
        Layer::Norm(norm("act2", 9).with_pool(Pool2dParams::THESIS)),
        Layer::Flatten(Flatten::default()),
        Layer::Linear(Linear::new("fc1", features, &mut rng)),
        Layer::Norm(norm("act3", 10).with_prelu()),
        Layer::Linear(Linear::new("fc2", classes, &mut rng)),
    ] {
        network.push(layer).expect("layers that fit each other");
    }
    let state = TrainerState { network, ..trained().1.clone() };
    let mut trainer = OfflineTrainer::new(state, train, dev);
    trainer.train(15, LEARNING_RATE).expect("training that does not diverge");
    check(trainer.state().network.clone(), is_dense);
}
