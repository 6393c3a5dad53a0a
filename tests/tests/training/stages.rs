//! A pipeline with a stage of another crate: one that drops weights at random and trains what is left. Interrupted after every
//! interval, it gives the same bits.

use crate::toy;
use hccr_compress::{Phase, Progress, PruningRecord, Schedule, Targets, Trainer};
use hccr_constraint::Constraint;
use hccr_data::ImageSet;
use hccr_models::pipeline::{
    Baseline, GraphOptimization, Measured, Output, Pipeline, PipelineError, Run, Stage, StageError, Stages, Teaching,
};
use hccr_models::{DISTILLATION, NetworkTrainer, Teacher, TrainerState};
use hccr_nn_train::checkpoint::{self, CheckpointError};
use hccr_nn_train::{Optimizer, Sgd};
use hccr_random::Rng;
use serde::{Deserialize, Serialize};

/// Drops a share of each layer's weights at random, then trains.
#[derive(Debug, Serialize, Deserialize)]
struct RandomPruning {
    share: f32,
    phase: Phase,
    layers: Vec<String>,
    history: Vec<PruningRecord>,
}

impl<O: Optimizer> Stage<O> for RandomPruning {
    fn name(&self) -> &str {
        "random"
    }

    fn advance(&mut self, run: &mut Run<'_, O>) -> Result<Progress, StageError> {
        if self.layers.is_empty() {
            let mut rng = Rng::new(1, 0);
            for layer in run.trainer.layers() {
                let keep = (0..layer.weights()).map(|_| !rng.chance(self.share)).collect();
                run.trainer.set_constraint(&layer.name, Constraint::Mask(keep))?;
                self.layers.push(layer.name);
            }
        }
        let progress = self.phase.advance(&mut run.trainer)?;
        let record = *self.phase.history().last().ok_or("nothing was trained")?;
        self.history.push(PruningRecord { sparsity: vec![self.share; self.layers.len()], record });
        Ok(progress)
    }

    fn is_done(&self) -> bool {
        self.phase.is_done()
    }

    fn output(&self, run: &Run<'_, O>) -> Result<Output, StageError> {
        Ok(Output::Model(run.network()?))
    }

    fn measured(&self) -> Measured<'_> {
        let layers = self.layers.iter().map(String::as_str).collect();
        Measured::Pruning { layers, history: &self.history }
    }
}

fn stages() -> Stages<Sgd> {
    let phase = |steps| Phase::new(Schedule { peak: 0.05, warm_up: 0, steps, floor: 0.0 }, 4, 0);
    vec![
        Box::new(Baseline::new(phase(10))),
        Box::new(Teaching::new(DISTILLATION)),
        Box::new(RandomPruning { share: 0.5, phase: phase(8), layers: Vec::new(), history: Vec::new() }),
        Box::new(GraphOptimization::default()),
    ]
}

/// The file of each stage's model.
fn models(pipeline: &Pipeline<Sgd>) -> Vec<(String, Vec<u8>)> {
    pipeline.run().models().iter().map(|model| (model.stage.clone(), model.file.clone())).collect()
}

#[test]
fn the_number_of_threads_changes_no_byte_and_no_figure() {
    // What a run on so many threads writes and measures, from the simulated data on.
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| {
            let [train, dev, _] = &toy::sets([10, 4, 4]);
            let trainer = NetworkTrainer::new(toy::untrained(train), train, dev);
            let mut pipeline = Pipeline::new("a".into(), stages(), trainer);
            while pipeline.current().is_some() {
                pipeline.advance().expect("an interval");
            }
            let figures = ["baseline", "random"].map(|stage| format!("{:?}", pipeline.stage(stage).measured()));
            (models(&pipeline), figures)
        })
    };
    let alone = run(1);
    assert_eq!(alone.0.len(), 3);
    assert!([2, 8].into_iter().all(|threads| run(threads) == alone));
}

