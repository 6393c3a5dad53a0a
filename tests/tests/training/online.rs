//! The online pipeline end to end on a toy: train, decompose, analyse, prune, share, optimize, write, recognize.

use crate::toy_ink;
use hccr_compress::{
    Adw, AdwConfig, BlockShapes, Budget, Cra, CraConfig, MatrixRanks, Phase, Schedule, Sharing, SharingConfig,
    Strategy, Svd, SvdConfig, Trainer, cost,
};
use hccr_data::InkSet;
use hccr_graph_opt::optimize;
use hccr_models::online::{OnlineTrainer, SequenceSet};
use hccr_models::{SampleSet, TrainerState};
use hccr_nn_train::{Adam, Clipped, Network, checkpoint};
use hccr_runtime::ink::Ink;
use hccr_runtime::{InkRecognizer, Model};
use std::fs;

/// Share of the test writers' ink that must be recognized at the end.
const ACCURACY: f64 = 0.8;
/// What pruning leaves of the baseline's multiply-accumulates.
const MACS_RATIO: u64 = 8;

fn phase(steps: usize, peak: f32) -> Phase {
    Phase::new(Schedule { peak, warm_up: 0, steps, floor: 0.01 }, 10, 0)
}

/// Multiply-accumulates on all weights and on non-zero ones, for inks of this many time steps.
fn macs(model: &Model, steps: f64) -> [u64; 2] {
    let costs = model.costs();
    let sum = |macs: fn(&hccr_runtime::LayerCost) -> u64| {
        costs.iter().map(|c| macs(c) as f64 * c.runs(steps)).sum::<f64>() as u64
    };
    [sum(|c| c.dense_macs), sum(|c| c.nonzero_macs)]
}

/// Prunes to the end of `adw`; half-way, saves everything and starts over from the file. Both must end the same.
fn prune_twice(mut adw: Adw, trainer: &mut OnlineTrainer, train: &SequenceSet, dev: &SequenceSet) {
    let dir = tempfile::tempdir().expect("a folder for checkpoints");
    let [middle, end, resumed_end] = ["middle", "end", "resumed-end"].map(|name| dir.path().join(name));
    for _ in 0..5 {
        adw.advance(trainer).expect("an interval of pruning");
    }
    checkpoint::save(&middle, &(trainer.state(), &adw)).expect("a checkpoint");
    while !adw.is_done() {
        adw.advance(trainer).expect("an interval of pruning");
    }
    checkpoint::save(&end, &(trainer.state(), &adw)).expect("a checkpoint");
    let (state, mut resumed): (TrainerState<Clipped<Adam>>, Adw) =
        checkpoint::load(&middle).expect("the checkpoint just saved");
    let mut trainer = OnlineTrainer::new(state, train, dev);
    while !resumed.is_done() {
        resumed.advance(&mut trainer).expect("an interval of pruning");
    }
    checkpoint::save(&resumed_end, &(trainer.state(), &resumed)).expect("a checkpoint");
    let [end, resumed_end] = [end, resumed_end].map(|path| fs::read(path).expect("a checkpoint"));
    assert!(end == resumed_end, "the resumed pruning is not the uninterrupted one bit for bit");
}

/// Share of `inks` that `recognizer` reads.
fn recognized(recognizer: &mut InkRecognizer, inks: &InkSet) -> f64 {
    let right = (0..inks.len()).filter(|&i| {
        let candidates = recognizer.recognize(&Ink::new(&inks.ink(i)).expect("an ink with points"), 1);
        candidates[0].character == inks.classes[usize::from(inks.labels[i])]
    });
    right.count() as f64 / inks.len() as f64
}

#[test]
fn a_network_is_trained_compressed_and_recognizes() {
    let [train, dev, test] = toy_ink::sets();
    let mut trainer = toy_ink::trained(&train, &dev);
    let file = |trainer: &OnlineTrainer| {
        trainer.state().network.to_model(&train.inks().classes).expect("a valid model").to_bytes()
    };
    let steps = train.mean_steps().round();
    let baseline = file(&trainer);

    let ranks = [("lstm1_h", 10), ("lstm2_x", 10), ("lstm2_h", 14)].map(|(name, rank)| (name.into(), rank)).into();
    let config = SvdConfig { ranks: MatrixRanks::PerLayer(ranks), phase: phase(60, 0.003) };
    let mut svd = Svd::new(config, &trainer.layers()).expect("matrices of the network");
    while !svd.is_done() {
        svd.advance(&mut trainer).expect("an interval of training");
    }
    let low_rank = file(&trainer);

    let config = CraConfig {
        layers: Vec::new(),
        grid: vec![0.4, 0.6, 0.8],
        block: BlockShapes::SINGLE,
        stop_drop: 0.2,
        max_sparsity: 0.95,
    };
    let layers = trainer.layers();
    let mut cra = Cra::new(config, &layers).expect("a valid configuration");
    while !cra.is_done() {
        cra.advance(&mut trainer).expect("a measurement");
    }
    let model = |bytes: &[u8]| Model::from_bytes(bytes).expect("the bytes just written");
    let budget = Budget { nonzero_macs: Some(macs(&model(&baseline), steps)[0] / MACS_RATIO), nonzeros: None };
    let targets = cra.targets_for_budget(&layers, budget).expect("a budget within reach").ratios;
    let planned = cost(&layers, &targets).0;

    let config = AdwConfig {
        strategy: Strategy::Adaptive,
        targets,
        block: BlockShapes::SINGLE,
        phase: phase(200, 0.004),
        ramp_steps: 100,
    };
    prune_twice(Adw::new(config, &layers).expect("a valid configuration"), &mut trainer, &train, &dev);
    let pruned = file(&trainer);

    let centres = layers.iter().map(|layer| (layer.name.clone(), 4)).collect();
    let config = SharingConfig { layers: centres, phase: phase(40, 0.001) };
    let mut sharing = Sharing::new(config, &layers).expect("a valid configuration");
    while !sharing.is_done() {
        sharing.advance(&mut trainer).expect("an interval of sharing");
    }
    let shared = file(&trainer);
    let optimized = optimize(&model(&shared)).to_bytes();

    let [dense, nonzero] = macs(&model(&pruned), steps);
    assert_eq!(
        (macs(&model(&low_rank), steps)[0], planned),
        (dense, nonzero),
        "pruning keeps the shapes, and to the plan"
    );
    assert!(Some(nonzero) <= budget.nonzero_macs);
    let sizes = [&baseline, &low_rank, &pruned, &shared, &optimized].map(Vec::len);
    assert!(sizes.windows(2).all(|w| w[1] <= w[0]) && sizes[4] * 8 < sizes[0], "{sizes:?}");

    let again = Network::from_model(&model(&optimized)).expect("a model of layers that train");
    let state = TrainerState { network: again, ..trainer.state().clone() };
    let (mut again, read) = (OnlineTrainer::new(state, &train, &dev), trainer.evaluate().expect("finite answers"));
    assert_eq!(again.evaluate().expect("finite answers"), read, "a network made of the model again");

    let mut recognizer = InkRecognizer::from_bytes(&optimized).expect("an online network");
    let inks = test.inks();
    let accuracy = recognized(&mut recognizer, inks);
    println!("{accuracy:.3} of the test ink, {sizes:?} bytes");
    assert!(accuracy >= ACCURACY, "{accuracy}");
}
