//! Flags that several commands have.

use crate::cluster;
use crate::pipeline::Earlier;
use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use hccr_data::gb2312::gb2312_level1;
use hccr_models::{DISTILLATION, Engine, InProcess, Tier};
use hccr_nn_train::{Distillation, Optimizer};
use hccr_torch::{Precision, Torch};
use serde::Serialize;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// How large a reproduction is.
#[derive(Args, Clone, Debug)]
pub(crate) struct SizeArgs {
    /// How much work to do: `smoke` shows in seconds that every part runs, `default` takes minutes on two cores, `full` is the
    /// thesis's size (3755 classes) and takes days on two cores
    #[arg(long, value_enum, default_value = "default")]
    tier: TierArg,
    /// Number of classes, which are the first characters of GB2312 level 1 [default: 100, in the full tier 3755]. With files,
    /// the classes are those of the training files (of the test files, if there are no others), in the full tier only those of level 1,
    /// and this is the largest number of them to take
    #[arg(long)]
    pub(crate) classes: Option<usize>,
    /// Also train the baseline on for as many steps as compression takes, so that the report compares networks that have trained for as
    /// long [default: only in the full tier]
    #[arg(long)]
    longer_baseline: bool,
    /// Let the network learn from the baseline's answers too while it is compressed, beside the labels: half of the loss. Compression
    /// takes a third to two thirds longer. In the ablation the offline network read more for it, and the online network less
    #[arg(long)]
    distill: bool,
    /// Read files' samples as they are, instead of distorting them anew each time that they are trained on
    #[arg(long)]
    pub(crate) no_augmentation: bool,
    /// Train the baseline for so many passes over the training set, and the other stages as much longer or shorter
    #[arg(long, value_name = "PASSES", conflicts_with = "effort")]
    pub(crate) epochs: Option<f64>,
    /// End the baseline after so many passes in a row that do not read the development set better; the best state is taken
    #[arg(long, value_name = "PASSES", requires = "epochs")]
    pub(crate) patience: Option<usize>,
}

