//! The sets that a run trains, develops and is tested on.

use super::args::OfflineArgs;
use super::images::Images;
use crate::args::file_names;
use crate::pipeline::{DEV_SAMPLES, DEV_SHARE, Data, Test, held_out_writers, overlap};
use crate::progress::{bar, counting, finish};
use anyhow::{Context, Result, ensure};
use hccr_data::{
    CasiaFilter, CasiaLimits, ImageAugmentation, ImageSet, SimulatorConfig, Split, is_packed, load_gnt, simulate,
};
use hccr_models::offline::AugmentedImages;
use hccr_models::{SampleSet, spread};
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;

/// More than HWDB1.0, 1.1 and 1.2 hold together.
const MAX_IMAGES: usize = 1 << 22;

/// Simulates the sets to train and develop on, or reads them from the GNT files asked for.
pub(crate) fn load(args: &OfflineArgs, simulator: &SimulatorConfig) -> Result<Data<Images>> {
    match (args.images.gnt_train.is_empty(), args.images.gnt_test.is_empty()) {
        (true, true) => all_simulated(simulator),
        (true, false) => tested_on_gnt(args, simulator),
        (false, _) => from_gnt(args),
    }
}

fn all_simulated(simulator: &SimulatorConfig) -> Result<Data<Images>> {
    let (train, dev) = (simulated("train set", simulator, Split::Train)?, simulated("dev set", simulator, Split::Dev)?);
    let description = format!("simulated handwriting of {}", simulator_in_words(simulator));
    Ok(Data { train: Box::new(train), dev: Images::Memory(dev), description })
}

/// Simulates the test set of a run on `data`, or reads it from the GNT files asked for.
pub(crate) fn test(args: &OfflineArgs, simulator: &SimulatorConfig, data: &Data<Images>) -> Result<Test<Images>> {
    if args.images.gnt_test.is_empty() {
        return Ok(Test::new(Images::Memory(simulated("test set", simulator, Split::Test)?)));
    }
    let set = read("test set", &args.images.gnt_test, Some(data.train.classes().to_vec()))?;
    let mut note = String::new();
    if !args.images.gnt_train.is_empty() {
        let trained_on = hashes(&*data.train)?.into_iter().chain(hashes(&data.dev)?);
        note = overlap(trained_on, hashes(&set)?).unwrap_or_default();
    }
    Ok(Test { set, note })
}

fn simulated(name: &str, simulator: &SimulatorConfig, split: Split) -> Result<ImageSet> {
    let bar = bar(name, 0);
    let set = simulate(simulator, split, &counting(&bar)).context("simulating handwriting")?;
    let writers = simulator.size(split).writers;
    finish(&bar, name, &format!("{} simulated characters by {writers} writers", set.len()));
    Ok(set)
}

/// Who writes what.
pub(crate) fn simulator_in_words(simulator: &SimulatorConfig) -> String {
    let size = |split| simulator.size(split).writers;
    format!(
        "the first {} characters of GB2312 level 1: {} writers to train, {} for development, {} others to test",
        simulator.classes.len(),
        size(Split::Train),
        size(Split::Dev),
        size(Split::Test)
    )
}

/// Simulated writing of the classes of the test files; none of the files' characters is trained on.
fn tested_on_gnt(args: &OfflineArgs, simulator: &SimulatorConfig) -> Result<Data<Images>> {
    // Their characters alone count before the test.
    let mut known = read("test set", &args.images.gnt_test, None)?;
    known.keep_first_classes(args.size.classes);
    let simulator = SimulatorConfig { classes: known.classes().to_vec(), ..simulator.clone() };
    drop(known);
    let (train, dev) =
        (simulated("train set", &simulator, Split::Train)?, simulated("dev set", &simulator, Split::Dev)?);
    let description = trained_on_simulated(&simulator, "GNT files", &args.images.gnt_test);
    Ok(Data { train: Box::new(train), dev: Images::Memory(dev), description })
}

/// What a network was trained and tested on that has read no file's characters before its test.
pub(crate) fn trained_on_simulated(simulator: &SimulatorConfig, kind: &str, test: &[PathBuf]) -> String {
    format!(
        "simulated writing of the {} classes of the test files, by {} writers to train and {} for development; tested on {kind}: \
         {}. A subset: its figures cannot be compared with published ones",
        simulator.classes.len(),
        simulator.train.writers,
        simulator.dev.writers,
        file_names(test)
    )
}

/// The images of files, folders and archives in memory, or those of a packed file where they are.
fn read(name: &str, paths: &[PathBuf], classes: Option<Vec<char>>) -> Result<Images> {
    let bar = bar(name, 0);
    let limits = CasiaLimits { samples: MAX_IMAGES, ..CasiaLimits::default() };
    let filter = CasiaFilter { classes, limits, ..CasiaFilter::default() };
    let packed = paths.iter().find(|path| is_packed(path));
    ensure!(packed.is_none() || paths.len() == 1, "{name}: give a packed file alone, or pack all files into one");
    let set = match packed {
        Some(path) => Images::open(path, &filter)?,
        None => Images::Memory(load_gnt(paths, &filter, &|done| bar.set_position(done as u64))?),
    };
    let (len, classes, others) = (set.len(), set.classes().len(), others(set.passed_over()));
    finish(&bar, name, &format!("{len} characters of {classes} classes{others}"));
    ensure!(len > 0, "{name}: no character of a wanted class in {paths:?}");
    Ok(set)
}

/// What to say of records of other characters.
pub(crate) fn others(passed_over: usize) -> String {
    if passed_over == 0 { String::new() } else { format!("; {passed_over} of other characters are passed over") }
}

/// A number for each image, the same for the same image.
fn hashes(set: &dyn SampleSet) -> Result<Vec<u64>> {
    let hash = |image: &mut Vec<f32>, i| {
        set.fill_input(i, image)?;
        let mut hasher = DefaultHasher::new();
        image.iter().for_each(|v| v.to_bits().hash(&mut hasher));
        Ok(hasher.finish())
    };
    (0..set.labels().len()).into_par_iter().map_init(Vec::new, hash).collect()
}

fn from_gnt(args: &OfflineArgs) -> Result<Data<Images>> {
    let mut all = read("train set", &args.images.gnt_train, args.size.classes_of_files())?;
    all.keep_first_classes(args.size.classes);
    let writers = all.writers().iter().collect::<BTreeSet<_>>().len();
    let dev_writers = held_out_writers(all.writers(), DEV_SHARE)?;
    let (dev, train): (Vec<usize>, Vec<usize>) = (0..all.len()).partition(|&i| dev_writers.contains(&all.writers()[i]));
    let dev: Vec<usize> = spread(dev.len(), DEV_SAMPLES).into_iter().map(|i| dev[i]).collect();
    let (dev, train) = (all.subset(&dev).into_memory()?, all.subset(&train));
    let description = format!(
        "GNT files: {} to train on ({} files, {} of them set aside for development), {} to test on; {} classes. A subset: \
         its figures cannot be compared with published ones unless the files are the whole of HWDB1.0 and 1.1 and the \
         ICDAR-2013 competition set",
        file_names(&args.images.gnt_train),
        writers,
        dev_writers.len(),
        file_names(&args.images.gnt_test),
        train.classes().len()
    );
    let train: Box<dyn SampleSet> = if args.size.no_augmentation {
        Box::new(train)
    } else {
        Box::new(AugmentedImages::new(train, ImageAugmentation::default()))
    };
    Ok(Data { train, dev, description })
}
