//! The whole chain, driven through a trainer that is not this workspace's training crate.

mod toy;

use hccr_compress::{
    Adw, AdwConfig, Block, BlockShapes, Budget, ChannelPruning, ChannelPruningConfig, CompressError, Cra, CraConfig,
    Decomposition, Gslre, GslreConfig, InputError, MatrixRanks, Phase, Ranks, Schedule, Sharing, SharingConfig,
    Strategy, Svd, SvdConfig, Trainer, cost, released_scheme_bytes,
};
use hccr_runtime::WeightData;
use serde::{Serialize, de::DeserializeOwned};
use std::sync::OnceLock;
use toy::Toy;

/// Sends a value through its serialized bytes.
fn reload<T: Serialize + DeserializeOwned>(value: &T) -> T {
    let config = bincode::config::standard();
    let bytes = bincode::serde::encode_to_vec(value, config).unwrap();
    bincode::serde::decode_from_slice(&bytes, config).unwrap().0
}

/// Runs a stage to its end; with `$interrupted`, stage and trainer go through their serialized bytes after every call.
macro_rules! run {
    ($stage:expr, $trainer:expr, $interrupted:expr) => {{
        let mut stage = $stage.unwrap();
        let mut last = 0;
        while !stage.is_done() {
            let progress = stage.advance($trainer).unwrap();
            assert!(last <= progress.done && progress.done <= progress.total, "{progress:?}");
            last = progress.done;
            if $interrupted {
                stage = reload(&stage);
                *$trainer = reload($trainer);
            }
        }
        stage
    }};
}

fn phase(steps: usize, peak: f32) -> Phase {
    Phase::new(Schedule { peak, warm_up: 5, steps, floor: 0.01 }, 8, 30)
}

/// A trained baseline.
fn baseline() -> Toy {
    static BASELINE: OnceLock<Toy> = OnceLock::new();
    let train = || {
        let mut toy = Toy::new(3);
        toy.train(200, 0.1).unwrap();
        toy
    };
    BASELINE.get_or_init(train).clone()
}

/// What a run will take is told from this number before it begins.
#[test]
fn a_phase_knows_how_often_it_evaluates() {
    for (steps, interval, every, evaluations) in
        [(20, 5, 0, 1), (20, 5, 10, 2), (19, 10, 10, 2), (24, 5, 10, 3), (20, 5, 7, 3), (9, 4, 1, 3), (3, 10, 1, 1)]
    {
        let schedule = Schedule { peak: 0.01, warm_up: 0, steps, floor: 0.0 };
        let mut phase = Phase::new(schedule, interval, every);
        assert_eq!(phase.evaluations(), evaluations, "{phase:?}");
        let mut toy = Toy::new(3);
        while !phase.is_done() {
            phase.advance(&mut toy).unwrap();
        }
        let evaluated = phase.history().iter().filter(|record| record.dev_accuracy.is_some()).count();
        assert_eq!(evaluated, evaluations, "{phase:?}");
    }
    assert_eq!(phase(0, 0.01).evaluations(), 0);
}

fn gslre_config() -> GslreConfig {
    GslreConfig { ranks: Ranks::Speedup(2.0), layer_phase: phase(40, 0.05), joint_phase: phase(60, 0.05) }
}

fn cra_config() -> CraConfig {
    CraConfig {
        layers: vec![],
        grid: vec![0.2, 0.4, 0.6, 0.7, 0.8, 0.9],
        block: BlockShapes::SINGLE,
        stop_drop: 0.3,
        max_sparsity: 0.95,
    }
}

struct Outcome {
    toy: Toy,
    gslre: Gslre,
    cra: Cra,
    adw: Adw,
    sharing: Sharing,
    budget: Budget,
}

fn whole_chain(interrupted: bool) -> Outcome {
    let mut toy = baseline();
    let gslre = run!(Gslre::new(gslre_config(), &toy.layers()), &mut toy, interrupted);

    let before = toy.clone();
    let cra = run!(Cra::new(cra_config(), &toy.layers()), &mut toy, interrupted);
    assert_eq!(toy, before, "the analysis left a trace");

    let (macs, nonzeros) = cost(&toy.layers(), &[]);
    let budget = Budget { nonzero_macs: Some(macs / 2), nonzeros: Some(nonzeros / 3) };
    let targets = cra.targets_for_budget(&toy.layers(), budget).unwrap().ratios;
    let config = AdwConfig {
        strategy: Strategy::Adaptive,
        targets,
        block: BlockShapes::SINGLE,
        phase: phase(120, 0.05),
        ramp_steps: 70,
    };
    let adw = run!(Adw::new(config, &toy.layers()), &mut toy, interrupted);

    let layers = toy.layers().into_iter().map(|l| (l.name, 4)).collect();
    let config = SharingConfig { layers, phase: phase(40, 0.02) };
    let sharing = run!(Sharing::new(config, &toy.layers()), &mut toy, interrupted);
    Outcome { toy, gslre, cra, adw, sharing, budget }
}