/// Flags of every run.
#[derive(Args, Clone, Debug)]
pub(crate) struct RunArgs {
    /// Multiplies the number of training steps of every stage
    #[arg(long, default_value_t = 1.0)]
    pub(crate) effort: f64,
    /// What trains the networks: `cpu` this program, `torch` PyTorch, on a GPU where there is one. `torch` needs a Python with PyTorch,
    /// `python3` or the one that the environment variable HCCR_PYTHON names. It rounds in another way in every run
    #[arg(long, value_enum, default_value = "cpu")]
    engine: EngineArg,
    /// Seed of the simulated writers, of the initial weights and of the order of samples
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Continue from the checkpoint in the output directory; on the CPU the result is bit for bit that of an uninterrupted run
    #[arg(long)]
    pub(crate) resume: bool,
    /// Directory for report.json, report.html, metrics.jsonl, the model files and the checkpoint. Where several networks are
    /// trained, each has a directory of its name in it [default: in target/reproduce offline, online, ablate or ablate-online; for models
    /// target/models, or target/models-smoke]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Whether this network is one of several.
    #[arg(skip)]
    pub(crate) is_one_of_several: bool,
    /// What is set aside when this run begins, beside what is in its own directory.
    #[arg(skip)]
    pub(crate) earlier: Vec<Earlier>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TierArg {
    Smoke,
    Default,
    Full,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum EngineArg {
    Cpu,
    Torch,
}

impl SizeArgs {
    /// Refuses numbers out of range.
    pub(crate) fn check(&self) -> Result<()> {
        if let Some(classes) = self.classes {
            ensure!((2..=3755).contains(&classes), "--classes must be from 2 to 3755");
        }
        if let Some(epochs) = self.epochs {
            ensure!(epochs > 0.0 && epochs <= 1000.0, "--epochs must be above 0 and at most 1000");
        }
        ensure!(self.patience != Some(0), "--patience must be at least 1");
        Ok(())
    }

    pub(crate) fn tier(&self) -> Tier {
        match self.tier {
            TierArg::Smoke => Tier::Smoke,
            TierArg::Default => Tier::Default,
            TierArg::Full => Tier::Full,
        }
    }

    /// Whether the baseline is to train on for as long as compression takes.
    pub(crate) fn wants_longer_baseline(&self) -> bool {
        self.longer_baseline || self.tier == TierArg::Full
    }

    /// How the compressed network learns from the baseline, if it does.
    pub(crate) fn distillation(&self) -> Option<Distillation> {
        self.distill.then_some(DISTILLATION)
    }

    /// Refuses the flags that say how one pipeline trains: the methods of an ablation have their own lengths, baselines and teachers.
    pub(crate) fn check_of_ablation(&self) -> Result<()> {
        let flags = [
            (self.longer_baseline, "--longer-baseline"),
            (self.distill, "--distill"),
            (self.epochs.is_some(), "--epochs"),
            (self.patience.is_some(), "--patience"),
        ];
        match flags.iter().find(|(given, _)| *given) {
            Some((_, flag)) => {
                bail!("{flag} is of no use here: --effort and --methods say what is trained, and for how long")
            }
            None => Ok(()),
        }
    }

    /// What to take of files to train on: everything, or in the full tier the thesis's classes.
    pub(crate) fn classes_of_files(&self) -> Option<Vec<char>> {
        (self.tier == TierArg::Full).then(gb2312_level1)
    }

    pub(crate) fn tier_name(&self) -> String {
        self.tier.to_possible_value().map_or_else(String::new, |v| v.get_name().into())
    }

    /// Refuses a flag that says how files are trained on where there are none.
    pub(crate) fn check_files(&self, are_trained_on: bool, flags: &str) -> Result<()> {
        let is_used = !self.no_augmentation || are_trained_on;
        ensure!(is_used, "--no-augmentation is for files to train on: give {flags} too");
        Ok(())
    }

    /// The flags, as they are given to the command.
    pub(crate) fn flags(&self) -> Vec<(&'static str, String)> {
        let tier = (self.tier != TierArg::Default).then(|| ("tier", self.tier_name()));
        let classes = self.classes.map(|classes| ("classes", classes.to_string()));
        let longer = self.longer_baseline.then(|| ("longer-baseline", String::new()));
        let distill = self.distill.then(|| ("distill", String::new()));
        let plain = self.no_augmentation.then(|| ("no-augmentation", String::new()));
        let epochs = self.epochs.map(|epochs| ("epochs", epochs.to_string()));
        let patience = self.patience.map(|patience| ("patience", patience.to_string()));
        tier.into_iter()
            .chain(classes)
            .chain(longer)
            .chain(distill)
            .chain(plain)
            .chain(epochs)
            .chain(patience)
            .collect()
    }
}

impl RunArgs {
    /// Refuses numbers out of range.
    pub(crate) fn check(&self) -> Result<()> {
        ensure!(self.effort > 0.0 && self.effort <= 1000.0, "--effort must be above 0 and at most 1000");
        let alone = !self.on_gpu() || cluster::world().is_none();
        ensure!(alone, "--engine torch trains in one process: start it by `cargo xtask reproduce`");
        Ok(())
    }

    /// Whether a GPU is to train, which wants large mini-batches.
    pub(crate) fn on_gpu(&self) -> bool {
        self.engine == EngineArg::Torch
    }

    /// The engine asked for, started.
    pub(crate) fn engine<O: Optimizer + Serialize + 'static>(&self) -> Result<Box<dyn Engine<O>>> {
        if !self.on_gpu() {
            return Ok(Box::new(InProcess { world: cluster::world() }));
        }
        let python = std::env::var_os("HCCR_PYTHON").unwrap_or_else(|| "python3".into());
        let torch = Torch::start(&python, Precision::Mixed).context("--engine torch needs a Python with PyTorch")?;
        eprintln!("training with {}", torch.device());
        Ok(Box::new(torch))
    }

    /// The output directory of the network `name`.
    pub(crate) fn out(&self, name: &str) -> PathBuf {
        if let Some(folder) = cluster::folder() {
            return folder.join(name);
        }
        match &self.out {
            Some(out) if self.is_one_of_several => out.join(name),
            Some(out) => out.clone(),
            None => Path::new("target/reproduce").join(name),
        }
    }

    /// The command that repeats a run of a pipeline: all flags that change its figures, `flags` being those that not every run has.
    pub(crate) fn command(&self, pipeline: &str, flags: &[(&str, String)]) -> String {
        let command = if self.is_one_of_several { "reproduce".to_owned() } else { format!("reproduce {pipeline}") };
        self.command_of(&command, flags)
    }

    /// What tells the state of such a run from others: the command without the names of the files that are read when all is trained. A run
    /// whose test files cannot be read goes on with others.
    pub(crate) fn identity(&self, pipeline: &str, flags: &[(&str, String)]) -> String {
        let mut flags = flags.to_vec();
        flags.retain(|(name, _)| *name != "offline-model");
        let tests = flags.iter_mut().filter(|(name, _)| name.ends_with("-test"));
        tests.for_each(|(_, files)| *files = "FILES".into());
        self.command(pipeline, &flags)
    }

    /// The command that repeats a run of another command of `cargo xtask`.
    pub(crate) fn command_of(&self, command: &str, flags: &[(&str, String)]) -> String {
        let mut command = format!("cargo xtask {command}");
        let mut flag = |name: &str, value: &str| command += &format!(" --{name} {value}");
        if self.effort != 1.0 {
            flag("effort", &self.effort.to_string());
        }
        for (name, value) in flags {
            flag(name, value);
        }
        if self.on_gpu() {
            flag("engine", "torch");
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
    // Who started the processes, and where, this one does not know.
    if cluster::world().is_some() {
        return "the command that started all processes, with --resume at its end".into();
    }
    format!("cargo xtask reproduce {}", words.join(" "))
}

/// The word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-+=./,:@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.into() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// Refuses files that are not there, before a run trains for hours and reads them at its end.
pub(crate) fn check_exist(paths: &[PathBuf]) -> Result<()> {
    paths.iter().try_for_each(|path| {
        std::fs::metadata(path).map(drop).with_context(|| format!("cannot read {}", path.display()))
    })
}

/// The names of files, for a command that is repeated elsewhere: where they lie differs from machine to machine.
pub(crate) fn file_names(paths: &[PathBuf]) -> String {
    let names: Vec<_> = paths.iter().map(|p| p.file_name().unwrap_or_default().to_string_lossy()).collect();
    names.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Flags {
        #[command(flatten)]
        size: SizeArgs,
        #[command(flatten)]
        run: RunArgs,
    }

    #[test]
    fn an_ablation_refuses_what_it_would_ignore() {
        let check = |flags: &str| {
            let words = flags.split_whitespace();
            let Flags { size, run } = clap::Parser::try_parse_from(std::iter::once("ablate").chain(words)).unwrap();
            run.check().unwrap();
            size.check_of_ablation().map_err(|error| error.to_string())
        };
        assert_eq!(check("--tier smoke --classes 20"), Ok(()));
        for flags in ["--longer-baseline", "--distill", "--epochs 2", "--epochs 2 --patience 1"] {
            let flag = flags.split(' ').next().unwrap();
            assert!(check(flags).is_err_and(|error| error.starts_with(flag)), "{flags}");
        }
    }

    #[test]
    fn test_files_are_no_part_of_a_runs_identity_but_that_there_are_some() {
        let Flags { run, .. } = clap::Parser::try_parse_from(["offline", "--seed", "7"]).unwrap();
        let identity = |test: Option<&str>, train: &str| {
            let mut flags =
                vec![("gnt-train", train.to_owned()), ("offline-model", test.unwrap_or_default().to_owned())];
            flags.extend(test.map(|test| ("gnt-test", test.to_owned())));
            run.identity("offline", &flags)
        };
        assert_eq!(identity(Some("a.zip"), "t.zip"), identity(Some("b.zip"), "t.zip"));
        assert_ne!(identity(Some("a.zip"), "t.zip"), identity(None, "t.zip"));
        assert_ne!(identity(Some("a.zip"), "t.zip"), identity(Some("a.zip"), "u.zip"));
    }

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
