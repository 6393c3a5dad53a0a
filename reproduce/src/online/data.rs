//! The sets of ink that a run trains, develops and is tested on.

use super::args::{InkArgs, OnlineArgs};
use super::inks::Inks;
use crate::args::file_names;
use crate::offline::{others, simulator_in_words, trained_on_simulated};
use crate::pipeline::{DEV_SAMPLES, DEV_SHARE, Data, Test, held_out_writers, overlap};
use crate::progress::{bar, counting, finish};
use anyhow::{Context, Result, ensure};
use hccr_data::SplitSize;
use hccr_data::{CasiaFilter, CasiaLimits, InkSet, SimulatorConfig, Split, is_packed, load_pot, simulate_ink};
use hccr_models::online::{OnlineRecipe, SequenceSet};
use hccr_models::{SampleSet, spread};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// One in this many writers of the files is set aside for testing, unless test files are given.
const TEST_SHARE: usize = 5;

/// More than OLHWDB1.0, 1.1 and 1.2 hold together.
const MAX_INKS: usize = 1 << 22;

/// Simulates the sets to train and develop on, or reads them from the POT files asked for.
pub(crate) fn load(args: &OnlineArgs, recipe: &OnlineRecipe) -> Result<Data<SequenceSet>> {
    let simulator = &recipe.common.data;
    let (train, dev, description) = match (args.ink.pot.is_empty(), args.ink.pot_test.is_empty()) {
        (true, true) => all_simulated(simulator)?,
        (true, false) => tested_on_pot(args, simulator)?,
        (false, _) => from_pot(args, simulator)?,
    };
    let train = train.into_samples(recipe).context("normalizing ink")?;
    Ok(Data { train, dev: sequences(dev, recipe)?, description })
}

/// The inks as the network reads them.
pub(crate) fn sequences(inks: InkSet, recipe: &OnlineRecipe) -> Result<SequenceSet> {
    SequenceSet::new(inks, recipe.augmentation, recipe.steps_at_once).context("normalizing ink")
}

/// Simulates the test set of a run on `data`, or reads it from the POT files asked for.
pub(crate) fn test(args: &OnlineArgs, recipe: &OnlineRecipe, data: &Data<SequenceSet>) -> Result<Test<SequenceSet>> {
    let InkArgs { pot, pot_test, .. } = &args.ink;
    let classes = || Some(data.dev.classes().to_vec());
    let inks = match (pot.is_empty(), pot_test.is_empty()) {
        (true, true) => Inks::Memory(simulated("test set", &recipe.common.data, Split::Test)?),
        (false, true) => split_off_test(&read("test set", pot, classes())?)?.1,
        (_, false) => read("test set", pot_test, classes())?,
    };
    let mut note = String::new();
    if !pot.is_empty() && !pot_test.is_empty() {
        let trained_on = read("train set", pot, classes())?;
        note = overlap(trained_on.hashes()?, inks.hashes()?).unwrap_or_default();
    }
    Ok(Test { set: sequences(inks.into_memory()?, recipe)?, note })
}

fn all_simulated(simulator: &SimulatorConfig) -> Result<(Inks, InkSet, String)> {
    let sets = [("train set", Split::Train), ("dev set", Split::Dev)];
    let [train, dev] = sets.map(|(name, split)| simulated(name, simulator, split));
    let description = format!("simulated pen trajectories of {}", simulator_in_words(simulator));
    Ok((Inks::Memory(train?), dev?, description))
}

/// Ink that the simulator writes.
pub(crate) fn simulated(name: &str, simulator: &SimulatorConfig, split: Split) -> Result<InkSet> {
    let bar = bar(name, 0);
    let set = simulate_ink(simulator, split, &counting(&bar)).context("simulating handwriting")?;
    finish(&bar, name, &format!("{} simulated inks by {} writers", set.len(), simulator.size(split).writers));
    Ok(set)
}

