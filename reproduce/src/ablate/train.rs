//! Trains the cells of a grid, one after the other. A cell that is finished is a file, written whole; one that was stopped goes on.

use super::experiment::{Experiment, Setting};
use super::method::{Cell, Family, Planned};
use super::recipe::{analysis, stages};
use crate::args::resuming_command;
use crate::pipeline::{CHECKPOINT_EVERY, Data};
use crate::progress::{Interrupt, bar};
use anyhow::{Context, Result, bail, ensure};
use hccr_compress::{Cra, Progress, Trainer};
use hccr_models::pipeline::Pipeline;
use hccr_models::{DISTILLATION, NetworkTrainer, SampleSet, Teacher, TrainerState};
use hccr_nn_train::{Optimizer, checkpoint};
use hccr_report::number;
use indicatif::ProgressBar;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Mini-batches by which the time of the whole is estimated.
const TIMED_STEPS: usize = 4;

/// A finished cell; its model is a file beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Trained {
    pub(super) cell: Cell,
    /// Mini-batches since the first one of its baseline.
    pub(super) steps: u64,
    /// Wall time of the cell's training alone.
    pub(super) seconds: f64,
    /// What it was trained on, and how long: cells of another setup are not compared with it.
    setup: String,
}

/// Where the cells of a run are.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Below the directory of the run.
    pub(super) fn new(out: &Path) -> Self {
        Self(out.join("cells"))
    }

    fn path(&self, cell: Cell, extension: &str) -> PathBuf {
        self.0.join(format!("{}.{extension}", cell.name()))
    }

    /// The model file that the cell left.
    pub(super) fn model(&self, cell: Cell) -> Result<Vec<u8>> {
        let path = self.path(cell, "hccr");
        std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    /// The cell, if it is finished.
    fn finished(&self, cell: Cell, setup: &str) -> Result<Option<Trained>> {
        let path = self.path(cell, "json");
        if !path.exists() {
            return Ok(None);
        }
        let read = || -> Result<Trained> { Ok(serde_json::from_str(&std::fs::read_to_string(&path)?)?) };
        let trained = read().with_context(|| format!("cannot read {}", path.display()))?;
        ensure!(
            trained.setup == setup,
            "{} is of a run with another setup ({}): give the same flags, or another --out",
            path.display(),
            trained.setup
        );
        Ok(Some(trained))
    }
}

/// Trains what is not trained yet; gives all cells of the plan, in its order.
pub(super) fn all<E: Experiment>(
    experiment: &E,
    data: &Data<E::Set>,
    plan: &[Planned],
    folder: &Folder,
    interrupt: &Interrupt,
) -> Result<Vec<Trained>> {
    let run = experiment.setting().run;
    ensure!(
        run.resume || !folder.0.exists(),
        "{} holds the cells of an earlier run: give --resume, or another --out",
        folder.0.display()
    );
    std::fs::create_dir_all(&folder.0).with_context(|| format!("cannot make {}", folder.0.display()))?;
    let setup = setup(experiment, data);
    let mut finished =
        plan.iter().map(|planned| folder.finished(planned.cell, &setup)).collect::<Result<Vec<Option<Trained>>>>()?;
    // A cell from which none of an earlier grid started has left no state: what starts from it now needs it trained once more.
    for at in (0..plan.len()).rev() {
        let is_start = |(i, planned): (usize, &Planned)| planned.start == Some(at) && finished[i].is_none();
        if plan.iter().enumerate().any(is_start) && !folder.path(plan[at].cell, "state").exists() {
            finished[at] = None;
        }
    }
    if finished.iter().any(Option::is_none) {
        announce(experiment, data, plan, &finished)?;
    }
    for (at, &Planned { cell, start }) in plan.iter().enumerate() {
        if finished[at].is_some() {
            continue;
        }
        let state = match start {
            Some(start) => checkpoint::load(&folder.path(plan[start].cell, "state"))?,
            None => experiment.untrained(&data.dev, cell.seed)?,
        };
        let title = format!("{} of {}: {}", at + 1, plan.len(), cell.name());
        let mut trainer = NetworkTrainer::new(state, &*data.train, &data.dev).with_engine(run.engine()?);
        if cell.method.is_distilled() {
            let baseline: TrainerState<E::Optimizer> = checkpoint::load(&folder.path(cell.baseline(), "state"))?;
            trainer.set_teacher(Some(Teacher::new(&baseline.network, DISTILLATION)));
        }
        let shown = Shown { bar: bar(&title, 0), interrupt };
        let curves = folder.path(start.map_or(cell, |start| plan[start].cell), "curves");
        let needs_curves = cell.method.needs_curves();
        let curves = needs_curves.then(|| self::curves(&mut trainer, &curves, &shown)).transpose()?;
        let stages = stages(experiment, cell, &trainer.layers(), curves);
        let (part, identity) = (folder.path(cell, "part"), format!("{}; {setup}", cell.name()));
        let pipeline = if part.exists() {
            drop(trainer);
            let resumed = Pipeline::resume(&part, identity, stages, &*data.train, &data.dev);
            let (pipeline, _) = resumed.with_context(|| format!("remove {} to train it anew", part.display()))?;
            pipeline.with_engine(run.engine()?)
        } else {
            Pipeline::new(identity, stages, trainer)
        };
        let pipeline = train(pipeline, &part, &shown).with_context(|| format!("cell {}", cell.name()))?;
        let (state, seconds) = (pipeline.run().trainer.state(), pipeline.stages().map(|(_, seconds)| seconds).sum());
        let model = hccr_graph_opt::optimize(&pipeline.run().network()?).to_bytes();
        // Its JSON is last: that it is there says that the cell is finished.
        if plan.iter().any(|planned| planned.start == Some(at)) {
            checkpoint::save(&folder.path(cell, "state"), state)?;
        }
        let trained = Trained { cell, steps: state.steps, seconds, setup: setup.clone() };
        let json = serde_json::to_string_pretty(&trained)? + "\n";
        for (extension, bytes) in [("hccr", &model[..]), ("json", json.as_bytes())] {
            let path = folder.path(cell, extension);
            hccr_files::replace(&path, &[bytes]).with_context(|| format!("cannot write {}", path.display()))?;
        }
        forget(&part)?;
        eprintln!("{title}, {}", number::duration(trained.seconds));
        finished[at] = Some(trained);
    }
    Ok(finished.into_iter().flatten().collect())
}

