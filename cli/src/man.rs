//! `hccr man`: the manual pages.

use anyhow::{Context, Result};
use clap::{Args, Command};
use std::path::PathBuf;

/// Write the manual pages into a folder
///
/// `hccr.1` is about the whole, `hccr-read.1` and so on are about the commands.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  hccr man ~/.local/share/man/man1 && man hccr")]
pub struct ManArgs {
    /// The folder; it is made where it is missing
    folder: PathBuf,
}

impl ManArgs {
    pub(crate) fn run(&self, command: Command) -> Result<()> {
        let written =
            std::fs::create_dir_all(&self.folder).and_then(|()| clap_mangen::generate_to(command, &self.folder));
        written.with_context(|| format!("cannot write the manual into {}", self.folder.display()))
    }
}
