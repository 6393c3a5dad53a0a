//! The offline pipeline: images -> baseline -> GSLRE -> CRA and ADW -> codebook -> graph optimisation -> report.

mod data;
mod measure;
mod results;
mod stages;

use crate::progress::{Interrupt, Metrics, bar, finish};
use crate::report;
use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use hccr_models::offline::{Recipe, Tier};
use stages::Stages;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Time between two checkpoints.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);

/// Flags of the offline pipeline.
#[derive(Args, Clone, Debug)]
pub(crate) struct OfflineArgs {
    /// How much work: `smoke` shows in seconds that every part runs, `default` takes minutes on two cores, `full` is the
    /// thesis's size (3755 classes, full width) and takes days on two cores
    #[arg(long, value_enum, default_value = "default")]
    tier: TierArg,
    /// Number of classes: the first so many characters of GB2312 level 1 [default: 100, of the full tier 3755]. With
    /// --gnt-train, the classes are those that the training files hold, and this is the most that are taken
    #[arg(long)]
    classes: Option<usize>,
    /// Channel multiplier of the network: 1 is the thesis's width [default: 0.25, of the full tier 1]
    #[arg(long)]
    width: Option<f32>,
    /// Multiplies the number of training steps of every stage
    #[arg(long, default_value_t = 1.0)]
    effort: f64,
    /// Train on these GNT files, folders of them or zip archives of them (CASIA-HWDB 1.0, 1.1, 1.2) instead of on
    /// simulated writing; a sixteenth of their writers (files) is set aside for development
    #[arg(long, value_name = "PATH", num_args = 1.., requires = "gnt_test")]
    gnt_train: Vec<PathBuf>,
    /// Test on these GNT files, folders or zip archives
    #[arg(long, value_name = "PATH", num_args = 1.., requires = "gnt_train")]
    gnt_test: Vec<PathBuf>,
    /// Seed of the simulated writers, of the initial weights and of the order of samples
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Go on from the checkpoint in the output directory; the result is bit for bit that of a run never interrupted
    #[arg(long)]
    resume: bool,
    /// Directory of report.json, report.html, metrics.jsonl, the model files and the checkpoint
    #[arg(long, value_name = "DIR", default_value = "target/reproduce/offline")]
    out: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TierArg {
    Smoke,
    Default,
    Full,
}

impl OfflineArgs {
    fn recipe(&self) -> Result<Recipe> {
        ensure!(self.effort > 0.0 && self.effort <= 1000.0, "--effort must be above 0 and at most 1000");
        if let Some(width) = self.width {
            ensure!(width > 0.0 && width <= 4.0, "--width must be above 0 and at most 4");
        }
        if let Some(classes) = self.classes {
            ensure!((2..=3755).contains(&classes), "--classes must be from 2 to 3755");
        }
        let tier = match self.tier {
            TierArg::Smoke => Tier::Smoke,
            TierArg::Default => Tier::Default,
            TierArg::Full => Tier::Full,
        };
        Ok(Recipe::new(tier, self.classes, self.width, self.effort, self.seed))
    }

    fn tier_name(&self) -> String {
        self.tier.to_possible_value().map_or_else(String::new, |v| v.get_name().into())
    }

    /// The command that repeats the run: all flags that change its figures.
    fn command(&self) -> String {
        let mut command = String::from("cargo xtask reproduce");
        let mut flag = |name: &str, value: String| command += &format!(" --{name} {value}");
        if self.tier != TierArg::Default {
            flag("tier", self.tier_name());
        }
        if let Some(classes) = self.classes {
            flag("classes", classes.to_string());
        }
        if let Some(width) = self.width {
            flag("width", width.to_string());
        }
        if self.effort != 1.0 {
            flag("effort", self.effort.to_string());
        }
        // File names alone: where the files lie differs from machine to machine.
        for (name, paths) in [("gnt-train", &self.gnt_train), ("gnt-test", &self.gnt_test)] {
            if !paths.is_empty() {
                let names: Vec<_> = paths.iter().map(|p| p.file_name().unwrap_or_default().to_string_lossy()).collect();
                flag(name, names.join(" "));
            }
        }
        flag("seed", self.seed.to_string());
        command
    }
}

/// Runs the pipeline, or goes on with it, and writes the report.
pub(crate) fn run(args: &OfflineArgs) -> Result<()> {
    let recipe = args.recipe()?;
    hccr_tensor::blas::use_one_thread()?;
    std::fs::create_dir_all(&args.out).with_context(|| format!("cannot make {}", args.out.display()))?;
    let interrupt = Interrupt::catch()?;
    let started = Instant::now();
    let data = data::load(args, &recipe)?;
    let data_seconds = started.elapsed().as_secs_f64();

    let checkpoint = args.out.join("checkpoint");
    let mut stages = if args.resume {
        Stages::resume(&checkpoint, &recipe, &args.command(), &data)?
    } else {
        Stages::start(&recipe, &args.command(), &data)?
    };
    stages.record_seconds("data", data_seconds);
    let mut metrics = Metrics::open(&args.out.join("metrics.jsonl"), stages.metrics_bytes())?;
    let mut saved = Instant::now();
    while let Some(name) = stages.current() {
        let bar = bar(name, 0);
        let (start, first_step) = (Instant::now(), stages.steps());
        while stages.current() == Some(name) {
            let progress = stages.advance(&mut metrics)?;
            bar.set_length(progress.total as u64);
            bar.set_position(progress.done as u64);
            let images = (stages.steps() - first_step) * recipe.batch_size as u64;
            let rate = images as f64 / start.elapsed().as_secs_f64();
            let rate = if images > 0 { format!(", {rate:.0} images/s") } else { String::new() };
            bar.set_message(progress.message + &rate);
            if interrupt.is_set() || saved.elapsed() > CHECKPOINT_EVERY {
                stages.save(&checkpoint, metrics.bytes())?;
                saved = Instant::now();
            }
            if interrupt.is_set() {
                bar.abandon();
                bail!("stopped; go on with: {} --resume --out {}", args.command(), args.out.display());
            }
        }
        stages.record_seconds(name, start.elapsed().as_secs_f64());
        finish(&bar, name, &stages.summary(start.elapsed()));
    }
    stages.save(&checkpoint, metrics.bytes())?;

    let results = results::collect(args, &recipe, &data, stages)?;
    report::write(&args.out, &results.report, &results.sheet(&data))?;
    for (name, bytes) in &results.models {
        let path = args.out.join(format!("{name}.hccr"));
        std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    println!("{}", report::table::terminal(&results.report));
    println!("report: {}", args.out.join("report.html").display());
    Ok(())
}
