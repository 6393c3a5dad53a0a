//! The flags of the online pipeline.

use crate::args::{RunArgs, SizeArgs, check_exist, file_names};
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;

/// Flags of the online pipeline alone.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct InkArgs {
    /// Train the online network on these POT files, folders of them or zip archives of them (CASIA-OLHWDB 1.0, 1.1, 1.2), or on a
    /// packed set of them (`cargo xtask data pack`), which is not held in memory, instead of on simulated writing; a sixteenth of their writers (files) is set aside for development
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub(super) pot: Vec<PathBuf>,
    /// Test the online network on these POT files, folders or zip archives, or on a packed set [default: a fifth of the writers of --pot]. Without
    /// --pot it is trained on simulated ink of their classes
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub(super) pot_test: Vec<PathBuf>,
    /// Also train on the simulator's ink of the same classes
    #[arg(long, requires = "pot")]
    pub(super) with_simulated: bool,
}

impl InkArgs {
    /// Whether files are trained on.
    pub(crate) fn are_trained_on(&self) -> bool {
        !self.pot.is_empty()
    }

    /// Whether files are given.
    pub(crate) fn has_files(&self) -> bool {
        !self.pot.is_empty() || !self.pot_test.is_empty()
    }
}

/// Flags of the online pipeline.
#[derive(Args, Clone, Debug)]
pub(crate) struct OnlineArgs {
    #[command(flatten)]
    pub(crate) size: SizeArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) ink: InkArgs,
    /// Fuse with this compressed offline network of the same classes (graph-opt.hccr of an offline run)
    #[arg(long, value_name = "FILE")]
    pub(crate) offline_model: Option<PathBuf>,
}

impl OnlineArgs {
    /// Refuses numbers out of range, and files that are not there: those of the test are read when all is trained.
    pub(crate) fn check(&self) -> Result<()> {
        self.size.check()?;
        self.run.check()?;
        if !self.run.is_one_of_several {
            self.size.check_files(self.ink.are_trained_on(), "--pot")?;
        }
        check_exist(&self.ink.pot)?;
        check_exist(&self.ink.pot_test)
    }

    /// The flags of size and ink, as they are given to the command.
    pub(crate) fn flags(&self) -> Vec<(&'static str, String)> {
        let InkArgs { pot, pot_test, with_simulated } = &self.ink;
        let files = [("pot", pot), ("pot-test", pot_test)].into_iter().filter(|(_, paths)| !paths.is_empty());
        let mut flags = self.size.flags();
        flags.extend(files.map(|(name, paths)| (name, file_names(paths))));
        if *with_simulated {
            flags.push(("with-simulated", String::new()));
        }
        flags.extend(self.offline_model.iter().map(|path| ("offline-model", file_names(std::slice::from_ref(path)))));
        flags
    }
}