fn nonzeros(toy: &Toy, layer: &str) -> usize {
    toy.weight(layer).unwrap().iter().filter(|w| **w != 0.0).count()
}

#[test]
fn the_chain_compresses_and_keeps_the_accuracy() {
    let start = baseline().evaluate().unwrap();
    assert!(start > 0.95, "the baseline reads {start}");
    let Outcome { mut toy, gslre, cra, adw, sharing, budget } = whole_chain(false);

    // GSLRE: conv2 became a pair, trained on its own and then with all the rest.
    assert_eq!(gslre.plan(), [("conv2".into(), 3)]);
    let names: Vec<String> = toy.layers().into_iter().map(|l| l.name).collect();
    assert_eq!(names, ["conv1", "conv2_v", "conv2_h", "fc"]);
    let stages: Vec<Option<String>> = gslre.history().iter().map(|r| r.layer.clone()).collect();
    assert_eq!(stages, [vec![Some("conv2".to_owned()); 5], vec![None; 8]].concat());

    // CRA: curves of all layers but the first, down to the wanted fall or the end of the grid.
    assert_eq!(cra.curves().iter().map(|c| c.layer.as_str()).collect::<Vec<_>>(), &names[1..]);
    for curve in cra.curves() {
        let (ratio, accuracy) = curve.points[curve.points.len() - 1];
        assert!(accuracy <= cra.baseline().unwrap() - 0.3 || ratio == 0.9, "{curve:?}");
    }

    // ADW: the targets are met to the weight, and the budget with them.
    let (mut macs, mut weights) = (0, 0);
    for layer in toy.layers() {
        let kept = nonzeros(&toy, &layer.name);
        macs += (kept * layer.macs_per_weight()) as u64;
        weights += kept as u64;
        if let Some((_, sparsity)) = adw.sparsity().find(|(name, _)| *name == layer.name) {
            assert_eq!(kept, layer.weights() - (layer.weights() as f32 * sparsity).round() as usize);
        }
    }
    assert!(
        macs <= budget.nonzero_macs.unwrap() && weights <= budget.nonzeros.unwrap(),
        "{macs} MACs, {weights} weights"
    );
    assert!(macs > budget.nonzero_macs.unwrap() * 3 / 4, "far more was dropped than asked for: {macs} MACs");

    // Sharing: at most 15 values a layer, which a codebook holds exactly, in fewer bytes than plain values take.
    for (layer, shared) in toy.layers().iter().zip(sharing.layers()) {
        let weight = toy.weight(&layer.name).unwrap();
        let stored = toy.stored(&layer.name);
        assert!(matches!(stored.data, WeightData::Codebook { .. }) && stored.to_dense() == weight);
        let mut values: Vec<u32> = weight.iter().filter(|w| **w != 0.0).map(|w| w.to_bits()).collect();
        values.sort_unstable();
        values.dedup();
        assert!(values.len() <= shared.centres && shared.centres <= 15, "{shared:?}");
    }
    let fc = toy.weight("fc").unwrap();
    assert!(released_scheme_bytes(&fc) < 4 * fc.len() / 4);

    let end = toy.evaluate().unwrap();
    assert!(end > start - 0.03, "the compressed network reads {end}, the baseline {start}");
    assert_eq!(sharing.history().last().unwrap().dev_accuracy, Some(end));
}

#[test]
fn a_resumed_run_is_bit_identical() {
    let (whole, resumed) = (whole_chain(false), whole_chain(true));
    assert_eq!(whole.gslre, resumed.gslre);
    assert_eq!(whole.cra, resumed.cra);
    assert_eq!(whole.adw, resumed.adw);
    assert_eq!(whole.sharing, resumed.sharing);
    assert_eq!(whole.toy, resumed.toy);
}

