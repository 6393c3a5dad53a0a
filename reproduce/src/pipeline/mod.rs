//! What the offline and the online pipeline have in common: training, low rank, redundancy analysis and pruning, shared
//! weights, graph optimisation and integers, as stages that can be interrupted between any two mini-batches.

mod low_rank;
mod results;
mod stages;
mod writers;

pub(crate) use low_rank::LowRank;
pub(crate) use results::collect;
pub(crate) use stages::State;
pub(crate) use writers::{DEV_SHARE, held_out_writers};

use crate::args::{RunArgs, resuming_command};
use crate::progress::{Interrupt, Metrics, bar, finish};
use anyhow::{Context, Result, bail};
use hccr_compress::LayerInfo;
use hccr_models::{Recipe, SampleSet, TrainerState};
use hccr_nn_train::Optimizer;
use serde::{Serialize, de::DeserializeOwned};
use stages::Stages;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Time between two checkpoints.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(60);

/// Training, development and test set, by different writers, with the same classes.
#[derive(Debug)]
pub(crate) struct Data<S> {
    pub(crate) train: S,
    pub(crate) dev: S,
    pub(crate) test: S,
    /// What the sets are, in words.
    pub(crate) description: String,
}

/// What is particular to a pipeline.
pub(crate) trait Pipeline {
    /// What it reads.
    type Set: SampleSet;
    /// What it trains with.
    type Optimizer: Optimizer + Clone + Serialize + DeserializeOwned;
    /// Its name.
    const NAME: &'static str;
    /// Name of the stage after the baseline.
    const LOW_RANK: &'static str;

    /// The flags of the run.
    fn run_args(&self) -> &RunArgs;

    /// The command that repeats the run.
    fn command(&self) -> String;

    /// How long and how hard the stages work.
    fn recipe(&self) -> &Recipe;

    /// The network before training.
    fn untrained(&self, data: &Data<Self::Set>) -> Result<TrainerState<Self::Optimizer>>;

    /// The stage after the baseline, for a network of `layers`.
    fn low_rank(&self, layers: &[LayerInfo]) -> Result<LowRank>;
}

/// Runs the pipeline to its end, or goes on with it, on data that took `data_seconds` to make.
pub(crate) fn run<P: Pipeline>(
    pipeline: &P,
    data: &Data<P::Set>,
    data_seconds: f64,
    interrupt: &Interrupt,
) -> Result<State<P::Optimizer>> {
    let args = pipeline.run_args();
    let out = args.out(P::NAME);
    std::fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    let checkpoint = checkpoint(&out);
    interrupt.set_saved(false);
    let mut stages =
        if args.resume { Stages::resume(&checkpoint, pipeline, data)? } else { Stages::start(pipeline, data)? };
    stages.record_seconds("data", data_seconds);
    let mut metrics = Metrics::open(&out.join("metrics.jsonl"), stages.metrics_bytes())?;
    let mut saved = Instant::now();
    while let Some(name) = stages.current() {
        let bar = bar(name, 0);
        // Of a stage that was interrupted, its first parts.
        let before = stages.seconds(name);
        let (start, first_step) = (Instant::now(), stages.steps());
        while stages.current() == Some(name) {
            let progress = stages.advance(&mut metrics)?;
            bar.set_length(progress.total as u64);
            bar.set_position(progress.done as u64);
            let samples = stages.steps().saturating_sub(first_step) * pipeline.recipe().batch_size as u64;
            let rate = samples as f64 / start.elapsed().as_secs_f64();
            let rate = if samples > 0 { format!(", {rate:.0} samples/s") } else { String::new() };
            bar.set_message(progress.message + &rate);
            if interrupt.is_set() || saved.elapsed() > CHECKPOINT_EVERY {
                stages.record_seconds(name, before + start.elapsed().as_secs_f64());
                stages.save(&checkpoint, metrics.bytes())?;
                saved = Instant::now();
            }
            if interrupt.is_set() {
                bar.abandon();
                bail!("stopped; go on with: {}", resuming_command(std::env::args_os().skip(1)));
            }
        }
        stages.record_seconds(name, before + start.elapsed().as_secs_f64());
        finish(&bar, name, &stages.summary(start.elapsed()));
    }
    stages.save(&checkpoint, metrics.bytes())?;
    interrupt.set_saved(true);
    Ok(stages.into_state())
}

/// Where a run in the directory `out` saves its state.
pub(crate) fn checkpoint(out: &Path) -> PathBuf {
    out.join("checkpoint")
}

/// Moves the state of an earlier run in the directory `out` aside, to `checkpoint.old`: what is resumed there is never that
/// run, and who forgot to resume it has lost nothing.
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
