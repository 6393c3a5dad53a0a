//! Runs the stages of a pipeline, and saves and resumes it between any two intervals.

use super::run::{Kept, Run, StageError, StageModel};
use super::stage::{Output, Stage, Stages};
use crate::{Engine, NetworkTrainer, SampleSet, Teacher, TrainerState};
use hccr_compress::Progress;
use hccr_nn_train::Optimizer;
use hccr_nn_train::checkpoint::{self, CheckpointError};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A list of stages, and how far they are.
#[derive(Debug)]
pub struct Pipeline<'a, O> {
    /// What tells this run from others: a checkpoint of another one is refused.
    identity: String,
    fingerprints: Fingerprints,
    stages: Stages<O>,
    /// Wall time of each stage so far.
    seconds: Vec<f64>,
    /// The stage under way, or their number at the end.
    current: usize,
    run: Run<'a, O>,
}

/// Checksums of what a run works on, as it begins.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Fingerprints {
    /// Of the training and the development set.
    data: [u32; 2],
    /// Of all stages.
    recipe: u32,
}

impl Fingerprints {
    /// Of a run that has not begun.
    fn new<O: Optimizer>(stages: &Stages<O>, trainer: &NetworkTrainer<'_, O>) -> Self {
        let mut recipe = crc32fast::Hasher::new();
        for stage in stages {
            recipe.update(stage.name().as_bytes());
            // A stage that cannot be written cannot be saved either.
            recipe.update(&stage.to_bytes().unwrap_or_default());
        }
        Self { data: trainer.fingerprints(), recipe: recipe.finalize() }
    }
}

/// A pipeline as it is saved.
#[derive(Serialize, Deserialize)]
struct File<O> {
    identity: String,
    fingerprints: Fingerprints,
    metrics_bytes: u64,
    current: usize,
    /// Name, state and wall time of each stage.
    stages: Vec<(String, Vec<u8>, f64)>,
    trainer: TrainerState<O>,
    teacher: Option<Teacher>,
    kept: Kept,
}

/// Why a pipeline could not go on.
#[derive(Debug)]
#[non_exhaustive]
pub enum PipelineError {
    /// A stage failed.
    Stage {
        /// Its name.
        stage: String,
        /// Why.
        source: StageError,
    },
    /// The checkpoint could not be written or read.
    Checkpoint(CheckpointError),
    /// The checkpoint is of another run.
    OtherRun {
        /// The checkpoint.
        path: PathBuf,
        /// What tells its run from others.
        identity: String,
    },
    /// The checkpoint is of a run of this identity, but of other samples, labels or classes.
    OtherData {
        /// The checkpoint.
        path: PathBuf,
    },
    /// The checkpoint is of a run of this identity, whose stages had other settings: another version of the program wrote it.
    OtherRecipe {
        /// The checkpoint.
        path: PathBuf,
    },
}

impl fmt::Display for PipelineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stage { stage, .. } => write!(f, "stage {stage} failed"),
            Self::Checkpoint(e) => write!(f, "{e}"),
            Self::OtherRun { path, identity } => {
                write!(f, "the checkpoint {} is of another run ({identity})", path.display())
            }
            Self::OtherData { path } => {
                write!(f, "the checkpoint {} is of a run on other data: the files have changed since", path.display())
            }
            Self::OtherRecipe { path } => write!(
                f,
                "the checkpoint {} is of a run with another recipe: the program has changed since",
                path.display()
            ),
        }
    }
}

impl std::error::Error for PipelineError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Stage { source, .. } => Some(&**source),
            Self::Checkpoint(e) => e.source(),
            Self::OtherRun { .. } | Self::OtherData { .. } | Self::OtherRecipe { .. } => None,
        }
    }
}

impl From<CheckpointError> for PipelineError {
    fn from(e: CheckpointError) -> Self {
        Self::Checkpoint(e)
    }
}

impl<'a, O: Optimizer> Pipeline<'a, O> {
    /// A new run of `stages`; `identity` tells it from runs with other data or configurations.
    pub fn new(identity: String, stages: Stages<O>, trainer: NetworkTrainer<'a, O>) -> Self {
        let (seconds, fingerprints) = (vec![0.0; stages.len()], Fingerprints::new(&stages, &trainer));
        Self { identity, fingerprints, stages, seconds, current: 0, run: Run { trainer, kept: Kept::default() } }
    }

    /// The same pipeline with another engine.
    #[must_use]
    pub fn with_engine(mut self, engine: Box<dyn Engine<O>>) -> Self {
        self.run.trainer = self.run.trainer.with_engine(engine);
        self
    }

    /// The stage under way; `None` at the end.
    pub fn current(&self) -> Option<&dyn Stage<O>> {
        self.stages.get(self.current).map(|stage| &**stage)
    }

    /// The stage `name`.
    ///
    /// # Panics
    /// Where there is no such stage.
    pub fn stage(&self, name: &str) -> &dyn Stage<O> {
        let found = self.stages.iter().find(|stage| stage.name() == name);
        &**found.unwrap_or_else(|| panic!("no stage {name} in the pipeline"))
    }

