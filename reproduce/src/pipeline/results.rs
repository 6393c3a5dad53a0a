//! From a pipeline at its end to the report.

use super::curves::{compared, curves};
use super::reproduction::{Data, Reproduction};
use crate::measure::{layers, stage_of_file};
use crate::report;
use crate::report::thesis::Thesis;
use crate::report::types::{Config, Report, Threads, WallTime};
use anyhow::{Context, Result};
use hccr_compress::released_scheme_bytes;
use hccr_models::SampleSet;
use hccr_models::pipeline::{Pipeline, StageModel};
use hccr_report::machine::{Machine, Versions, commit};
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

/// Measures every stage's model and gathers the curves. `config` is what was asked for, `thesis` what stands beside it.
pub(crate) fn collect<R: Reproduction>(
    reproduction: &R,
    config: Config,
    thesis: Thesis,
    data: &Data<R::Set>,
    data_seconds: f64,
    pipeline: &Pipeline<'_, R::Optimizer>,
) -> Result<Results> {
    eprintln!("measuring ...");
    let (built, comparisons): (Vec<&StageModel>, Vec<_>) =
        pipeline.run().models().iter().partition(|m| !m.is_comparison);
    let rows = built.iter().map(|m| stage_of_file(&m.stage, &m.file, &data.test)).collect::<Result<_>>()?;
    let file = |stage: &str| {
        let found = built.iter().find(|model| model.stage == stage);
        found.map(|model| &model.file[..]).with_context(|| format!("stage {stage} left no model"))
    };
    let last = &built.last().context("no stage left a model")?.file;
    let result = Model::from_bytes(last)?;
    let seconds = pipeline.stages().map(|(stage, seconds)| (stage.name(), seconds));
    let times = std::iter::once(("data", data_seconds)).chain(seconds);
    let measured = |model: &StageModel| pipeline.stage(&model.stage).measured();
    let comparison = |&model: &&StageModel| compared(model, &measured(model), &data.test).transpose();
    let report = Report {
        pipeline: R::NAME.into(),
        data: data.description.clone(),
        machine: Machine::detect(),
        isa: Plan::new(&result)?.isa().name().into(),
        threads: Threads { training: rayon::current_num_threads(), timing: 1 },
        seed: reproduction.run_args().seed,
        commit: commit(),
        versions: Versions::detect(),
        config,
        stages: rows,
        layers: layers(last, &data.test)?,
        thesis,
        released_scheme_bytes: Some(released_bytes(&Model::from_bytes(file("codebook")?)?)),
        curves: curves(pipeline)?,
        pruning_comparison: comparisons.iter().filter_map(comparison).collect::<Result<_>>()?,
        ladder: None,
        released: None,
        fused: None,
        samples: None,
        times: times.map(|(stage, seconds)| WallTime { stage: stage.into(), seconds }).collect(),
        notes: vec![
            "Accuracy, cost, size and time of each stage are those of its model file, run by hccr-runtime.".to_owned(),
        ],
    };
    let sheet = sheet(&result, &data.test)?;
    let models = built.into_iter().map(|model| (model.stage.clone(), model.file.clone())).collect();
    Ok(Results { report, models, sheet })
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