/// All that cells of one grid have in common, in words.
fn setup<E: Experiment>(experiment: &E, data: &Data<E::Set>) -> String {
    let [train, dev] = [&*data.train, &data.dev as &dyn SampleSet].map(SampleSet::fingerprint);
    let steps = [Family::Baseline, Family::LowRank, Family::Pruning, Family::Sharing]
        .map(|f| experiment.setting().lengths.steps(f));
    let Setting { run, flags, .. } = experiment.setting();
    format!("{}; data {train:08x} {dev:08x}; steps {steps:?}", run.identity(E::NAME, flags))
}

/// Says how long the training will take.
fn announce<E: Experiment>(
    experiment: &E,
    data: &Data<E::Set>,
    plan: &[Planned],
    finished: &[Option<Trained>],
) -> Result<()> {
    let state = experiment.untrained(&data.dev, 1)?;
    let mut trainer =
        NetworkTrainer::new(state, &*data.train, &data.dev).with_engine(experiment.setting().run.engine()?);
    trainer.train(1, 1e-3)?;
    let begun = Instant::now();
    trainer.train(TIMED_STEPS, 1e-3)?;
    let step = begun.elapsed().as_secs_f64() / TIMED_STEPS as f64;
    let left: Vec<Family> = plan
        .iter()
        .zip(finished)
        .filter(|(_, found)| found.is_none())
        .map(|(planned, _)| planned.cell.family)
        .collect();
    let [baseline, low_rank, pruning, sharing] = [Family::Baseline, Family::LowRank, Family::Pruning, Family::Sharing]
        .map(|family| number::duration(step * experiment.setting().lengths.steps(family) as f64));
    let total: f64 = left.iter().map(|&family| step * experiment.setting().lengths.steps(family) as f64).sum();
    eprintln!(
        "{} of {} cells to train. Training takes about {baseline} for a baseline, {low_rank} for a cell of low rank, {pruning} of pruning, \
         {sharing} of shared values: {} in all, without evaluation",
        left.len(),
        plan.len(),
        number::duration(total)
    );
    Ok(())
}

/// CRA's curves of the trainer's network: all cells that start from it share them, in the file `path`.
fn curves<T: Trainer>(trainer: &mut T, path: &Path, shown: &Shown<'_>) -> Result<Cra>
where
    T::Error: std::error::Error + Send + Sync + 'static,
{
    if path.exists() {
        return Ok(checkpoint::load(path)?);
    }
    let (layers, part) = (trainer.layers(), path.with_extension("curves-part"));
    let mut cra = if part.exists() { checkpoint::load(&part)? } else { Cra::new(analysis(&layers), &layers)? };
    let mut saved = Instant::now();
    while !cra.is_done() {
        shown.advance(cra.advance(trainer)?);
        if shown.interrupt.is_set() || saved.elapsed() > CHECKPOINT_EVERY {
            checkpoint::save(&part, &cra)?;
            saved = Instant::now();
        }
        shown.stop_if_asked()?;
    }
    checkpoint::save(path, &cra)?;
    forget(&part)?;
    Ok(cra)
}

/// Removes the state of what is finished.
fn forget(part: &Path) -> Result<()> {
    match std::fs::remove_file(part) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", part.display()))
        }
        _ => Ok(()),
    }
}

/// A cell's progress bar, and the user's request to stop.
struct Shown<'a> {
    bar: ProgressBar,
    interrupt: &'a Interrupt,
}

impl Shown<'_> {
    fn advance(&self, progress: Progress) {
        self.bar.set_length(progress.total as u64);
        self.bar.set_position(progress.done as u64);
        self.bar.set_message(progress.message);
    }

    fn stop_if_asked(&self) -> Result<()> {
        if self.interrupt.is_set() {
            self.bar.abandon();
            bail!("stopped; go on with: {}", resuming_command(std::env::args_os().skip(1)));
        }
        Ok(())
    }
}

/// Trains one cell, whose state is saved at `part` now and then.
fn train<'a, O>(mut pipeline: Pipeline<'a, O>, part: &Path, shown: &Shown<'_>) -> Result<Pipeline<'a, O>>
where
    O: Optimizer + Clone + Serialize + DeserializeOwned,
{
    let mut saved = Instant::now();
    while pipeline.current().is_some() {
        shown.advance(pipeline.advance()?);
        if shown.interrupt.is_set() || saved.elapsed() > CHECKPOINT_EVERY {
            pipeline.save(part, 0)?;
            saved = Instant::now();
        }
        shown.stop_if_asked()?;
    }
    shown.bar.finish_and_clear();
    Ok(pipeline)
}
