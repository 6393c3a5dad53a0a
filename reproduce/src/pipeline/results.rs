//! From a pipeline at its end to the report.

use super::curves::curves;
use super::estimate::Estimate;
use super::reproduction::{Data, Reproduction, Test};
use crate::measure::{layers, stage_of_file};
use crate::report;
use crate::report::thesis::Thesis;
use crate::report::types::{Config, Report, Stage, Threads, WallTime};
use anyhow::{Context, Result, ensure};
use hccr_compress::{Budget, released_scheme_bytes};
use hccr_models::SampleSet;
use hccr_models::pipeline::{Goal, Measured, Pipeline, StageModel};
use hccr_nn_train::{Distillation, Optimizer};
use hccr_report::machine::{Machine, Versions, commit};
use hccr_report::number;
use hccr_report::sheet::SheetItem;
use hccr_runtime::{Model, ModelBuilder, Plan, Session};
use std::path::Path;
use std::sync::Arc;

/// Samples on the report's sheet.
const SHEET_SAMPLES: usize = 60;

/// The result of a run.
pub(crate) struct Results {
    pub(crate) report: Report,
    /// Model files by stage; the last one is the result.
    pub(crate) models: Vec<(String, Vec<u8>)>,
    /// Index in the test set, recognized class, its probability.
    sheet: Vec<(usize, usize, f32)>,
}

impl Results {
    /// The model file of a stage.
    pub(crate) fn model(&self, stage: &str) -> &[u8] {
        let found = self.models.iter().find(|(name, _)| name == stage);
        found.map(|(_, bytes)| &bytes[..]).expect("every stage keeps its model")
    }

    /// The stage that left the result.
    pub(crate) fn last_stage(&self) -> &str {
        &self.models.last().expect("every pipeline leaves a model").0
    }

    /// The model file that is the result.
    pub(crate) fn last_model(&self) -> &[u8] {
        self.model(self.last_stage())
    }

    /// Changes the model that is the result in what is neither graph nor weights, such as its fusion.
    pub(crate) fn edit_last_model(&mut self, edit: impl FnOnce(&mut ModelBuilder)) -> Result<()> {
        let (_, file) = self.models.last_mut().expect("every pipeline leaves a model");
        let mut model = Model::from_bytes(file)?.edit();
        edit(&mut model);
        *file = model.finish()?.to_bytes();
        if let Some(stage) = self.report.stages.last_mut() {
            stage.bytes = file.len() as u64;
        }
        Ok(())
    }

    /// Writes the report, with the test samples of the sheet as `image` draws them, and the model files.
    pub(crate) fn write(
        &self,
        out: &Path,
        set: &dyn SampleSet,
        image: impl Fn(usize) -> Result<Vec<u8>>,
    ) -> Result<()> {
        let item = |&(i, guess, probability): &(usize, usize, f32)| {
            let [truth, guess] = [set.labels()[i].into(), guess].map(|class: usize| set.classes()[class]);
            Ok(SheetItem { image: image(i)?, truth, guess, probability })
        };
        let sheet = self.sheet.iter().map(item).collect::<Result<Vec<_>>>()?;
        report::write(out, &self.report, &sheet)?;
        for (name, bytes) in &self.models {
            let path = out.join(format!("{name}.hccr"));
            hccr_files::replace(&path, &[bytes]).with_context(|| format!("cannot write {}", path.display()))?;
        }
        println!("{}", report::stages::terminal(&self.report));
        println!("report: {}", out.join("report.html").display());
        Ok(())
    }
}

