//! What the offline and the online reproduction have in common: they run a pipeline of stages, with progress, metrics and
//! checkpoints, and report what its stages measured.

mod curves;
mod estimate;
mod length;
mod measured;
mod overlap;
mod reproduction;
mod results;
mod writers;

pub(crate) use length::Length;
pub(crate) use overlap::overlap;
pub(crate) use reproduction::{Data, Reproduction, Test};
pub(crate) use results::{Results, asked, collect};
pub(crate) use writers::{DEV_SAMPLES, DEV_SHARE, held_out_writers};

use crate::args::resuming_command;
use crate::cluster;
use crate::progress::{Interrupt, Metrics, bar, finish};
use anyhow::{Context, Result, bail};
use estimate::Estimate;
use hccr_models::NetworkTrainer;
use hccr_models::pipeline::{Pipeline, PipelineError};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Time between two checkpoints.
pub(crate) const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);

/// Runs the pipeline to its end, from the start or from a checkpoint. A run that starts says first what it will take. `None` where
/// another process of the cluster has the results.
pub(crate) fn run<'a, R: Reproduction>(
    reproduction: &R,
    data: &'a Data<R::Set>,
    interrupt: &Interrupt,
) -> Result<Option<Pipeline<'a, R::Optimizer>>> {
    let args = reproduction.run_args();
    let out = reproduction.out();
    let checkpoint = checkpoint(&out);
    interrupt.set_saved(false);
    let (identity, stages) = (reproduction.identity(), reproduction.stages());
    let (mut pipeline, metrics_bytes) = if args.resume {
        cluster::copy(&checkpoint)?;
        let resumed = Pipeline::resume(&checkpoint, identity, stages, &*data.train, &data.dev);
        resumed.map_err(|error| match error {
            PipelineError::OtherRun { .. } => {
                anyhow::Error::from(error).context("give the same flags, or another --out")
            }
            PipelineError::OtherData { .. } | PipelineError::OtherRecipe { .. } => {
                anyhow::Error::from(error).context("start anew without --resume, or give another --out")
            }
            other => other.into(),
        })?
    } else {
        let state = reproduction.untrained(data)?;
        let estimate = Estimate::measure(reproduction, &state, data)?;
        if cluster::is_first() {
            eprintln!("will take about {estimate}");
        }
        // Only now is it sure that this run can begin.
        let own = Earlier { out: out.clone(), models: Vec::new() };
        args.earlier.iter().chain([&own]).try_for_each(|earlier| earlier.set_aside(&out))?;
        estimate.save(&out)?;
        let trainer = NetworkTrainer::new(state, &*data.train, &data.dev);
        (Pipeline::new(identity, stages, trainer), 0)
    };
    // A run that has trained elsewhere is measured on any machine.
    if pipeline.current().is_some() {
        pipeline = pipeline.with_engine(args.engine()?);
    }
    let mut metrics = Metrics::open(&out.join(METRICS), metrics_bytes)?;
    let mut saved = Instant::now();
    while let Some(name) = pipeline.current().map(|stage| stage.name().to_owned()) {
        let (bar, start) = (bar(&name, 0), Instant::now());
        let mut samples = 0;
        loop {
            let before = pipeline.run().trainer.state().steps;
            let progress = pipeline.advance()?;
            let (stage, trainer) = (pipeline.stage(&name), pipeline.run().trainer.state());
            if let Some(line) = measured::metrics(&name, &stage.measured(), &progress.message) {
                metrics.write(&line)?;
            }
            samples += (trainer.steps - before) * trainer.batch_size as u64;
            let rate = samples as f64 / start.elapsed().as_secs_f64();
            let rate = if samples > 0 { format!(", {rate:.0} samples/s") } else { String::new() };
            bar.set_length(progress.total as u64);
            bar.set_position(progress.done as u64);
            bar.set_message(progress.message + &rate);
            let stopped = cluster::any(interrupt.is_set());
            if cluster::is_first() && (stopped || saved.elapsed() > CHECKPOINT_EVERY) {
                pipeline.save(&checkpoint, metrics.sync()?)?;
                saved = Instant::now();
            }
            if stopped {
                bar.abandon();
                bail!("stopped; go on with: {}", resuming_command(std::env::args_os().skip(1)));
            }
            if stage.is_done() {
                finish(&bar, &name, &measured::summary(&stage.measured(), start.elapsed()));
                break;
            }
        }
    }
    if !cluster::is_first() {
        return Ok(None);
    }
    pipeline.save(&checkpoint, metrics.sync()?)?;
    interrupt.set_saved(true);
    Ok(Some(pipeline))
}

