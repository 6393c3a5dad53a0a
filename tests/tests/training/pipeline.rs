//! The offline pipeline end to end on a toy: train, expand, analyse, prune, share, optimize, quantize, write, recognize.

use crate::toy;
use hccr_compress::{
    Adw, AdwConfig, BlockShapes, Budget, Cra, CraConfig, Gslre, GslreConfig, Phase, Ranks, Schedule, Sharing,
    SharingConfig, Strategy, Trainer, cost, quantize,
};
use hccr_data::ImageSet;
use hccr_graph_opt::optimize;
use hccr_models::offline::OfflineTrainer;
use hccr_models::{SampleSet, TrainerState};
use hccr_nn_train::{Sgd, checkpoint, evaluate};
use hccr_runtime::image::{Image, PixelFormat};
use hccr_runtime::{Model, Recognizer};
use std::fs;

/// Share of the test images that must be recognized after every stage; chance gives one in six.
const ACCURACY: f32 = 0.6;
/// What pruning leaves of the baseline's multiply-accumulates and weights.
const MACS_RATIO: u64 = 4;
const WEIGHTS_RATIO: u64 = 5;

fn phase(steps: usize, peak: f32) -> Phase {
    Phase::new(Schedule { peak, warm_up: 0, steps, floor: 0.01 }, 5, 0)
}

/// What a stage left: accuracy on the test set, the model file, and the model read from it.
struct Stage {
    accuracy: f32,
    bytes: usize,
    model: Model,
}

impl Stage {
    fn new(name: &str, trainer: &OfflineTrainer, test: &ImageSet) -> Self {
        let mut network = trainer.state().network.clone();
        let images: Vec<&[u8]> = (0..test.len()).map(|i| test.image(i)).collect();
        let accuracy = evaluate(&mut network, &images, &test.labels).top1_accuracy();
        let file = network.to_model(&test.classes).expect("a valid model").to_bytes();
        let model = Model::from_bytes(&file).expect("the bytes just written");
        let stage = Self { accuracy, bytes: file.len(), model };
        let (dense, nonzero) = stage.macs();
        println!("{name}: {accuracy:.3}, {} bytes, {dense} MACs, {nonzero} on non-zeros", stage.bytes);
        assert!(accuracy >= ACCURACY, "{name} recognizes {accuracy}");
        stage
    }

    /// Multiply-accumulates on all weights and on non-zero ones.
    fn macs(&self) -> (u64, u64) {
        let costs = self.model.costs();
        (costs.iter().map(|c| c.dense_macs).sum(), costs.iter().map(|c| c.nonzero_macs).sum())
    }
}

/// Prunes to the end of `adw`; half-way, saves everything and starts over from the file. Both must end the same.
fn prune_twice(mut adw: Adw, trainer: &mut OfflineTrainer, [train, dev, _]: &[ImageSet; 3]) -> Adw {
    let dir = tempfile::tempdir().expect("a folder for checkpoints");
    let [middle, end, resumed_end] = ["middle", "end", "resumed-end"].map(|name| dir.path().join(name));
    for _ in 0..4 {
        adw.advance(trainer).expect("an interval of pruning");
    }
    assert!(!adw.is_done() && adw.sparsity().any(|(_, s)| s > 0.0), "not the middle");
    checkpoint::save(&middle, &(trainer.state(), &adw)).expect("a checkpoint");
    while !adw.is_done() {
        adw.advance(trainer).expect("an interval of pruning");
    }
    checkpoint::save(&end, &(trainer.state(), &adw)).expect("a checkpoint");

    let (state, mut resumed): (TrainerState<Sgd>, Adw) = checkpoint::load(&middle).expect("the checkpoint just saved");
    let mut trainer = OfflineTrainer::new(state, train, dev);
    while !resumed.is_done() {
        resumed.advance(&mut trainer).expect("an interval of pruning");
    }
    checkpoint::save(&resumed_end, &(trainer.state(), &resumed)).expect("a checkpoint");
    let [middle, end, resumed_end] = [middle, end, resumed_end].map(|path| fs::read(path).expect("a checkpoint"));
    assert!(middle != end, "nothing happened after the checkpoint");
    assert!(end == resumed_end, "the resumed pruning is not the uninterrupted one bit for bit");
    adw
}

/// Share of `test`, drawn dark on white as a scanner gives it, that `recognizer` reads.
fn recognized(recognizer: &mut Recognizer, test: &ImageSet) -> f32 {
    let correct = (0..test.len()).filter(|&i| {
        let scan: Vec<u8> = test.image(i).iter().map(|ink| 255 - ink).collect();
        let scan = Image::new(&scan, test.size, test.size, PixelFormat::Gray).expect("a square image");
        let candidates = recognizer.recognize(&scan, 3).expect("an image with ink");
        assert_eq!(candidates.len(), 3);
        assert!(candidates.windows(2).all(|w| w[0].probability >= w[1].probability));
        candidates[0].character == test.classes[usize::from(test.labels[i])]
    });
    correct.count() as f32 / test.len() as f32
}