/// Reads the test set, measures every stage's model on it and gathers the curves; gives the set as well. `config` is what was asked for, `thesis` what stands beside it.
pub(crate) fn collect<R: Reproduction>(
    reproduction: &R,
    config: Config,
    thesis: Thesis,
    data: &Data<R::Set>,
    data_seconds: f64,
    pipeline: &Pipeline<'_, R::Optimizer>,
) -> Result<(Results, R::Set)> {
    ensure!(pipeline.current().is_none(), "the test set is read when all is trained, and not before");
    let Test { set: test, note } = reproduction.test(data)?;
    eprintln!("measuring ...");
    let (built, comparisons): (Vec<&StageModel>, Vec<_>) =
        pipeline.run().models().iter().partition(|m| !m.is_comparison);
    let mut rows = built.iter().map(|m| stage_of_file(&m.stage, &m.file, &test)).collect::<Result<Vec<_>>>()?;
    let curves = curves(pipeline)?;
    let mut steps = 0;
    for row in &mut rows {
        let last = curves.training.iter().rfind(|point| point.stage == row.name);
        steps = last.map_or(steps, |point| point.step);
        row.steps = Some(steps);
    }
    let longer_baseline = comparisons.iter().find_map(|model| match pipeline.stage(&model.stage).measured() {
        Measured::Training(records) => Some((model, records.last().map_or(0, |record| record.step as u64))),
        _ => None,
    });
    let longer_baseline = longer_baseline.map(|(model, more)| -> Result<Stage> {
        let row = stage_of_file(&model.stage, &model.file, &test)?;
        Ok(Stage { steps: rows[0].steps.map(|steps| steps + more), ..row })
    });
    let file = |stage: &str| {
        let found = built.iter().find(|model| model.stage == stage);
        found.map(|model| &model.file[..]).with_context(|| format!("stage {stage} left no model"))
    };
    let last = &built.last().context("no stage left a model")?.file;
    let result = Model::from_bytes(last)?;
    let seconds = pipeline.stages().map(|(stage, seconds)| (stage.name(), seconds));
    let times = std::iter::once(("data", data_seconds)).chain(seconds);
    let mut report = Report {
        pipeline: R::NAME.into(),
        data: data.description.clone() + &note,
        machine: Machine::detect(),
        isa: Plan::new(&result)?.isa().name().into(),
        threads: Threads { training: rayon::current_num_threads(), timing: 1 },
        seed: reproduction.run_args().seed,
        commit: commit().into(),
        versions: Versions::detect(),
        config,
        stages: rows,
        longer_baseline: longer_baseline.transpose()?,
        layers: layers(last, &test)?,
        thesis,
        released_scheme_bytes: Some(released_bytes(&Model::from_bytes(file("codebook")?)?)),
        curves,
        ladder: None,
        released: None,
        fused: None,
        samples: None,
        times: times.map(|(stage, seconds)| WallTime { stage: stage.into(), seconds }).collect(),
        notes: notes(pipeline),
    };
    let expected = Estimate::load(&reproduction.out());
    report.notes.extend(expected.map(|estimate| format!("Before it began, the run was expected to take {estimate}.")));
    let sheet = sheet(&result, &test)?;
    let models = built.into_iter().map(|model| (model.stage.clone(), model.file.clone())).collect();
    Ok((Results { report, models, sheet }, test))
}

/// What pruning was told to reach: a reader may take it for a result.
pub(crate) fn asked(goal: Goal) -> String {
    match goal {
        Goal::Reduction { macs_ratio, weights_ratio } => format!(
            "Two ratios are given, and no results: pruning has to leave at most 1/{macs_ratio} of the baseline's MACs and 1/{weights_ratio} \
             of its weights."
        ),
        Goal::Tolerance(tolerance) => format!(
            "How much pruning leaves is a result. It follows from a tolerance: each layer alone, before any retraining, may cost {} points.",
            number::percent(tolerance.into())
        ),
        Goal::Weights(nonzeros) => {
            format!("The number of weights is given, and no result: pruning has to leave at most {nonzeros}.")
        }
        Goal::Budget(Budget { nonzero_macs, nonzeros }) => {
            let limits = [(nonzeros, "weights"), (nonzero_macs, "MACs")];
            let limits: Vec<_> = limits.iter().filter_map(|(limit, of)| Some(format!("{} {of}", (*limit)?))).collect();
            format!("What is left is given, and no result: at most {}.", limits.join(" and "))
        }
    }
}

/// What is to say of every run.
fn notes<O: Optimizer>(pipeline: &Pipeline<'_, O>) -> Vec<String> {
    let mut notes = vec![
        "Accuracy, cost, size and time of each stage are those of its model file, run by hccr-runtime.".to_owned(),
    ];
    if let Some(Distillation { weight, temperature }) = pipeline.run().trainer.teacher().map(|teacher| teacher.how) {
        notes.push(format!(
            "From low rank on, the network learned from the answers of the baseline too: {} % of the loss, at a temperature of {temperature}.",
            number::percent(weight)
        ));
    }
    for (stage, _) in pipeline.stages() {
        if let Measured::Retraining { before: Some(before), history } = stage.measured() {
            let after = history.last().and_then(|record| record.dev_accuracy).unwrap_or(before);
            let [before, after] = [before, after].map(|accuracy| number::percent(accuracy.into()));
            notes.push(format!(
                "{}: {before} % of the development set before the stage trained, {after} % after.",
                stage.name()
            ));
        }
    }
    notes
}

/// Bytes of the matrices in the released model's scheme.
fn released_bytes(model: &Model) -> u64 {
    let matrices = model.nodes().iter().flat_map(|node| node.op.matrices());
    matrices.map(|id| released_scheme_bytes(&model.weight(id).to_dense()) as u64).sum()
}

