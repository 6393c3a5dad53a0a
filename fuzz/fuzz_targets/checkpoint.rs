//! A checkpoint of a training, of images or of pen strokes: resumed, looked at, and saved again. Its length and checksum are set
//! right, so that what follows them is reached.
#![no_main]

mod mend;

use hccr_data::{ImageSet, SimulatorConfig, Split, SplitSize, simulate_ink};
use hccr_models::offline::OfflineRecipe;
use hccr_models::online::{Augmentation, OnlineRecipe, SequenceSet};
use hccr_models::pipeline::{Pipeline, Stages};
use hccr_models::{SampleSet, Tier};
use hccr_nn_train::Optimizer;
use libfuzzer_sys::fuzz_target;
use serde::{Serialize, de::DeserializeOwned};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use tempfile::TempDir;

const SEED: u64 = 7;
const CLASSES: usize = 2;
const SIZE: usize = 8;

static IMAGES: LazyLock<ImageSet> = LazyLock::new(|| ImageSet {
    pixels: (0..4 * SIZE * SIZE).map(|i| (i * 37 % 256) as u8).collect(),
    labels: vec![0, 1, 0, 1],
    writers: vec![0; 4],
    ..ImageSet::new(SIZE, vec!['一', '丁'])
});

static INKS: LazyLock<SequenceSet> = LazyLock::new(|| {
    let split = SplitSize { writers: 2, samples_per_class: 2 };
    let config = SimulatorConfig { train: split, ..SimulatorConfig::new(CLASSES, SEED) };
    let inks = simulate_ink(&config, Split::Train, &|_, _| ()).expect("valid numbers");
    SequenceSet::new(inks, Augmentation { dropped_points: 0.0, lean: 0.0, elastic: 0.0 }, 1).expect("inks with points")
});

fn offline() -> OfflineRecipe {
    OfflineRecipe::new(Tier::Smoke, Some(CLASSES), None, 0.1, SEED)
}

fn online() -> OnlineRecipe {
    OnlineRecipe::new(Tier::Smoke, Some(CLASSES), 0.1, SEED)
}

/// Resumes the run in the file at `path`, on `set`.
fn resume<O>(path: &Path, stages: impl Fn() -> Stages<O>, set: &dyn SampleSet)
where
    O: Optimizer + Clone + Serialize + DeserializeOwned,
{
    let resumed = || Pipeline::resume(path, "run".into(), stages(), set, set);
    let Ok((pipeline, metrics_bytes)) = resumed() else { return };
    let _ = pipeline.current().map(|stage| stage.is_done());
    for (stage, _) in pipeline.stages() {
        let _ = stage.measured();
    }
    // Weights may be no numbers.
    let _ = pipeline.run().network();
    pipeline.save(path, metrics_bytes).expect("what was read is written");
    let first = fs::read(path).expect("the file just written");
    let (pipeline, metrics_bytes) = resumed().expect("what was written is read");
    pipeline.save(path, metrics_bytes).expect("what was read is written");
    assert_eq!(fs::read(path).expect("the file just written"), first);
}

fuzz_target!(|data: &[u8]| {
    thread_local! {
        static FOLDER: TempDir = tempfile::tempdir().expect("a temporary folder");
    }
    let Some((&kind, data)) = data.split_first() else { return };
    let path = FOLDER.with(|folder| folder.path().join("checkpoint"));
    fs::write(&path, mend::checkpoint(data)).expect("a temporary file");
    match kind % 2 {
        0 => resume(&path, || offline().stages(SEED), &*IMAGES),
        _ => resume(&path, || online().stages(), &*INKS),
    }
});
