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
pub(crate) use writers::{DEV_SHARE, held_out_writers};

use crate::args::resuming_command;
use crate::cluster;
use crate::progress::{Interrupt, Metrics, bar, finish};
use anyhow::{Context, Result, bail};
use estimate::Estimate;
use hccr_models::NetworkTrainer;
use hccr_models::pipeline::{Pipeline, PipelineError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Time between two checkpoints.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);

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
    let (identity, stages) = (reproduction.command(), reproduction.stages());
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
        estimate.save(&out)?;
        let trainer = NetworkTrainer::new(state, &*data.train, &data.dev);
        (Pipeline::new(identity, stages, trainer), 0)
    };
    // A run that has trained elsewhere is measured on any machine.
    if pipeline.current().is_some() {
        pipeline = pipeline.with_engine(args.engine()?);
    }
    let mut metrics = Metrics::open(&out.join("metrics.jsonl"), metrics_bytes)?;
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

/// Where a run in the directory `out` saves its state.
pub(crate) fn checkpoint(out: &Path) -> PathBuf {
    out.join("checkpoint")
}

/// Renames the state of an earlier run in the directory `out` to `checkpoint.old`. A later `--resume` then never continues that
/// run, and a user who forgot `--resume` has lost nothing.
pub(crate) fn set_state_aside(out: &Path) -> Result<()> {
    let (checkpoint, old) = (checkpoint(out), out.join("checkpoint.old"));
    match std::fs::rename(&checkpoint, &old) {
        Ok(()) => eprintln!("the state of an earlier run is now {}", old.display()),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => {
            return Err(error).with_context(|| format!("cannot move an earlier run's {}", checkpoint.display()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_run_is_kept_and_not_resumed() {
        let out = std::env::temp_dir().join(format!("hccr-aside-{}", std::process::id()));
        set_state_aside(&out).unwrap(); // nothing there
        std::fs::create_dir_all(&out).unwrap();
        std::fs::write(checkpoint(&out), "state").unwrap();
        set_state_aside(&out).unwrap();
        assert!(!checkpoint(&out).exists());
        assert_eq!(std::fs::read_to_string(out.join("checkpoint.old")).unwrap(), "state");
        // A file cannot take the place of a directory.
        std::fs::remove_file(out.join("checkpoint.old")).unwrap();
        std::fs::create_dir(out.join("checkpoint.old")).unwrap();
        std::fs::write(checkpoint(&out), "state").unwrap();
        let error = format!("{:#}", set_state_aside(&out).unwrap_err());
        std::fs::remove_dir_all(&out).unwrap();
        assert!(error.contains(&checkpoint(&out).display().to_string()), "{error}");
    }
}
