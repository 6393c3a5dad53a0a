//! A toy through low-rank expansion, analysis, pruning and weight sharing, all of it trained by burn.

#[path = "../../../tests/tests/training/toy.rs"]
mod toy;

use hccr_burn_engine::{Burn, Device};
use hccr_compress::{
    Adw, AdwConfig, BlockShapes, Budget, Cra, CraConfig, Gslre, GslreConfig, Phase, Ranks, Schedule, Sharing,
    SharingConfig, Strategy, Trainer,
};
use hccr_models::SampleSet;
use hccr_models::offline::OfflineTrainer;
use hccr_runtime::{Model, Plan, Session};
use std::sync::Arc;

fn phase(steps: usize, peak: f32) -> Phase {
    Phase::new(Schedule { peak, warm_up: 0, steps, floor: 0.01 }, 5, 0)
}

#[test]
fn a_network_is_trained_and_compressed() {
    let [train, dev, test] = toy::sets([50, 6, 16]);
    let engine = Box::new(Burn::new(Device::flex()));
    let mut trainer = OfflineTrainer::new(toy::untrained(&train), &train, &dev).with_engine(engine);
    // The bytes of the model file, which must still recognize the test set; chance gives one in six.
    let file = |stage: &str, trainer: &OfflineTrainer| {
        let file = trainer.state().network.to_model(&test.classes).expect("a valid model").to_bytes();
        let model = Model::from_bytes(&file).expect("the bytes just written");
        let mut session = Session::new(Arc::new(Plan::new(&model).expect("a network that runs")));
        let mut input = Vec::new();
        let correct = (0..test.len()).filter(|&i| {
            test.fill_input(i, &mut input).expect("an image");
            let logits = session.run(&input).expect("an input that fits");
            let best = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
            best == Some(test.labels[i].into())
        });
        let accuracy = correct.count() as f32 / test.len() as f32;
        println!("{stage}: {accuracy:.3}, {} bytes", file.len());
        assert!(accuracy > 0.5, "{stage} recognizes {accuracy}");
        file.len()
    };
    let mut sizes = Vec::new();

    let mut stage = Phase::new(Schedule { peak: 0.1, warm_up: 5, steps: 65, floor: 0.0 }, 10, 0);
    while !stage.is_done() {
        stage.advance(&mut trainer).expect("training that does not diverge");
    }
    sizes.push(file("baseline", &trainer));

    let config = GslreConfig { ranks: Ranks::Speedup(4.0), layer_phase: phase(2, 0.02), joint_phase: phase(15, 0.04) };
    let mut stage = Gslre::new(config, &trainer.layers()).expect("3x3 kernels");
    while !stage.is_done() {
        stage.advance(&mut trainer).expect("an interval of expansion");
    }
    sizes.push(file("gslre", &trainer));

    let (layers, block) = (trainer.layers(), BlockShapes::SINGLE);
    let config = CraConfig { layers: Vec::new(), grid: vec![0.4, 0.6, 0.8], block, stop_drop: 0.2, max_sparsity: 0.95 };
    let mut cra = Cra::new(config, &layers).expect("a valid configuration");
    while !cra.is_done() {
        cra.advance(&mut trainer).expect("a measurement");
    }
    let macs: usize = layers.iter().map(|layer| layer.weights() * layer.macs_per_weight()).sum();
    let budget = Budget { nonzero_macs: Some(macs as u64 / 2), nonzeros: None };
    let targets = cra.targets_for_budget(&layers, budget).expect("a budget within reach").ratios;

    let config = AdwConfig {
        strategy: Strategy::Adaptive,
        targets: targets.clone(),
        block,
        phase: phase(70, 0.04),
        ramp_steps: 25,
    };
    let mut adw = Adw::new(config, &layers).expect("a valid configuration");
    while !adw.is_done() {
        adw.advance(&mut trainer).expect("an interval of pruning");
    }
    sizes.push(file("adw", &trainer));

    let centres = layers.iter().map(|layer| (layer.name.clone(), 5)).collect();
    let config = SharingConfig { layers: centres, phase: phase(10, 0.01) };
    let mut stage = Sharing::new(config, &layers).expect("a valid configuration");
    while !stage.is_done() {
        stage.advance(&mut trainer).expect("an interval of sharing");
    }
    sizes.push(file("codebook", &trainer));

    assert!(sizes.windows(2).all(|w| w[1] < w[0]), "{sizes:?}");
    for (name, target) in &targets {
        let weight = trainer.weight(name).expect("a layer of the network");
        let zeros = weight.iter().filter(|&&w| w == 0.0).count() as f32 / weight.len() as f32;
        assert!((zeros - target).abs() <= 1.0 / weight.len() as f32, "{name}: {zeros} are zero, {target} wanted");
    }
}