#[test]
fn a_stage_from_outside_runs_in_the_pipeline_and_survives_interruption() {
    let [train, dev, _] = &toy::sets([10, 4, 4]);
    let trainer = || NetworkTrainer::new(toy::untrained(train), train, dev);
    let mut whole = Pipeline::new("a".into(), stages(), trainer());
    while whole.current().is_some() {
        whole.advance().expect("an interval");
    }
    let names: Vec<String> = models(&whole).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["baseline", "random", "graph-opt"]);
    let Measured::Pruning { layers, history, .. } = whole.stage("random").measured() else { panic!("a pruning") };
    assert_eq!((layers.len(), history.len()), (9, 2));

    let dir = tempfile::tempdir().expect("a folder for checkpoints");
    let path = dir.path().join("checkpoint");
    let mut resumed = Pipeline::new("a".into(), stages(), trainer());
    let mut intervals = 0;
    while resumed.current().is_some() {
        resumed.advance().expect("an interval");
        intervals += 1;
        resumed.save(&path, intervals).expect("a checkpoint");
        let (pipeline, saved) =
            Pipeline::resume(&path, "a".into(), stages(), train, dev).expect("the checkpoint just saved");
        assert_eq!(saved, intervals);
        resumed = pipeline;
    }
    assert_eq!(intervals, 3 + 1 + 2 + 1);
    assert!(models(&whole) == models(&resumed), "an interrupted run differs");

    for (identity, stages) in [("b", stages()), ("a", stages().into_iter().skip(1).collect())] {
        let refused = Pipeline::resume(&path, identity.into(), stages, train, dev);
        assert!(matches!(refused, Err(PipelineError::OtherRun { .. })), "{refused:?}");
    }
    // The same number of samples, of other writers or with other labels; and other settings.
    let others = [
        |set: &mut ImageSet| set.pixels[7] ^= 1,
        |set: &mut ImageSet| set.labels[0] ^= 1,
        |set: &mut ImageSet| set.classes.swap(0, 1),
    ];
    for change in others {
        let mut other = train.clone();
        change(&mut other);
        for [train, dev] in [[&other, dev], [train, &other]] {
            let refused = Pipeline::resume(&path, "a".into(), stages(), train, dev).err();
            assert!(matches!(refused, Some(PipelineError::OtherData { .. })), "{refused:?}");
        }
    }
    let mut longer = stages();
    let phase = Phase::new(Schedule { peak: 0.05, warm_up: 0, steps: 11, floor: 0.0 }, 4, 0);
    longer[0] = Box::new(Baseline::new(phase));
    let refused = Pipeline::resume(&path, "a".into(), longer, train, dev).err();
    assert!(matches!(refused, Some(PipelineError::OtherRecipe { .. })), "{refused:?}");
}

#[test]
fn a_state_without_mini_batches_is_refused() {
    let [train, ..] = toy::sets([1, 1, 1]);
    for (batch_size, is_read) in [(0, false), (1, true)] {
        let bytes = checkpoint::encode(&TrainerState { batch_size, ..toy::untrained(&train) }).expect("a state");
        assert_eq!(checkpoint::decode::<TrainerState<Sgd>>(&bytes).is_ok(), is_read);
    }
}

/// A stage that does nothing, and whose state is its name.
#[derive(Debug, Serialize, Deserialize)]
struct Named(String);

impl<O: Optimizer> Stage<O> for Named {
    fn name(&self) -> &str {
        &self.0
    }

    fn advance(&mut self, _: &mut Run<'_, O>) -> Result<Progress, StageError> {
        Ok(Progress { done: 1, total: 1, message: String::new() })
    }

    fn is_done(&self) -> bool {
        true
    }

    fn output(&self, _: &Run<'_, O>) -> Result<Output, StageError> {
        Ok(Output::Nothing)
    }

    fn measured(&self) -> Measured<'_> {
        Measured::Nothing
    }
}

/// A pipeline as it is saved, piece by piece.
type File = (
    (String, [u32; 2], u32, u64, usize),
    Vec<(String, Vec<u8>, f64)>,
    (TrainerState<Sgd>, Option<Teacher>),
    Vec<(String, bool, Vec<u8>)>,
    Option<Targets>,
);

