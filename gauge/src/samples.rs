//! The labelled samples that the files hold.

use crate::Args;
use anyhow::{Context, Result, ensure};
use hccr_data::{CasiaFilter, ImageSet, InkSet, joined, load_gnt, load_pictures, load_pot, shuffled};
use std::path::PathBuf;

/// The seed by which strokes are shuffled.
const SEED: u64 = 1;

/// Labelled samples.
pub(crate) enum Samples {
    Images(ImageSet),
    Inks(InkSet),
}

/// Reads the files.
pub(crate) fn load(args: &Args) -> Result<Samples> {
    let filter = CasiaFilter::default();
    let samples = if !args.gnt.is_empty() {
        Samples::Images(load_gnt(&args.gnt, &filter, &|_| ()).context("cannot use the files given to --gnt")?)
    } else if !args.images.is_empty() {
        Samples::Images(load_pictures(&args.images, &|_| ()).context("cannot use the files given to --images")?)
    } else {
        let mut set = load_pot(&args.pot, &filter).context("cannot use the files given to --pot")?;
        if args.shuffled {
            set = shuffled(&set, SEED);
        } else if args.joined {
            set = joined(&set);
        }
        Samples::Inks(set)
    };
    let number = match &samples {
        Samples::Images(set) => set.len(),
        Samples::Inks(set) => set.len(),
    };
    ensure!(number > 0, "{} hold no labelled character", file_names(args));
    Ok(samples)
}

/// The files, without the folders that they lie in, which differ from machine to machine.
pub(crate) fn file_names(args: &Args) -> String {
    let paths: Vec<&PathBuf> = args.gnt.iter().chain(&args.pot).chain(&args.images).collect();
    names(&paths)
}

/// The last parts of paths.
pub(crate) fn names(paths: &[&PathBuf]) -> String {
    let names: Vec<_> = paths.iter().map(|p| p.file_name().unwrap_or_default().to_string_lossy()).collect();
    names.join(" ")
}
