//! What a run will take, measured on its first steps before it begins.

use super::reproduction::{Data, Reproduction};
use anyhow::{Context, Result};
use hccr_compress::Trainer;
use hccr_models::{NetworkTrainer, TrainerState};
use hccr_nn_train::{Optimizer, checkpoint};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs;
use std::path::Path;
use std::time::Instant;

/// Training steps that are timed, after one that is not.
const STEPS: usize = 5;
/// Copies of the state and of the teacher, in memory while a checkpoint is made, and on disk in the checkpoint and in the one that
/// takes its place.
const COPIES: u64 = 2;

/// Its file in the directory of a run.
pub(super) const FILE: &str = "estimate.json";

/// What a run will take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Estimate {
    /// Most memory in use at one time; `None` where the system does not say what is in use.
    memory_bytes: Option<u64>,
    /// The checkpoint; models and report are small beside it.
    disk_bytes: u64,
    /// Wall time of training and evaluation.
    seconds: f64,
    /// The part of each stage, in order.
    stages: Vec<(String, f64)>,
}

/// Seconds that a network takes.
struct Pace {
    step: f64,
    evaluation: f64,
    trial: f64,
}

impl Estimate {
    /// Trains copies of the untrained network for a few steps and evaluates them once, as it is and of low rank, with the engine of the run.
    pub(super) fn measure<R: Reproduction>(
        reproduction: &R,
        state: &TrainerState<R::Optimizer>,
        data: &Data<R::Set>,
    ) -> Result<Self> {
        let engine = reproduction.run_args().engine()?;
        let mut trainer = NetworkTrainer::new(state.clone(), &*data.train, &data.dev).with_engine(engine);
        let workload = reproduction.workload(&trainer.layers())?;
        let whole = Pace::of(&mut trainer)?;
        let state_bytes = checkpoint::encode(trainer.state()).map_err(anyhow::Error::msg)?.len() as u64;
        workload.make_small(&mut trainer)?;
        let low_rank = Pace::of(&mut trainer)?;
        let teacher_bytes = checkpoint::encode(&trainer.teacher()).map_err(anyhow::Error::msg)?.len() as u64;
        let copies = COPIES * (state_bytes + teacher_bytes);
        let memory_bytes = memory_in_use().map(|bytes| bytes + copies);
        let mut stages: Vec<(String, f64)> = Vec::new();
        for stage in &workload.stages {
            let pace = if stage.is_small { &low_rank } else { &whole };
            let seconds = stage.steps as f64 * pace.step
                + stage.evaluations as f64 * pace.evaluation
                + stage.trials as f64 * pace.trial;
            match stages.last_mut() {
                Some((name, sum)) if *name == stage.stage => *sum += seconds,
                _ => stages.push((stage.stage.into(), seconds)),
            }
        }
        let seconds = stages.iter().map(|(_, seconds)| seconds).sum();
        Ok(Self { memory_bytes, disk_bytes: copies, seconds, stages })
    }

    /// Writes it into the directory of a run.
    pub(super) fn save(&self, out: &Path) -> Result<()> {
        let path = out.join(FILE);
        let json = serde_json::to_vec(self)?;
        hccr_files::replace(&path, &[&json]).with_context(|| format!("cannot write {}", path.display()))
    }

    /// What the run in a directory was expected to take, where it is known.
    pub(super) fn load(out: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(out.join(FILE)).ok()?).ok()
    }
}

impl Pace {
    fn of<O: Optimizer>(trainer: &mut NetworkTrainer<'_, O>) -> Result<Self> {
        // A rate of 0 trains nothing, so that nothing diverges.
        trainer.train(1, 0.0)?;
        let start = Instant::now();
        trainer.train(STEPS, 0.0)?;
        let step = start.elapsed().as_secs_f64() / STEPS as f64;

        let start = Instant::now();
        trainer.evaluate()?;
        let evaluation = start.elapsed().as_secs_f64();

        let layer = trainer.layers().swap_remove(0).name;
        let weight = trainer.weight(&layer)?;
        // The first one draws samples.
        trainer.evaluate_with(&layer, &weight)?;
        let start = Instant::now();
        trainer.evaluate_with(&layer, &weight)?;
        let trial = start.elapsed().as_secs_f64();
        Ok(Self { step, evaluation, trial })
    }
}

/// The most memory that this process has used so far.
fn memory_in_use() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024 * kibibytes)
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gigabytes = |bytes: u64| format!("{:.1} GB", bytes as f64 / 1e9);
        let time = |seconds: f64| match seconds {
            0.0..100.0 => format!("{seconds:.0} s"),
            100.0..6000.0 => format!("{:.0} min", seconds / 60.0),
            _ => format!("{:.1} h", seconds / 3600.0),
        };
        let memory = self.memory_bytes.map_or(String::new(), |bytes| format!("{} of memory, ", gigabytes(bytes)));
        let stages: Vec<String> =
            self.stages.iter().map(|(name, seconds)| format!("{name} {}", time(*seconds))).collect();
        let (disk, all) = (gigabytes(self.disk_bytes), time(self.seconds));
        write!(f, "{memory}{disk} of disk, {all} on this machine ({})", stages.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_in_words() {
        let estimate = Estimate {
            memory_bytes: Some(2_500_000_000),
            disk_bytes: 300_000_000,
            seconds: 37_000.0,
            stages: [("baseline", 36_000.0), ("cra", 940.0), ("adw", 60.0)].map(|(name, s)| (name.into(), s)).to_vec(),
        };
        let words = "2.5 GB of memory, 0.3 GB of disk, 10.3 h on this machine (baseline 10.0 h, cra 16 min, adw 60 s)";
        assert_eq!(estimate.to_string(), words);
        if cfg!(target_os = "linux") {
            assert!(memory_in_use().is_some_and(|bytes| bytes > 1 << 20));
        }
    }
}