#[test]
fn fixed_thresholds_survive_a_resume() {
    let run = |interrupted| {
        let mut toy = baseline();
        let strategy = Strategy::FixedThreshold { alpha: 0.5, beta: 0.5, lambda: 0.0 };
        let targets = vec![("conv2".into(), 0.0), ("fc".into(), 0.0)];
        let config =
            AdwConfig { strategy, targets, block: BlockShapes::SINGLE, phase: phase(40, 0.05), ramp_steps: 30 };
        (run!(Adw::new(config, &toy.layers()), &mut toy, interrupted), toy)
    };
    let (adw, toy) = run(false);
    assert!(adw.sparsity().all(|(_, sparsity)| (0.3..0.9).contains(&sparsity)), "{:?}", adw.history().last());
    assert_eq!((adw, toy), run(true));
}

#[test]
fn blocks_are_analysed_and_pruned() {
    let single = run!(Cra::new(cra_config(), &baseline().layers()), &mut baseline(), false);
    for block in [Block { rows: 4, channels: 1 }, Block { rows: 4, channels: 3 }] {
        let (cra, adw, mut toy) = pruned_in_blocks(block.into(), false);
        assert!(cra.curves() != single.curves(), "the curves are those of single weights");

        // Neither shape divides conv2, of six rows, four channels and nine taps. Its zeros fill whole blocks.
        let weight = toy.weight("conv2").unwrap();
        for (row, channel, tap) in (0..6).step_by(block.rows).flat_map(|row| {
            (0..4).step_by(block.channels).flat_map(move |channel| (0..9).map(move |tap| (row, channel, tap)))
        }) {
            let rows = row..(row + block.rows).min(6);
            let channels = channel..(channel + block.channels).min(4);
            let size = rows.len() * channels.len();
            let places = rows.flat_map(|row| channels.clone().map(move |channel| (row * 4 + channel) * 9 + tap));
            let zeros = places.filter(|&at| weight[at] == 0.0).count();
            assert!(zeros == 0 || zeros == size, "{zeros} zeros in a block of {size}");
        }
        // Its weights keep training.
        assert!(weight.iter().zip(baseline().weight("conv2").unwrap()).all(|(&now, then)| now == 0.0 || now != then));
        for (layer, wanted) in [("conv2", 216 - 130), ("fc", 1080 - 756)] {
            let kept = nonzeros(&toy, layer);
            assert!(kept <= wanted && kept > wanted - block.rows * block.channels, "{layer}: {kept} of {wanted}");
        }
        let end = toy.evaluate().unwrap();
        assert!(end > 0.9, "pruned in blocks of {block:?} it reads {end}");
        assert_eq!((cra, adw, toy), pruned_in_blocks(block.into(), true), "an interrupted run differs");
    }
}

/// Analyses the baseline and prunes it, in blocks.
fn pruned_in_blocks(block: BlockShapes, interrupted: bool) -> (Cra, Adw, Toy) {
    let mut toy = baseline();
    let before = toy.clone();
    let cra = run!(Cra::new(CraConfig { block, ..cra_config() }, &toy.layers()), &mut toy, interrupted);
    assert_eq!(toy, before, "the analysis left a trace");
    let targets = vec![("conv2".into(), 0.6), ("fc".into(), 0.7)];
    let config = AdwConfig { strategy: Strategy::Adaptive, targets, block, phase: phase(80, 0.05), ramp_steps: 50 };
    (cra, run!(Adw::new(config, &toy.layers()), &mut toy, interrupted), toy)
}

#[test]
fn rising_thresholds_beat_a_sudden_one() {
    let run = |strategy| {
        let mut toy = baseline();
        let targets = vec![("conv2".into(), 0.9), ("fc".into(), 0.93)];
        let config =
            AdwConfig { strategy, targets, block: BlockShapes::SINGLE, phase: phase(100, 0.03), ramp_steps: 70 };
        let adw = run!(Adw::new(config, &toy.layers()), &mut toy, false);
        assert_eq!([nonzeros(&toy, "conv2"), nonzeros(&toy, "fc")], [216 - 194, 1080 - 1004]);
        adw.history().last().unwrap().record.dev_accuracy.unwrap()
    };
    let (adaptive, one_shot) = (run(Strategy::Adaptive), run(Strategy::OneShot));
    assert!(adaptive >= one_shot, "adaptive {adaptive}, one shot {one_shot}");
}

/// Decomposes the fully connected layer, then prunes its factors.
fn matrices(ranks: MatrixRanks, interrupted: bool) -> (Svd, Adw, Toy) {
    let mut toy = baseline();
    let config = SvdConfig { ranks, phase: phase(40, 0.03) };
    let svd = run!(Svd::new(config, &toy.layers()), &mut toy, interrupted);
    let targets = vec![("fc_v".into(), 0.7), ("fc_u".into(), 0.3)];
    let config = AdwConfig {
        strategy: Strategy::Adaptive,
        targets,
        block: BlockShapes::SINGLE,
        phase: phase(40, 0.03),
        ramp_steps: 20,
    };
    let adw = run!(Adw::new(config, &toy.layers()), &mut toy, interrupted);
    (svd, adw, toy)
}