/// The file of what a run measures, in its directory.
const METRICS: &str = "metrics.jsonl";

/// What a run leaves in its directory, beside model files.
const RESULTS: [&str; 6] = ["checkpoint", METRICS, estimate::FILE, "report.json", "report.html", "plots"];

/// Where a run in the directory `out` saves its state.
pub(crate) fn checkpoint(out: &Path) -> PathBuf {
    out.join("checkpoint")
}

/// What an earlier run may have left.
#[derive(Clone, Debug)]
pub(crate) struct Earlier {
    /// Its directory.
    pub(crate) out: PathBuf,
    /// Its files elsewhere.
    pub(crate) models: Vec<PathBuf>,
}

impl Earlier {
    /// Moves all of it into a new folder `earlier-N` in its directory; that of the run that begins, `locked`, is locked already. A later
    /// `--resume` then never continues the earlier run, and a user who forgot `--resume` has lost nothing.
    fn set_aside(&self, locked: &Path) -> Result<()> {
        let Self { out, models } = self;
        let own = std::fs::read_dir(out).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
        let is_result = |path: &PathBuf| {
            let name = path.file_name().and_then(OsStr::to_str);
            name.is_some_and(|name| RESULTS.contains(&name)) || path.extension().is_some_and(|ending| ending == "hccr")
        };
        let left: Vec<PathBuf> =
            own.filter(is_result).chain(models.iter().filter(|path| path.exists()).cloned()).collect();
        if left.is_empty() {
            return Ok(());
        }
        let _lock = (out != locked).then(|| hccr_files::lock(out)).transpose()?;
        let is_free = |folder: &PathBuf| !folder.exists();
        let aside =
            (1u32..).map(|n| out.join(format!("earlier-{n}"))).find(is_free).context("too many earlier runs")?;
        std::fs::create_dir_all(&aside).with_context(|| format!("cannot make {}", aside.display()))?;
        for path in left {
            let to = aside.join(path.file_name().unwrap_or_default());
            std::fs::rename(&path, to).with_context(|| format!("cannot move an earlier run's {}", path.display()))?;
        }
        eprintln!("what an earlier run left is now in {}", aside.display());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_run_is_kept_and_not_resumed() {
        let folder = tempfile::tempdir().unwrap();
        let (out, model) = (folder.path().join("network"), folder.path().join("network.hccr"));
        let earlier = Earlier { out: out.clone(), models: vec![model.clone()] };
        earlier.set_aside(&out).unwrap(); // nothing there
        assert!(!out.exists());
        std::fs::create_dir(&out).unwrap();
        std::fs::write(out.join("notes.txt"), "of the user").unwrap();
        let left = ["checkpoint", METRICS, "report.json", "channels.hccr"].map(|name| out.join(name));
        for run in ["first", "second"] {
            left.iter().chain([&model]).for_each(|path| std::fs::write(path, run).unwrap());
            earlier.set_aside(&out).unwrap();
            assert!(left.iter().chain([&model]).all(|path| !path.exists()) && out.join("notes.txt").exists());
        }
        for (aside, run) in [("earlier-1", "first"), ("earlier-2", "second")] {
            for path in left.iter().chain([&model]) {
                let moved = out.join(aside).join(path.file_name().unwrap());
                assert_eq!(std::fs::read_to_string(&moved).unwrap(), run, "{}", moved.display());
            }
        }
    }
}
