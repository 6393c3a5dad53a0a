//! A set that is larger than memory: training on it takes the memory of its index, and no more time than from memory.
//!
//! `HCCR_LARGE_SET=1000000 cargo test --release -p hccr-tests --test training large_set -- --ignored --nocapture` makes it of a million
//! characters, which need 9 GB in the folder for temporary files, and prints the figures.

use hccr_compress::Trainer;
use hccr_data::gb2312::tag_of_char;
use hccr_data::{
    CasiaFilter, CasiaLimits, ImageSet, PackedImages, SimulatorConfig, Split, SplitSize, pack_gnt, simulate,
};
use hccr_models::offline::OfflineRecipe;
use hccr_models::{NetworkTrainer, SampleSet, Tier};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Images that are simulated; they are repeated.
const DISTINCT: usize = 2_000;
/// Images of a writer.
const PER_WRITER: usize = 5_000;
/// The side of the images as they are packed, about that of HWDB's.
const SIDE: usize = 64;
/// Images that are trained on from memory.
const IN_MEMORY: usize = 10_000;
/// Turns of training from the file and from memory, and the mini-batches of each.
const TURNS: usize = 7;
const STEPS: usize = 8;
/// What a process may take.
const MEMORY: usize = 1 << 30;

#[test]
#[ignore = "writes hundreds of megabytes, and measures time"]
fn training_reads_a_large_set_as_fast_as_memory() {
    hccr_tensor::blas::use_one_thread().expect("the pthread build of OpenBLAS");
    let count = std::env::var("HCCR_LARGE_SET").map_or(20_000, |count| count.parse().expect("a number"));
    let dir = tempfile::tempdir().expect("a folder for the set");
    let pack = dir.path().join("large.pack");
    let files = write_gnt(count, dir.path());
    let limits = CasiaLimits { samples: 1 << 22, ..CasiaLimits::default() };
    pack_gnt(&files, &limits, &pack, &|_| ()).expect("a packed set");
    files.iter().for_each(|file| fs::remove_file(file).expect("a file of the test"));

    let filter = CasiaFilter { limits, ..CasiaFilter::default() };
    let packed = PackedImages::open(&pack, &filter).expect("the set just packed");
    assert_eq!(packed.records.len(), count);
    let spread: Vec<usize> = (0..IN_MEMORY.min(count)).map(|i| i * count / IN_MEMORY.min(count)).collect();
    let dev = packed.subset(&spread[..100]).to_memory().expect("images");
    let mut of_file = trainer(&packed, &dev);
    of_file.train(STEPS, 0.01).expect("training from the file");
    let used = most_memory();
    if let Some(used) = used {
        assert!(used < MEMORY, "training on {count} images took {} MiB", used >> 20);
    }

    let memory = packed.subset(&spread).to_memory().expect("images");
    let mut of_memory = trainer(&memory, &dev);
    of_memory.train(STEPS, 0.01).expect("training from memory");
    let mut rates = [Vec::new(), Vec::new()];
    for _ in 0..TURNS {
        for (trainer, rates) in [&mut of_file, &mut of_memory].into_iter().zip(&mut rates) {
            let start = Instant::now();
            trainer.train(STEPS, 0.01).expect("training");
            rates.push((STEPS * trainer.state().batch_size) as f64 / start.elapsed().as_secs_f64());
        }
    }
    let [of_file, of_memory] = rates.map(|mut rates| {
        rates.sort_by(f64::total_cmp);
        rates[TURNS / 2]
    });
    let used = used.map_or("?".into(), |used| (used >> 20).to_string());
    println!("{count} images: {used} MiB; {of_file:.1} samples/s from the file, {of_memory:.1} from memory");
    assert!(of_file > 0.9 * of_memory, "{of_file:.1} samples/s from the file, {of_memory:.1} from memory");
}

/// The quarter-width network of the default tier.
fn trainer<'a>(train: &'a dyn SampleSet, dev: &'a dyn SampleSet) -> NetworkTrainer<'a, hccr_nn_train::Sgd> {
    let recipe = OfflineRecipe::new(Tier::Default, None, None, 1.0, 1);
    let untrained = recipe.untrained(dev, 1).expect("a network");
    NetworkTrainer::new(untrained, train, dev)
}

/// GNT files with so many images, one file per writer.
fn write_gnt(count: usize, dir: &Path) -> Vec<PathBuf> {
    let classes = 100;
    let train = SplitSize { writers: 20, samples_per_class: (DISTINCT / classes) as u32 };
    let config = SimulatorConfig { train, ..SimulatorConfig::new(classes, 1) };
    let images = simulate(&config, Split::Train, &|_, _| ()).expect("known characters");
    let records: Vec<Vec<u8>> = (0..images.len()).map(|i| record(&images, i)).collect();
    let write = |writer: usize| {
        let path = dir.join(format!("{writer:04}.gnt"));
        let mut file = BufWriter::new(File::create(&path).expect("a new file"));
        for i in writer * PER_WRITER..count.min((writer + 1) * PER_WRITER) {
            file.write_all(&records[i % records.len()]).expect("room on the disk");
        }
        file.flush().expect("room on the disk");
        path
    };
    (0..count.div_ceil(PER_WRITER)).map(write).collect()
}

/// An image as a GNT record.
fn record(images: &ImageSet, i: usize) -> Vec<u8> {
    let (image, character) = (images.image(i), images.classes[usize::from(images.labels[i])]);
    let mut record = ((SIDE * SIDE + 10) as u32).to_le_bytes().to_vec();
    record.extend(tag_of_char(character).expect("a character of GB2312"));
    record.extend([SIDE as u16; 2].map(u16::to_le_bytes).as_flattened());
    let at = |i: usize| i * images.size / SIDE;
    record.extend((0..SIDE * SIDE).map(|i| 255 - image[at(i / SIDE) * images.size + at(i % SIDE)]));
    record
}

/// The most memory that this process has used so far, in bytes, where the system says it.
fn most_memory() -> Option<usize> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(1024 * line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()?)
}