#[test]
fn a_network_is_trained_compressed_and_recognizes() {
    let sets = toy::sets([50, 6, 16]);
    let [train, dev, test] = &sets;
    let mut trainer = OfflineTrainer::new(toy::untrained(train), train, dev);

    let mut stage = Phase::new(Schedule { peak: 0.1, warm_up: 5, steps: 65, floor: 0.0 }, 10, 0);
    while !stage.is_done() {
        stage.advance(&mut trainer).expect("training that does not diverge");
    }
    let baseline = Stage::new("baseline", &trainer, test);

    let config = GslreConfig { ranks: Ranks::Speedup(4.0), layer_phase: phase(2, 0.02), joint_phase: phase(15, 0.04) };
    let mut stage = Gslre::new(config, &trainer.layers()).expect("3x3 kernels");
    while !stage.is_done() {
        stage.advance(&mut trainer).expect("an interval of expansion");
    }
    let gslre = Stage::new("gslre", &trainer, test);

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
    let before = trainer.weight("fc1").expect("a layer of the network");
    assert!(before.iter().all(|&w| w != 0.0), "the analysis left its mark");
    let budget = Budget {
        nonzero_macs: Some(baseline.macs().0 / MACS_RATIO),
        nonzeros: Some(baseline.model.weight_elements() as u64 / WEIGHTS_RATIO),
    };
    let targets = cra.targets_for_budget(&layers, budget).expect("a budget within reach").ratios;

    let config = AdwConfig {
        strategy: Strategy::Adaptive,
        targets: targets.clone(),
        block: BlockShapes::SINGLE,
        phase: phase(40, 0.04),
        ramp_steps: 25,
    };
    let adw = Adw::new(config, &layers).expect("a valid configuration");
    let adw = prune_twice(adw, &mut trainer, &sets);
    for ((name, sparsity), (_, target)) in adw.sparsity().zip(&targets) {
        let weight = trainer.weight(name).expect("a layer of the network");
        let zeros = weight.iter().filter(|&&w| w == 0.0).count() as f32;
        let one = 1.0 / weight.len() as f32;
        assert!((sparsity - target).abs() <= one, "{name}: {sparsity} dropped, {target} wanted");
        assert!((zeros * one - target).abs() <= one, "{name}: {zeros} zeros, {target} wanted");
    }
    let planned = cost(&layers, &targets);
    let adw = Stage::new("adw", &trainer, test);

    let centres = layers.iter().map(|layer| (layer.name.clone(), 5)).collect();
    let config = SharingConfig { layers: centres, phase: phase(10, 0.01) };
    let mut stage = Sharing::new(config, &layers).expect("a valid configuration");
    while !stage.is_done() {
        stage.advance(&mut trainer).expect("an interval of sharing");
    }
    let codebook = Stage::new("codebook", &trainer, test);

    let optimized = optimize(&codebook.model);
    let file = optimized.to_bytes();
    let mut recognizer = Recognizer::from_bytes(&file).expect("the bytes just written");
    let accuracy = recognized(&mut recognizer, test);
    println!("optimized: {accuracy:.3}, {} bytes", file.len());
    // A near tie may fall to the other side.
    assert!((accuracy - codebook.accuracy).abs() <= 1.5 / test.len() as f32, "{accuracy}, {}", codebook.accuracy);

    let mut images = vec![Vec::new(); 40];
    images.iter_mut().zip((0..train.len()).step_by(7)).for_each(|(image, i)| train.fill_input(i, image).unwrap());
    let quantized = quantize(&optimized, &images).expect("a network of images");
    let integers = quantized.to_bytes();
    let mut recognizer = Recognizer::from_bytes(&integers).expect("the bytes just written");
    let rounded = recognized(&mut recognizer, test);
    println!("quantized: {rounded:.3}, {} bytes", integers.len());
    assert!((rounded - accuracy).abs() <= 3.5 / test.len() as f32, "{rounded}, {accuracy}");
    // Pruned layers bring their codebooks along, the folded factors become others.
    assert!(integers.len() < file.len() + 1000, "{} bytes from {}", integers.len(), file.len());

    assert_eq!(baseline.macs().0, baseline.macs().1);
    assert!(gslre.macs().0 * 2 < baseline.macs().0, "low rank");
    assert_eq!(adw.macs(), (gslre.macs().0, planned.0), "pruning");
    assert!(Some(planned.0) <= budget.nonzero_macs && Some(planned.1) <= budget.nonzeros);
    assert_eq!(codebook.macs(), adw.macs(), "sharing keeps the pattern");
    assert!(optimized.nodes().len() < codebook.model.nodes().len());
    let sizes = [baseline.bytes, gslre.bytes, adw.bytes, codebook.bytes, file.len()];
    assert!(sizes.windows(2).all(|w| w[1] < w[0]), "{sizes:?}");
    assert!(file.len() * 8 < baseline.bytes, "{sizes:?}");
}