/// Samples spread over the test set, as the compressed network reads them.
fn sheet(model: &Model, test: &dyn SampleSet) -> Result<Vec<(usize, usize, f32)>> {
    let mut session = Session::new(Arc::new(Plan::new(model)?));
    let samples = test.labels().len();
    let count = SHEET_SAMPLES.min(samples);
    let mut input = Vec::new();
    (0..count)
        .map(|s| {
            // A step that shares no factor with the samples per class, so that writers vary too.
            let i = (s * samples / count + s * 7) % samples;
            test.fill_input(i, &mut input)?;
            let logits = session.run(&input)?;
            let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let total: f32 = logits.iter().map(|l| (l - max).exp()).sum();
            let guess = logits.iter().position(|&l| l == max).unwrap_or(0);
            Ok((i, guess, 1.0 / total))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::RunArgs;
    use crate::pipeline;
    use crate::progress::Interrupt;
    use clap::Parser;
    use hccr_compress::{LayerInfo, Progress};
    use hccr_data::ImageSet;
    use hccr_models::offline::OfflineRecipe;
    use hccr_models::pipeline::{self as stages, Output, Run, StageError, Stages};
    use hccr_models::{NetworkTrainer, Tier, TrainerState, Workload};
    use hccr_nn_train::Sgd;
    use serde::{Deserialize, Serialize};
    use std::sync::atomic::{AtomicBool, Ordering};

    static OPENED: AtomicBool = AtomicBool::new(false);

    /// A stage that fails where the test set was opened before.
    #[derive(Debug, Default, Serialize, Deserialize)]
    struct Watch(bool);

    impl stages::Stage<Sgd> for Watch {
        fn name(&self) -> &str {
            "watch"
        }

        fn advance(&mut self, _: &mut Run<'_, Sgd>) -> Result<Progress, StageError> {
            assert!(!OPENED.load(Ordering::Relaxed), "a stage runs after the test set was opened");
            self.0 = true;
            Ok(Progress { done: 1, total: 1, message: String::new() })
        }

        fn is_done(&self) -> bool {
            self.0
        }

        fn output(&self, run: &Run<'_, Sgd>) -> Result<Output, StageError> {
            Ok(Output::Model(run.network()?))
        }

        fn measured(&self) -> Measured<'_> {
            Measured::Nothing
        }
    }

    #[derive(Parser)]
    struct Watched {
        #[command(flatten)]
        run: RunArgs,
    }

    impl Reproduction for Watched {
        type Set = ImageSet;
        type Optimizer = Sgd;
        const NAME: &'static str = "watched";

        fn run_args(&self) -> &RunArgs {
            &self.run
        }

        fn command(&self) -> String {
            "watch".into()
        }

        fn test(&self, data: &Data<ImageSet>) -> Result<Test<ImageSet>> {
            OPENED.store(true, Ordering::Relaxed);
            Ok(Test::new(data.dev.clone()))
        }

        fn untrained(&self, data: &Data<ImageSet>) -> Result<TrainerState<Sgd>> {
            let recipe = OfflineRecipe::new(Tier::Smoke, None, None, 1.0, 1);
            Ok(recipe.untrained(&*data.train, 1)?)
        }

        fn workload(&self, _: &[LayerInfo]) -> Result<Workload> {
            Ok(Workload { stages: Vec::new(), channels: Vec::new(), ranks: Vec::new(), distillation: None })
        }

        fn stages(&self) -> Stages<Sgd> {
            vec![Box::new(Watch::default())]
        }
    }

    #[test]
    fn the_test_set_is_opened_after_the_last_stage() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().display().to_string();
        let watched = Watched::parse_from(["watched", "--out", &out]);
        let simulator = OfflineRecipe::new(Tier::Smoke, Some(2), None, 1.0, 1).common.data;
        let set = hccr_data::simulate(&simulator, hccr_data::Split::Dev, &|_, _| {}).unwrap();
        let data = Data { train: Box::new(set.clone()), dev: set, description: String::new() };
        let config = || Config {
            tier: String::new(),
            classes: 2,
            width: None,
            hidden_sizes: None,
            train_samples: 0,
            dev_samples: 0,
            command: String::new(),
        };
        let trainer = NetworkTrainer::new(watched.untrained(&data).unwrap(), &*data.train, &data.dev);
        let begun = Pipeline::new("watch".into(), watched.stages(), trainer);
        let refused = collect(&watched, config(), Thesis::offline(), &data, 0.0, &begun);
        assert!(refused.is_err() && !OPENED.load(Ordering::Relaxed));

        let finished = pipeline::run(&watched, &data, &Interrupt::default()).unwrap().unwrap();
        // A pipeline of one stage has no codebook to report on.
        let error = collect(&watched, config(), Thesis::offline(), &data, 0.0, &finished).err().unwrap();
        assert!(error.to_string().contains("codebook") && OPENED.load(Ordering::Relaxed), "{error}");
    }
}