/// Simulated ink of the classes of the test files; none of the files' inks is trained on.
fn tested_on_pot(args: &OnlineArgs, simulator: &SimulatorConfig) -> Result<(Inks, InkSet, String)> {
    // Their characters alone count before the test.
    let mut known = read("test set", &args.ink.pot_test, None)?;
    known.keep_first_classes(args.size.classes);
    let simulator = SimulatorConfig { classes: known.classes().to_vec(), ..simulator.clone() };
    let (train, dev) =
        (simulated("train set", &simulator, Split::Train)?, simulated("dev set", &simulator, Split::Dev)?);
    let description = trained_on_simulated(&simulator, "POT files", &args.ink.pot_test);
    Ok((Inks::Memory(train), dev, description))
}

/// The inks of files, folders and archives in memory, or those of a packed file where they are.
fn read(name: &str, paths: &[PathBuf], classes: Option<Vec<char>>) -> Result<Inks> {
    let bar = bar(name, 0);
    let limits = CasiaLimits { samples: MAX_INKS, ..CasiaLimits::default() };
    let filter = CasiaFilter { classes, limits, ..CasiaFilter::default() };
    let packed = paths.iter().find(|path| is_packed(path));
    ensure!(packed.is_none() || paths.len() == 1, "{name}: give a packed file alone, or pack all files into one");
    let set = match packed {
        Some(path) => Inks::open(path, &filter)?,
        None => Inks::Memory(load_pot(paths, &filter)?),
    };
    let (len, classes, others) = (set.len(), set.classes().len(), others(set.passed_over()));
    finish(&bar, name, &format!("{len} inks of {classes} classes{others}"));
    ensure!(len > 0, "{name}: no ink of a wanted class in {paths:?}");
    Ok(set)
}

fn from_pot(args: &OnlineArgs, simulator: &SimulatorConfig) -> Result<(Inks, InkSet, String)> {
    let InkArgs { pot, pot_test, with_simulated, .. } = &args.ink;
    let mut all = read("ink", pot, args.size.classes_of_files())?;
    all.keep_first_classes(args.size.classes);
    let mut tested_on = file_names(pot_test);
    if pot_test.is_empty() {
        let (others, test) = split_off_test(&all)?;
        (all, tested_on) = (others, format!("{} writers of the same files", writers(&test)));
    }
    let dev_writers = held_out_writers(all.writers(), DEV_SHARE)?;
    let (dev, mut train) = all.split_by_writer(|w| dev_writers.contains(&w));
    let mut description = format!(
        "POT files: {} ({} writers to train on, {} for development); tested on {tested_on}; {} classes",
        file_names(pot),
        writers(&train),
        writers(&dev),
        train.classes().len()
    );
    if *with_simulated {
        let config = SimulatorConfig { classes: train.classes().to_vec(), ..simulator.clone() };
        let inks = simulated("simulated", &config, Split::Train)?;
        let SplitSize { writers, samples_per_class } = config.train;
        description += &format!(
            "; as many inks again, or more, of the simulator to train on: {samples_per_class} a class by {writers} writers"
        );
        train = Inks::Memory(side_by_side(&train.into_memory()?, &inks));
    }
    description += ". A subset: its figures cannot be compared with published ones unless the files are the whole of \
                    OLHWDB1.0 and 1.1 and the ICDAR-2013 competition set";
    Ok((train, dev.subset(&spread(dev.len(), DEV_SAMPLES)).into_memory()?, description))
}

fn writers(set: &Inks) -> usize {
    set.writers().iter().collect::<BTreeSet<_>>().len()
}

/// All inks but those of the writers set aside for testing, and those.
fn split_off_test(all: &Inks) -> Result<(Inks, Inks)> {
    let writers = held_out_writers(all.writers(), TEST_SHARE)?;
    let (test, others) = all.split_by_writer(|w| writers.contains(&w));
    Ok((others, test))
}

/// Both sets, with the real one repeated until it is about as large as the simulated one. Repeated inks still differ, since
/// training drops other points each time.
fn side_by_side(real: &InkSet, simulated: &InkSet) -> InkSet {
    let mut set = InkSet::new(real.classes.clone());
    let first_simulated = real.writers.iter().max().map_or(0, |w| w + 1);
    for _ in 0..(simulated.len() / real.len()).max(1) {
        for i in 0..real.len() {
            set.push(real.strokes(i), real.labels[i], real.writers[i]);
        }
    }
    for i in 0..simulated.len() {
        set.push(simulated.strokes(i), simulated.labels[i], first_simulated + simulated.writers[i]);
    }
    set
}
