//! The three sets that a run works on.

use super::args::OfflineArgs;
use crate::args::file_names;
use crate::pipeline::{DEV_SHARE, Data, held_out_writers, overlap};
use crate::progress::{bar, counting, finish};
use anyhow::{Context, Result, ensure};
use hccr_data::{CasiaFilter, CasiaLimits, ImageSet, SimulatorConfig, Split, load_gnt, simulate};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// More than HWDB1.0, 1.1 and 1.2 hold together.
const MAX_IMAGES: usize = 1 << 22;

/// Simulates the sets, or reads them from the GNT files asked for.
pub(super) fn load(args: &OfflineArgs, simulator: &SimulatorConfig) -> Result<Data<ImageSet>> {
    match (args.images.gnt_train.is_empty(), args.images.gnt_test.is_empty()) {
        (true, true) => all_simulated(simulator),
        (true, false) => tested_on_gnt(args, simulator),
        (false, _) => from_gnt(args),
    }
}

fn all_simulated(simulator: &SimulatorConfig) -> Result<Data<ImageSet>> {
    let (train, dev) = (simulated("train set", simulator, Split::Train)?, simulated("dev set", simulator, Split::Dev)?);
    let test = simulated("test set", simulator, Split::Test)?;
    let description = format!("simulated handwriting of {}", simulator_in_words(simulator));
    Ok(Data { train, dev, test, description })
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
fn tested_on_gnt(args: &OfflineArgs, simulator: &SimulatorConfig) -> Result<Data<ImageSet>> {
    let mut test = read("test set", &args.images.gnt_test, None)?;
    keep_first_classes(&mut test, args.size.classes);
    let simulator = SimulatorConfig { classes: test.classes.clone(), ..simulator.clone() };
    let (train, dev) =
        (simulated("train set", &simulator, Split::Train)?, simulated("dev set", &simulator, Split::Dev)?);
    let description = trained_on_simulated(&simulator, "GNT files", &args.images.gnt_test);
    Ok(Data { train, dev, test, description })
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

fn read(name: &str, paths: &[PathBuf], classes: Option<Vec<char>>) -> Result<ImageSet> {
    let bar = bar(name, 0);
    let limits = CasiaLimits { samples: MAX_IMAGES, ..CasiaLimits::default() };
    let filter = CasiaFilter { classes, limits, ..CasiaFilter::default() };
    let set = load_gnt(paths, &filter, &|done| bar.set_position(done as u64))?;
    finish(
        &bar,
        name,
        &format!("{} characters of {} classes{}", set.len(), set.classes.len(), others(set.passed_over)),
    );
    ensure!(!set.is_empty(), "{name}: no character of a wanted class in {paths:?}");
    Ok(set)
}

/// What to say of records of other characters.
pub(crate) fn others(passed_over: usize) -> String {
    if passed_over == 0 { String::new() } else { format!("; {passed_over} of other characters are passed over") }
}

/// Leaves out the characters of all classes but the first `most`.
fn keep_first_classes(set: &mut ImageSet, most: Option<usize>) {
    if let Some(most) = most.filter(|&most| most < set.classes.len()) {
        let kept: Vec<usize> = (0..set.len()).filter(|&i| usize::from(set.labels[i]) < most).collect();
        *set = set.subset(&kept);
        set.classes.truncate(most);
    }
}

fn images(set: &ImageSet) -> impl Iterator<Item = &[u8]> {
    (0..set.len()).map(|i| set.image(i))
}

fn from_gnt(args: &OfflineArgs) -> Result<Data<ImageSet>> {
    let mut all = read("train set", &args.images.gnt_train, None)?;
    keep_first_classes(&mut all, args.size.classes);
    let writers = all.writers.iter().collect::<BTreeSet<_>>().len();
    let dev_writers = held_out_writers(&all.writers, DEV_SHARE)?;
    let (dev, train) = all.split_by_writer(|w| dev_writers.contains(&w));
    let test = read("test set", &args.images.gnt_test, Some(train.classes.clone()))?;
    let overlap = overlap(images(&train).chain(images(&dev)), images(&test)).unwrap_or_default();
    let description = format!(
        "GNT files: {} to train on ({} files, {} of them set aside for development), {} to test on{overlap}; {} classes. A subset: \
         its figures cannot be compared with published ones unless the files are the whole of HWDB1.0 and 1.1 and the \
         ICDAR-2013 competition set",
        file_names(&args.images.gnt_train),
        writers,
        dev_writers.len(),
        file_names(&args.images.gnt_test),
        train.classes.len()
    );
    Ok(Data { train, dev, test, description })
}
