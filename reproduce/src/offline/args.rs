//! The flags of the offline pipeline.

use crate::args::{RunArgs, SizeArgs, check_exist, file_names};
use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use hccr_compress::{Block, BlockShapes};
use hccr_runtime::Plan;
use std::path::PathBuf;

/// Flags of the offline pipeline alone.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ImageArgs {
    /// Channel multiplier of the offline network: 1 is the thesis's width [default: 0.25, in the full tier 1]
    #[arg(long)]
    pub(crate) width: Option<f32>,
    /// Train the offline network on these GNT files, folders of them or zip archives of them (CASIA-HWDB 1.0, 1.1, 1.2), or on a
    /// packed set of them (`cargo xtask data pack`), which is not held in memory, instead of on simulated writing; a sixteenth of their writers (files) is set aside for development
    #[arg(long, value_name = "PATH", num_args = 1.., requires = "gnt_test")]
    pub(super) gnt_train: Vec<PathBuf>,
    /// Test the offline network on these GNT files, folders or zip archives, or on a packed set. Without --gnt-train it is trained on simulated
    /// writing of their classes
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub(super) gnt_test: Vec<PathBuf>,
    /// Prune channels of the offline network before it becomes low-rank, until it takes so many times fewer multiply-accumulates
    #[arg(long, value_name = "TIMES")]
    channels: Option<f64>,
    /// Where pruning of the offline network puts zeros: `anywhere` keeps the most accuracy, `blocks` of output by input channels make the
    /// smallest file, `mixed` puts them in blocks in convolutions, which run faster so, and anywhere in fully connected layers
    #[arg(long, value_enum, default_value = "anywhere")]
    zeros: Zeros,
    /// `thesis` compresses the offline network by what is known of the thesis's own recipe: labels of 6 and 5 bits, ranks of a speed-up of 4,
    /// dropout, a first convolution that stays as it is, and ratios of pruning that follow from a tolerance of 0.1 points per layer
    #[arg(long, value_enum, default_value = "own")]
    recipe: RecipeArg,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum RecipeArg {
    #[default]
    Own,
    Thesis,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Zeros {
    #[default]
    Anywhere,
    /// Those of [`Plan::BLOCK`].
    Blocks,
    /// The same in convolutions alone.
    Mixed,
}

impl ImageArgs {
    /// Whether files are given.
    pub(crate) fn has_files(&self) -> bool {
        !self.gnt_test.is_empty()
    }

    /// Whether files are trained on.
    pub(crate) fn are_trained_on(&self) -> bool {
        !self.gnt_train.is_empty()
    }

    /// A flag that is given, and says how the offline network is trained.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let flags = [
            (self.width.is_some(), "--width"),
            (self.channels.is_some(), "--channels"),
            (self.zeros != Zeros::Anywhere, "--zeros"),
            (self.recipe != RecipeArg::Own, "--recipe"),
        ];
        flags.into_iter().find(|(is_given, _)| *is_given).map(|(_, flag)| flag)
    }

    /// Whether to compress by the thesis's recipe.
    pub(crate) fn is_as_in_thesis(&self) -> bool {
        self.recipe == RecipeArg::Thesis
    }

    /// How many times fewer multiply-accumulates channel pruning is to leave, where it is wanted.
    pub(crate) fn channels(&self) -> Option<f64> {
        self.channels
    }

    /// Which weights pruning drops together, where not each on its own.
    pub(crate) fn blocks(&self) -> Option<BlockShapes> {
        let block = Block::from(Plan::BLOCK);
        match self.zeros {
            Zeros::Anywhere => None,
            Zeros::Blocks => Some(block.into()),
            Zeros::Mixed => Some(BlockShapes { convolution: block, matrix: Block::SINGLE }),
        }
    }
}

/// Flags of the offline pipeline.
#[derive(Args, Clone, Debug)]
pub(crate) struct OfflineArgs {
    #[command(flatten)]
    pub(crate) size: SizeArgs,
    #[command(flatten)]
    pub(crate) run: RunArgs,
    #[command(flatten)]
    pub(crate) images: ImageArgs,
}

impl OfflineArgs {
    /// Refuses numbers out of range, and files that are not there: those of the test are read when all is trained.
    pub(crate) fn check(&self) -> Result<()> {
        self.size.check()?;
        self.run.check()?;
        if !self.run.is_one_of_several {
            self.size.check_files(self.images.are_trained_on(), "--gnt-train")?;
        }
        check_exist(&self.images.gnt_train)?;
        check_exist(&self.images.gnt_test)?;
        if let Some(width) = self.images.width {
            ensure!(width > 0.0 && width <= 4.0, "--width must be above 0 and at most 4");
        }
        if let Some(times) = self.images.channels {
            ensure!((1.0..=100.0).contains(&times), "--channels must be from 1 to 100");
        }
        Ok(())
    }

    /// The flags of size and images, as they are given to the command.
    pub(crate) fn flags(&self) -> Vec<(&'static str, String)> {
        let ImageArgs { width, gnt_train, gnt_test, channels, zeros, recipe } = &self.images;
        let mut flags = self.size.flags();
        flags.extend(width.iter().map(|width| ("width", width.to_string())));
        flags.extend(channels.iter().map(|times| ("channels", times.to_string())));
        if *zeros != Zeros::Anywhere {
            let name = zeros.to_possible_value().map_or_else(String::new, |value| value.get_name().into());
            flags.push(("zeros", name));
        }
        if *recipe == RecipeArg::Thesis {
            flags.push(("recipe", "thesis".into()));
        }
        let files =
            [("gnt-train", gnt_train), ("gnt-test", gnt_test)].into_iter().filter(|(_, paths)| !paths.is_empty());
        flags.extend(files.map(|(name, paths)| (name, file_names(paths))));
        flags
    }
}
