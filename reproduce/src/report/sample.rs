//! A made-up report for tests, and committed ones.

use super::thesis::Thesis;
use super::types::*;
use hccr_evaluate::{ConfusedPair, WriterAccuracy};
use hccr_report::machine::{Machine, Versions};

/// A file of the repository, such as a report in `docs/results`.
pub(crate) fn committed(path: &str) -> String {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

pub(crate) fn report() -> Report {
    Report {
        pipeline: "offline".into(),
        data: "made-up characters".into(),
        machine: Machine {
            cpu: "Test CPU <1>".into(),
            logical_cores: 2,
            memory_bytes: Some(8 << 30),
            os: "Linux".into(),
        },
        isa: "avx2".into(),
        threads: Threads { training: 2, timing: 1 },
        seed: 1,
        commit: "abc1234".into(),
        versions: Versions { rustc: "rustc 1.90.0".into(), hccr: "0.1.0".into() },
        config: Config {
            tier: "default".into(),
            classes: 100,
            width: Some(0.25),
            hidden_sizes: None,
            train_samples: 20_000,
            dev_samples: 2_000,
            command: "cargo xtask reproduce --classes 100 --seed 1".into(),
        },
        stages: vec![
            stage("baseline", [0.976, 0.998], [700_000, 700_000], [40_000_000, 40_000_000], 2_810_000, [4.1, 4.2]),
            stage("gslre", [0.9755, 0.9979], [520_000, 520_000], [10_000_000, 10_000_000], 2_090_000, [2.1, 2.2]),
            stage("adw", [0.9749, 0.9978], [520_000, 130_000], [10_000_000, 4_100_000], 790_000, [1.2, 1.3]),
            stage("codebook", [0.9745, 0.9978], [520_000, 130_000], [10_000_000, 4_100_000], 121_000, [1.2, 1.3]),
            stage("graph-opt", [0.9745, 0.9978], [520_000, 130_000], [10_000_000, 4_100_000], 119_000, [0.91, 0.95]),
            stage("int8", [0.9744, 0.9978], [520_000, 129_000], [10_000_000, 4_090_000], 118_000, [0.51, 0.55]),
        ],
        longer_baseline: None,
        layers: ["conv1", "conv2_v", "conv2_h", "conv3_v", "conv3_h", "fc1", "fc2"].map(layer).into(),
        thesis: Thesis::offline(),
        released_scheme_bytes: Some(143_000),
        curves: Curves { training: training(), cra: cra(), adw: adw() },
        ladder: Some(ladder()),
        released: None,
        fused: Some(Fused {
            online: accuracies([0.978, 0.41, 0.88]),
            offline: accuracies([0.97, 0.97, 0.93]),
            fused: accuracies([0.985, 0.96, 0.95]),
            weight: 0.35,
            temperature: 0.75,
            inks: Some(6000),
        }),
        samples: Some([197, 200]),
        times: vec![
            WallTime { stage: "baseline".into(), seconds: 245.2 },
            WallTime { stage: "gslre".into(), seconds: 93.0 },
        ],
        notes: vec!["A note with <b>markup</b> & an ampersand.".into()],
    }
}

/// A report of the released network.
pub(crate) fn released() -> Report {
    let row =
        |name, bytes, ms| stage(name, [0.9679, 0.9959], [8_157_920, 2_138_992], [151_996_928, 62_982_015], bytes, ms);
    Report {
        pipeline: "released".into(),
        config: Config { classes: 3755, width: Some(1.0), train_samples: 0, dev_samples: 0, ..report().config },
        stages: vec![
            row("released", 2_455_133, [8.0, 8.2]),
            row("repacked", 2_042_518, [7.8, 8.0]),
            row("int8", 2_040_000, [4.1, 4.2]),
        ],
        released_scheme_bytes: None,
        curves: Curves::default(),
        ladder: None,
        released: Some(Released {
            load_ms: 15.5,
            bytes_ratio: 21.28,
            identical_weights: 8_157_056,
            writers: vec![WriterAccuracy { writer: 1, test_samples: 3755, top1: 0.9712, top5: 0.9973 }],
            confused_pairs: vec![ConfusedPair { characters: ['已', '己'], confused: [1, 2], test_samples: [2, 2] }],
        }),
        ..report()
    }
}

fn stage(
    name: &str,
    [top1, top5]: [f64; 2],
    [weights, nonzeros]: [u64; 2],
    [dense_macs, nonzero_macs]: [u64; 2],
    bytes: u64,
    [min_ms, median_ms]: [f64; 2],
) -> Stage {
    let test_samples = 5000;
    Stage {
        name: name.into(),
        top1,
        top5,
        test_samples,
        weights,
        nonzeros,
        dense_macs,
        nonzero_macs,
        bytes,
        min_ms,
        median_ms,
        steps: None,
    }
}

fn layer(name: &str) -> Layer {
    Layer {
        name: name.into(),
        shape: vec![32, 24, 3, 1],
        rank: name.contains('_').then_some(24),
        weights: 2304,
        nonzeros: 800,
        density: 800.0 / 2304.0,
        dense_macs: 2304 * 576,
        nonzero_macs: 800 * 576,
        bytes: 900,
        ms: Some(0.12),
    }
}

fn training() -> Vec<TrainingPoint> {
    let stages = [("baseline", 60), ("gslre", 90), ("adw", 130), ("codebook", 140)];
    (1..=140)
        .map(|i| {
            let t = i as f64;
            TrainingPoint {
                stage: stages.iter().find(|(_, end)| i <= *end).unwrap().0.into(),
                step: 10 * i,
                loss: 4.6 * (-t / 25.0).exp() + 0.05 + 0.02 * (t * 1.7).sin().abs(),
                train_accuracy: 1.0 - 0.98 * (-t / 15.0).exp(),
                dev_accuracy: (i % 10 == 0).then(|| 0.98 - 0.95 * (-t / 13.0).exp()),
            }
        })
        .collect()
}

fn cra() -> Vec<CraCurve> {
    ["conv1", "conv2_v", "conv2_h", "conv3_v", "conv3_h", "fc1", "fc2"]
        .iter()
        .enumerate()
        .map(|(i, layer)| {
            let knee = 0.4 + 0.07 * i as f64;
            let points = (0..=9).map(|k| f64::from(k) / 10.0);
            let points: Vec<_> = points.map(|r| (r, 0.977 - 0.02 * (r - knee).max(0.0).powi(2))).collect();
            CraCurve { layer: (*layer).into(), chosen: points[5].0, points }
        })
        .collect()
}

fn adw() -> AdwCurve {
    let layers: Vec<String> = ["conv1", "conv2_v", "conv2_h", "fc1"].map(String::from).into();
    let points = (0..=40).map(|i| {
        let rise = (f64::from(i) / 30.0).min(1.0);
        AdwPoint {
            step: 900 + 10 * i as u64,
            layer_sparsity: [0.0, 0.6, 0.65, 0.85].map(|target| target * rise).into(),
            sparsity: 0.74 * rise,
            accuracy: (i % 4 == 0).then_some(0.976 - 0.003 * rise * rise),
        }
    });
    AdwCurve { layers, points: points.collect() }
}

pub(crate) fn ladder() -> Ladder {
    let rungs = [("naive loops", false, 1000.0), ("low-rank", true, 10.0), ("zeros in blocks", true, 2.0)];
    let rung = |(name, in_runtime, min_ms): (&str, bool, f64)| Rung {
        name: name.into(),
        in_runtime,
        nonzeros: 8_157_920,
        nonzero_macs: 152_000_000,
        bytes: 32_700_000,
        min_ms,
        median_ms: 1.05 * min_ms,
        runs: 3,
    };
    Ladder::new(None, rungs.map(rung).into())
}

fn accuracies([plain, shuffled, joined]: [f64; 3]) -> InkAccuracy {
    InkAccuracy { plain, shuffled, joined }
}
