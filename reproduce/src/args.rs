//! Flags that both pipelines have.

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use hccr_models::Tier;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Flags of every run.
#[derive(Args, Clone, Debug)]
pub(crate) struct RunArgs {
    /// How much work to do: `smoke` shows in seconds that every part runs, `default` takes minutes on two cores, `full` is the
    /// thesis's size (3755 classes) and takes days on two cores
    #[arg(long, value_enum, default_value = "default")]
    tier: TierArg,
    /// Number of classes, which are the first characters of GB2312 level 1 [default: 100, in the full tier 3755]. With files,
    /// the classes are those of the training files (of the test files, if there are no others), and this is the largest number
    /// of them to take
    #[arg(long)]
    pub(crate) classes: Option<usize>,
    /// Multiplies the number of training steps of every stage
    #[arg(long, default_value_t = 1.0)]
    pub(crate) effort: f64,
    /// Seed of the simulated writers, of the initial weights and of the order of samples
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Continue from the checkpoint in the output directory; the result is bit for bit that of an uninterrupted run
    #[arg(long)]
    pub(crate) resume: bool,
    /// Directory for report.json, report.html, metrics.jsonl, the model files and the checkpoint. Where both pipelines run, each
    /// has a directory of its name in it [default: target/reproduce/offline, target/reproduce/online]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Whether this pipeline is one of two.
    #[arg(skip)]
    pub(crate) is_one_of_two: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TierArg {
    Smoke,
    Default,
    Full,
}

impl RunArgs {
    /// Refuses numbers out of range.
    pub(crate) fn check(&self) -> Result<()> {
        ensure!(self.effort > 0.0 && self.effort <= 1000.0, "--effort must be above 0 and at most 1000");
        if let Some(classes) = self.classes {
            ensure!((2..=3755).contains(&classes), "--classes must be from 2 to 3755");
        }
        Ok(())
    }

    pub(crate) fn tier(&self) -> Tier {
        match self.tier {
            TierArg::Smoke => Tier::Smoke,
            TierArg::Default => Tier::Default,
            TierArg::Full => Tier::Full,
        }
    }

    pub(crate) fn tier_name(&self) -> String {
        self.tier.to_possible_value().map_or_else(String::new, |v| v.get_name().into())
    }

    /// The output directory of a pipeline.
    pub(crate) fn out(&self, pipeline: &str) -> PathBuf {
        match &self.out {
            Some(out) if self.is_one_of_two => out.join(pipeline),
            Some(out) => out.clone(),
            None => Path::new("target/reproduce").join(pipeline),
        }
    }

    /// The command that repeats the run: all flags that change its figures, `flags` being those of the pipeline alone.
    pub(crate) fn command(&self, pipeline: &str, flags: &[(&str, String)]) -> String {
        let mut command = String::from("cargo xtask reproduce");
        if !self.is_one_of_two {
            command += &format!(" {pipeline}");
        }
        let mut flag = |name: &str, value: &str| command += &format!(" --{name} {value}");
        if self.tier != TierArg::Default {
            flag("tier", &self.tier_name());
        }
        if let Some(classes) = self.classes {
            flag("classes", &classes.to_string());
        }
        if self.effort != 1.0 {
            flag("effort", &self.effort.to_string());
        }
        for (name, value) in flags {
            flag(name, value);
        }
        flag("seed", &self.seed.to_string());
        // Flags without a value.
        command.replace("  ", " ")
    }
}

/// The command that resumes a run with these arguments: the same arguments, with `--resume`.
pub(crate) fn resuming_command(arguments: impl IntoIterator<Item = OsString>) -> String {
    let mut words: Vec<String> = arguments.into_iter().map(|word| quoted(&word.to_string_lossy())).collect();
    if !words.iter().any(|word| word == "--resume") {
        words.push("--resume".into());
    }
    format!("cargo xtask reproduce {}", words.join(" "))
}

/// The word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-+=./,:@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.into() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// The names of files, for a command that is repeated elsewhere: where they lie differs from machine to machine.
pub(crate) fn file_names(paths: &[PathBuf]) -> String {
    let names: Vec<_> = paths.iter().map(|p| p.file_name().unwrap_or_default().to_string_lossy()).collect();
    names.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_that_goes_on_is_the_one_that_was_given() {
        let command = |words: &[&str]| resuming_command(words.iter().map(OsString::from));
        assert_eq!(
            command(&["--width", "0.5", "--zeros", "blocks"]),
            "cargo xtask reproduce --width 0.5 --zeros blocks --resume"
        );
        assert_eq!(command(&["online", "--resume"]), "cargo xtask reproduce online --resume");
        assert_eq!(
            command(&["offline", "--gnt-train", "/data/my files/it's.zip"]),
            r"cargo xtask reproduce offline --gnt-train '/data/my files/it'\''s.zip' --resume"
        );
    }
}