    /// All stages, each with its wall time so far in seconds.
    pub fn stages(&self) -> impl Iterator<Item = (&dyn Stage<O>, f64)> {
        self.stages.iter().map(|stage| &**stage).zip(self.seconds.iter().copied())
    }

    /// The trainer, and what stages left.
    pub fn run(&self) -> &Run<'a, O> {
        &self.run
    }

    /// Advances the stage under way by one interval, and keeps what it leaves at its end.
    ///
    /// # Errors
    /// [`PipelineError::Stage`] where the stage fails.
    pub fn advance(&mut self) -> Result<Progress, PipelineError> {
        let Some(stage) = self.stages.get_mut(self.current) else {
            return Ok(Progress { done: 1, total: 1, message: "done".into() });
        };
        let start = Instant::now();
        let name = stage.name().to_owned();
        let run = &mut self.run;
        let mut advance = || -> Result<Progress, StageError> {
            let progress = stage.advance(run)?;
            if stage.is_done() {
                let (is_comparison, model) = match stage.output(run)? {
                    Output::Model(model) => (false, Some(model)),
                    Output::Comparison(model) => (true, Some(model)),
                    Output::Nothing => (false, None),
                };
                if let Some(model) = model {
                    let file = model.to_bytes();
                    run.kept.models.push(StageModel { stage: name.clone(), is_comparison, file });
                }
            }
            Ok(progress)
        };
        let progress = advance().map_err(|source| PipelineError::Stage { stage: name.clone(), source })?;
        self.seconds[self.current] += start.elapsed().as_secs_f64();
        self.current += usize::from(stage.is_done());
        Ok(progress)
    }
}

impl<'a, O: Optimizer + Clone + Serialize + DeserializeOwned> Pipeline<'a, O> {
    /// Saves the run; `metrics_bytes` comes back from [`resume`](Self::resume).
    ///
    /// # Errors
    /// [`PipelineError::Checkpoint`] where the file cannot be written.
    pub fn save(&self, path: &Path, metrics_bytes: u64) -> Result<(), PipelineError> {
        let unwritable = |reason| CheckpointError::Unwritable { path: path.into(), reason };
        let state = |(stage, seconds): (&dyn Stage<O>, f64)| {
            Ok((stage.name().to_owned(), stage.to_bytes().map_err(unwritable)?, seconds))
        };
        let file = File {
            identity: self.identity.clone(),
            fingerprints: self.fingerprints,
            metrics_bytes,
            current: self.current,
            stages: self.stages().map(state).collect::<Result<_, CheckpointError>>()?,
            trainer: self.run.trainer.state().clone(),
            teacher: self.run.trainer.teacher().cloned(),
            kept: self.run.kept.clone(),
        };
        Ok(checkpoint::save(path, &file)?)
    }

    /// The run saved at `path`, which was begun with the same `identity`, `stages` and data; and its `metrics_bytes`.
    ///
    /// # Errors
    /// [`PipelineError`] where the file cannot be read, or is of another run, of other data, or of stages with other settings.
    pub fn resume(
        path: &Path,
        identity: String,
        mut stages: Stages<O>,
        train: &'a dyn SampleSet,
        dev: &'a dyn SampleSet,
    ) -> Result<(Self, u64), PipelineError> {
        let file: File<O> = checkpoint::load(path)?;
        let names = stages.iter().map(|stage| stage.name());
        if file.identity != identity || !names.eq(file.stages.iter().map(|(name, ..)| name)) {
            return Err(PipelineError::OtherRun { path: path.into(), identity: file.identity });
        }
        let mut trainer = NetworkTrainer::new(file.trainer, train, dev);
        trainer.set_teacher(file.teacher);
        let fingerprints = Fingerprints::new(&stages, &trainer);
        if file.fingerprints.data != fingerprints.data {
            return Err(PipelineError::OtherData { path: path.into() });
        }
        if file.fingerprints.recipe != fingerprints.recipe {
            return Err(PipelineError::OtherRecipe { path: path.into() });
        }
        let invalid = |reason| CheckpointError::Invalid { path: path.into(), reason };
        for (stage, (name, state, _)) in stages.iter_mut().zip(&file.stages) {
            stage.restore(state).map_err(invalid)?;
            if stage.name() != name {
                return Err(invalid(format!("it holds the state of another stage for {name}")).into());
            }
        }
        let is_stage = |model: &StageModel| file.stages.iter().any(|(name, ..)| *name == model.stage);
        if let Some(model) = file.kept.models.iter().find(|model| !is_stage(model)) {
            return Err(invalid(format!("it holds a model of an unknown stage, {}", model.stage)).into());
        }
        let seconds = file.stages.iter().map(|(.., seconds)| *seconds).collect();
        let run = Run { trainer, kept: file.kept };
        Ok((Self { identity, fingerprints, stages, seconds, current: file.current, run }, file.metrics_bytes))
    }
}
