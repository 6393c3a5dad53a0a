//! The flags of `cargo xtask models`.

use crate::args::{RunArgs, file_names};
use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use hccr_models::CharacterSet;
use std::path::PathBuf;

/// Flags of the models that the project ships.
#[derive(Args, Clone, Debug)]
pub(crate) struct ModelsArgs {
    /// `full` makes the models that the project ships; `smoke` shows in a minute that every part works, with tiny models of ten
    /// characters, in target/models-smoke
    #[arg(long, value_enum, default_value = "full")]
    pub(super) tier: ModelsTier,
    /// Make this model alone [default: both]
    #[arg(long, value_enum)]
    pub(super) only: Option<Kind>,
    /// The characters that the models read: the 3755 of GB2312 level 1, or all that the simulator can write
    #[arg(long, value_enum, default_value = "3755")]
    pub(super) set: Set,
    /// Train the model of this file on, in place of one from nothing: its zeros may grow and its shared values part, and it is then
    /// compressed again, to the size that one from nothing gets. It may read fewer characters than --set asks for. Together with --only
    #[arg(long, value_name = "FILE", requires = "only")]
    pub(super) from: Option<PathBuf>,
    #[command(flatten)]
    pub(super) run: RunArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ModelsTier {
    Smoke,
    Full,
}

/// What a model reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// Images.
    Offline,
    /// Pen trajectories.
    Online,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Set {
    #[value(name = "3755")]
    Level1,
    Wide,
}

impl ModelsTier {
    /// The directory of its models, unless another one is given.
    pub(super) fn out(self) -> &'static str {
        match self {
            Self::Smoke => "target/models-smoke",
            Self::Full => "target/models",
        }
    }
}

impl ModelsArgs {
    /// Refuses numbers out of range.
    pub(super) fn check(&self) -> Result<()> {
        self.run.check()?;
        let is_used = self.tier != ModelsTier::Smoke || self.run.effort == 1.0;
        ensure!(is_used, "--effort is for the full tier: a smoke run has a length of its own");
        Ok(())
    }

    /// What to make, in order.
    pub(super) fn kinds(&self) -> Vec<Kind> {
        self.only.map_or(vec![Kind::Offline, Kind::Online], |kind| vec![kind])
    }

    pub(super) fn character_set(&self) -> CharacterSet {
        match self.set {
            Set::Level1 => CharacterSet::Level1,
            Set::Wide => CharacterSet::Wide,
        }
    }

    /// Samples per mini-batch: small ones give a short training more steps.
    pub(super) fn batch_size(&self) -> usize {
        match self.tier {
            ModelsTier::Smoke => 32,
            ModelsTier::Full if self.run.on_gpu() => 512,
            ModelsTier::Full => 128,
        }
    }

    /// The name of a model and of its files, such as `offline-3755`.
    pub(super) fn model_name(&self, kind: Kind) -> String {
        format!("{}-{}", value_name(kind), self.character_set().name())
    }

    /// The command that makes a model again: all flags that change its figures.
    pub(super) fn command(&self, kind: Kind) -> String {
        let mut flags = vec![("only", value_name(kind)), ("set", value_name(self.set))];
        if self.tier == ModelsTier::Smoke {
            flags.push(("tier", value_name(self.tier)));
        }
        if let Some(from) = &self.from {
            flags.push(("from", file_names(std::slice::from_ref(from))));
        }
        self.run.command_of("models", &flags)
    }

    pub(super) fn tier_name(&self) -> String {
        value_name(self.tier)
    }
}

pub(super) fn value_name(value: impl ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |v| v.get_name().into())
}