#[test]
fn matrices_become_factors_that_train_and_prune() {
    let start = baseline().evaluate().unwrap();
    for ranks in [
        MatrixRanks::PerLayer(vec![("fc".into(), 3)]),
        MatrixRanks::Energy { layers: vec![], energy: baseline_energy(3) },
    ] {
        let (svd, adw, mut toy) = matrices(ranks.clone(), false);
        let layer = &svd.layers()[0];
        assert_eq!((layer.layer.as_str(), layer.rank, layer.energy), ("fc", Some(3), baseline_energy(3)));
        let names: Vec<String> = toy.layers().into_iter().map(|l| l.name).collect();
        assert_eq!(names, ["conv1", "conv2", "fc_v", "fc_u"]);
        assert_eq!([nonzeros(&toy, "fc_v"), nonzeros(&toy, "fc_u")], [648 - 454, 15 - 5]);
        let (first, last) = (svd.history()[0], svd.history().last().unwrap());
        assert!(last.loss < first.loss && last.dev_accuracy > svd.decomposed_accuracy(), "{first:?} {last:?}");
        let end = toy.evaluate().unwrap();
        assert!(end > start - 0.05, "the decomposed and pruned network reads {end}, the baseline {start}");
        assert_eq!((svd, adw, toy), matrices(ranks, true), "an interrupted run differs");
    }
}

/// Share of energy that the baseline's fully connected layer keeps at a rank.
fn baseline_energy(rank: usize) -> f32 {
    let toy = baseline();
    let kind = toy.layers()[2].kind;
    Decomposition::new(&toy.weight("fc").unwrap(), &kind).unwrap().energy(rank)
}

#[test]
fn a_matrix_whose_factors_would_not_be_smaller_stays_whole() {
    let mut toy = baseline();
    let ranks = MatrixRanks::Energy { layers: vec!["fc".into()], energy: 1.0 };
    let before = toy.weight("fc").unwrap();
    let svd = run!(Svd::new(SvdConfig { ranks, phase: phase(0, 0.03) }, &toy.layers()), &mut toy, false);
    assert_eq!((svd.layers()[0].rank, svd.layers()[0].energy), (None, 1.0));
    assert_eq!(toy.weight("fc").unwrap(), before);
}

#[test]
fn the_trainer_s_errors_come_through() {
    let mut toy = baseline();
    let mut gslre = Gslre::new(gslre_config(), &toy.layers()).unwrap();
    gslre.advance(&mut toy).unwrap();
    // A trainer that has lost the layers that the state knows of.
    let mut cra = Cra::new(cra_config(), &toy.layers()).unwrap();
    let mut fresh = baseline();
    let error = cra.advance(&mut fresh).unwrap_err();
    assert!(matches!(error, CompressError::Trainer(_)));
    assert_eq!(error.to_string(), "toy: no layer conv2_v");

    toy.set_weight("fc", &vec![f32::NAN; 1080]).unwrap();
    let config = SharingConfig { layers: vec![("fc".into(), 4)], phase: phase(8, 0.1) };
    let error = Sharing::new(config, &toy.layers()).unwrap().advance(&mut toy).unwrap_err();
    assert!(matches!(error, CompressError::Input(InputError::Layer { .. })), "{error}");
}

#[test]
fn a_narrower_network_reads_on_and_is_trained() {
    let mut toy = baseline();
    let (macs, _) = cost(&toy.layers(), &[]);
    let config = ChannelPruningConfig { speedup: 2.0, phase: phase(60, 0.05) };
    let pruning = || ChannelPruning::new(config.clone(), &baseline().layers());
    let done = run!(pruning(), &mut toy, false);
    assert_eq!(done.plan(), [("conv1".into(), 2), ("conv2".into(), 3)]);
    assert!(cost(&toy.layers(), &[]).0 <= macs / 2);
    // A guess is right once in five times.
    let (pruned, trained) = (done.pruned_accuracy().unwrap(), toy.evaluate().unwrap());
    assert!(pruned > 0.7 && trained > 0.95 && trained >= pruned, "{pruned}, then {trained}");
    let mut resumed = baseline();
    assert_eq!(run!(pruning(), &mut resumed, true), done);
    assert_eq!(resumed, toy);
}