#[test]
fn a_checkpoint_with_other_stages_than_it_names_is_refused() {
    let phase = || Phase::new(Schedule { peak: 0.05, warm_up: 0, steps: 1, floor: 0.0 }, 1, 0);
    let named = |name: &str| Named(name.into());
    let stages = || -> Stages<Sgd> { vec![Box::new(Baseline::new(phase())), Box::new(named("one"))] };
    let [train, dev, _] = &toy::sets([1, 1, 1]);
    let pipeline = Pipeline::new("a".into(), stages(), NetworkTrainer::new(toy::untrained(train), train, dev));
    let dir = tempfile::tempdir().expect("a folder for checkpoints");
    let path = dir.path().join("checkpoint");
    pipeline.save(&path, 0).expect("a checkpoint");
    let file: File = checkpoint::load(&path).expect("the checkpoint just saved");
    let resume_altered = |alter: &dyn Fn(&mut File)| {
        let mut altered = file.clone();
        alter(&mut altered);
        checkpoint::save(&path, &altered).expect("a checkpoint");
        Pipeline::resume(&path, "a".into(), stages(), train, dev).map(|_| ())
    };
    resume_altered(&|_| ()).expect("the same checkpoint");
    let other_stage = |file: &mut File| file.1[1].1 = checkpoint::encode(&named("two")).expect("a state");
    let other_model = |file: &mut File| file.3.push(("two".into(), true, Vec::new()));
    for alter in [&other_stage as &dyn Fn(&mut File), &other_model] {
        let refused = resume_altered(alter);
        assert!(matches!(refused, Err(PipelineError::Checkpoint(CheckpointError::Invalid { .. }))), "{refused:?}");
    }
}

#[test]
fn an_impatient_baseline_ends_early_and_gives_its_best() {
    let [train, dev, _] = &toy::sets([10, 4, 4]);
    let phase = || Phase::new(Schedule { peak: 0.05, warm_up: 0, steps: 60, floor: 0.0 }, 2, 2);
    let trainer = || NetworkTrainer::new(toy::untrained(train), train, dev);
    let stages = || -> Stages<Sgd> { vec![Box::new(Baseline::new(phase()).with_patience(Some(2)))] };
    let mut pipeline = Pipeline::new("run".into(), stages(), trainer());
    let dir = tempfile::tempdir().expect("a folder for checkpoints");
    let path = dir.path().join("checkpoint");
    while pipeline.current().is_some() {
        pipeline.advance().unwrap();
        pipeline.save(&path, 0).unwrap();
        (pipeline, _) = Pipeline::resume(&path, "run".into(), stages(), train, dev).unwrap();
    }
    let Measured::Training(history) = pipeline.stage("baseline").measured() else { panic!("no training") };
    let accuracy: Vec<f32> = history.iter().map(|record| record.dev_accuracy.unwrap()).collect();
    let best = accuracy.iter().copied().fold(0.0, f32::max);
    let at = accuracy.iter().position(|&a| a == best).unwrap();
    assert!(history.len() < 30, "it did not end early: {accuracy:?}");
    assert_eq!(history.len(), at + 3, "two evaluations after the best: {accuracy:?}");

    let (mut whole, mut trainer) = (phase(), trainer());
    for _ in 0..=at {
        whole.advance(&mut trainer).unwrap();
    }
    let model = trainer.state().network.to_model(&train.classes).unwrap();
    assert_eq!(models(&pipeline), [("baseline".to_owned(), model.to_bytes())]);
}

#[test]
fn a_weight_is_tried_with_statistics_that_fit_it_and_leaves_no_trace() {
    let [train, dev, _] = toy::sets([50, 20, 1]);
    let mut trainer = NetworkTrainer::new(toy::untrained(&train), &train, &dev);
    trainer.train(60, 0.1).unwrap();
    let before = checkpoint::encode(trainer.state()).unwrap();
    let weight = trainer.weight("conv2").unwrap();
    let whole = trainer.evaluate_with("conv2", &weight).unwrap();
    // Normalization takes back what makes all outputs of a convolution smaller.
    let smaller: Vec<f32> = weight.iter().map(|w| 0.1 * w).collect();
    let tried = trainer.evaluate_with("conv2", &smaller).unwrap();
    assert!(trainer.evaluate_with("conv2", &smaller[1..]).is_err());
    assert_eq!(checkpoint::encode(trainer.state()).unwrap(), before);
    trainer.set_weight("conv2", &smaller).unwrap();
    let stale = trainer.evaluate().unwrap();
    assert!((tried - whole).abs() < 0.03 && stale < whole - 0.2, "{whole}, {tried}, with old statistics {stale}");
}
