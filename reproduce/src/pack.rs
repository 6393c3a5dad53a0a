//! `cargo xtask data pack`: packs GNT or POT files into one, which training reads without holding it in memory.

use crate::progress::{bar, finish};
use anyhow::Result;
use clap::{Args, ValueEnum};
use hccr_data::{CasiaLimits, Unusable, pack_gnt, pack_pot};
use std::path::PathBuf;

/// Records of no use that are named one by one; of more, the number is said.
const NAMED: usize = 20;

/// Flags of the command.
#[derive(Args, Clone, Debug)]
pub(crate) struct PackArgs {
    /// What the files hold
    #[arg(long, value_enum)]
    records: Records,
    /// The packed file to be made
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// GNT or POT files, folders of them, or zip archives of them, in any nesting
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Records {
    /// Images.
    Gnt,
    /// Pen trajectories.
    Pot,
}

/// Packs, or goes on with it.
pub(crate) fn run(PackArgs { records, out, paths }: &PackArgs) -> Result<()> {
    // The user's own archives may be as large as they are; that a member fills the memory is still refused.
    let limits = CasiaLimits { total_bytes: u64::MAX, ..CasiaLimits::default() };
    let bar = bar("pack", 0);
    let progress = |records: usize| bar.set_position(records as u64);
    let packed = match records {
        Records::Gnt => pack_gnt(paths, &limits, out, &progress)?,
        Records::Pot => pack_pot(paths, &limits, out, &progress)?,
    };
    let resumed = match packed.resumed_files {
        0 => String::new(),
        files => format!(", {files} of which an earlier run had packed"),
    };
    let (count, files) = (packed.records, packed.files);
    finish(&bar, "pack", &format!("{count} records of {files} files{resumed}, in {}", out.display()));
    for Unusable { file, record, reason } in packed.unusable.iter().take(NAMED) {
        eprintln!("left out: record {record} of {file}: {reason}");
    }
    if packed.unusable.len() > NAMED {
        eprintln!("left out: {} records in all", packed.unusable.len());
    }
    Ok(())
}
