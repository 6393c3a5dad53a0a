//! The three sets that a run works on.

use super::args::OfflineArgs;
use crate::args::file_names;
use crate::pipeline::{DEV_SHARE, Data, held_out_writers};
use crate::progress::{bar, counting, finish};
use anyhow::{Context, Result, ensure};
use hccr_data::{CasiaFilter, CasiaLimits, ImageSet, SimulatorConfig, Split, load_gnt, simulate};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// More than HWDB1.0, 1.1 and 1.2 hold together.
const MAX_IMAGES: usize = 1 << 22;

/// Simulates the sets, or reads them from the GNT files asked for.
pub(super) fn load(args: &OfflineArgs, simulator: &SimulatorConfig) -> Result<Data<ImageSet>> {
    if args.images.has_files() { from_gnt(args) } else { simulated(simulator) }
}

fn simulated(simulator: &SimulatorConfig) -> Result<Data<ImageSet>> {
    let make = |name: &str, split| {
        let bar = bar(name, 0);
        let set = simulate(simulator, split, &counting(&bar)).context("simulating handwriting")?;
        let writers = simulator.size(split).writers;
        finish(&bar, name, &format!("{} simulated characters by {writers} writers", set.len()));
        Ok::<_, anyhow::Error>(set)
    };
    let (train, dev) = (make("train set", Split::Train)?, make("dev set", Split::Dev)?);
    let test = make("test set", Split::Test)?;
    let description = format!("simulated handwriting of {}", simulator_in_words(simulator));
    Ok(Data { train, dev, test, description })
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

fn from_gnt(args: &OfflineArgs) -> Result<Data<ImageSet>> {
    let read = |name: &str, paths: &[PathBuf], classes: Option<Vec<char>>| {
        let bar = bar(name, 0);
        let limits = CasiaLimits { samples: MAX_IMAGES, ..CasiaLimits::default() };
        let filter = CasiaFilter { classes, limits, ..CasiaFilter::default() };
        let set = load_gnt(paths, &filter, &|done| bar.set_position(done as u64))?;
        finish(&bar, name, &format!("{} characters of {} classes", set.len(), set.classes.len()));
        ensure!(!set.is_empty(), "{name}: no character of a wanted class in {paths:?}");
        Ok::<_, anyhow::Error>(set)
    };
    let mut all = read("train set", &args.images.gnt_train, None)?;
    if let Some(most) = args.run.classes.filter(|&most| most < all.classes.len()) {
        let kept: Vec<usize> = (0..all.len()).filter(|&i| usize::from(all.labels[i]) < most).collect();
        all = all.subset(&kept);
        all.classes.truncate(most);
    }
    let writers = all.writers.iter().collect::<BTreeSet<_>>().len();
    let dev_writers = held_out_writers(&all.writers, DEV_SHARE)?;
    let (dev, train) = all.split_by_writer(|w| dev_writers.contains(&w));
    let test = read("test set", &args.images.gnt_test, Some(train.classes.clone()))?;
    let description = format!(
        "GNT files: {} to train on ({} files, {} of them set aside for development), {} to test on; {} classes. A subset: \
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
