//! From the states of a finished run to its report.

use super::stages::{COMPARED, State};
use super::{Data, Pipeline};
use crate::int8;
use crate::measure::{accuracy, layers, stage_of_file, time};
use crate::report;
use crate::report::machine::{Machine, Versions, commit};
use crate::report::sheet::SheetItem;
use crate::report::thesis::Thesis;
use crate::report::types::{
    AdwCurve, AdwPoint, Config, CraCurve, Curves, PruningRun, Report, Threads, TrainingPoint, WallTime,
};
use anyhow::{Context, Result};
use hccr_compress::{Adw, Record, released_scheme_bytes};
use hccr_models::SampleSet;
use hccr_runtime::{Model, Plan, Session};
use std::path::Path;
use std::sync::Arc;

/// Samples on the report's sheet.
const SHEET_SAMPLES: usize = 60;

/// What a run leaves behind.
pub(crate) struct Results {
    pub(crate) report: Report,
    /// Model files by stage; the last one is the result.
    pub(crate) models: Vec<(String, Vec<u8>)>,
    /// Index in the test set, recognised class, its probability.
    sheet: Vec<(usize, usize, f32)>,
}

impl Results {
    /// The model file of a stage.
    pub(crate) fn model(&self, stage: &str) -> &[u8] {
        let found = self.models.iter().find(|(name, _)| name == stage);
        found.map(|(_, bytes)| &bytes[..]).expect("every stage keeps its model")
    }

    /// Writes the report, with the test samples of the sheet as `image` draws them, and the model files.
    pub(crate) fn write(
        &self,
        out: &Path,
        set: &impl SampleSet,
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
            std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        }
        println!("{}", report::table::terminal(&self.report));
        println!("report: {}", out.join("report.html").display());
        Ok(())
    }
}

/// Measures every stage's model and gathers the curves. `config` is what was asked for, `thesis` what stands beside it.
pub(crate) fn collect<P: Pipeline>(
    pipeline: &P,
    config: Config,
    thesis: Thesis,
    data: &Data<P::Set>,
    state: &State<P::Optimizer>,
) -> Result<Results> {
    let file = |name: &str| {
        let found = state.models.iter().find(|(n, _)| n == name);
        found.map(|(_, bytes)| bytes.clone()).expect("every stage keeps its model")
    };
    let mut models: Vec<(String, Vec<u8>)> =
        ["baseline", P::LOW_RANK, "adw", "codebook"].map(|n| (n.into(), file(n))).into();
    let codebook = Model::from_bytes(&file("codebook"))?;
    let optimized = hccr_graph_opt::optimize(&codebook);
    models.push(("graph-opt".into(), optimized.to_bytes()));
    // Sequences have no quantised form.
    if !optimized.is_sequence() {
        let quantized = int8::quantized(&optimized, &data.train, pipeline.run_args().seed)?;
        models.push(("int8".into(), quantized.to_bytes()));
    }

    eprintln!("measuring ...");
    let rows = models.iter().map(|(name, bytes)| stage_of_file(name, bytes, &data.test)).collect::<Result<_>>()?;
    let last = &models.last().expect("five stages at least").1;
    let result = Model::from_bytes(last)?;
    let report = Report {
        pipeline: P::NAME.into(),
        data: data.description.clone(),
        machine: Machine::detect(),
        isa: Plan::new(&result)?.isa().name().into(),
        threads: Threads { training: rayon::current_num_threads(), timing: 1 },
        seed: pipeline.run_args().seed,
        commit: commit(),
        versions: Versions::detect(),
        config,
        stages: rows,
        layers: layers(last, &data.test)?,
        thesis,
        released_scheme_bytes: Some(released_bytes(&codebook)),
        curves: curves(P::LOW_RANK, state),
        pruning_comparison: comparison(P::LOW_RANK, state, &data.test)?,
        ladder: None,
        released: None,
        fused: None,
        times: state.seconds.iter().map(|(s, t)| WallTime { stage: s.clone(), seconds: *t }).collect(),
        notes: vec![
            "Accuracy, cost, size and time of each stage are those of its model file, run by hccr-runtime.".to_owned(),
        ],
    };
    let sheet = sheet(&result, &data.test)?;
    Ok(Results { report, models, sheet })
}

/// Bytes of the matrices in the released model's scheme.
fn released_bytes(model: &Model) -> u64 {
    let matrices = model.nodes().iter().flat_map(|node| node.op.matrices());
    matrices.map(|id| released_scheme_bytes(&model.weight(id).to_dense()) as u64).sum()
}

fn curves<O>(low_rank: &str, state: &State<O>) -> Curves {
    let mut training = Vec::new();
    // Records count steps from the start of their phase; a phase ends where the count falls back.
    let mut add = |stage: &str, records: &mut dyn Iterator<Item = Record>| {
        let (mut base, mut last) = (training.last().map_or(0, |p: &TrainingPoint| p.step), 0);
        for record in records {
            if record.step <= last {
                base += last as u64;
            }
            last = record.step;
            training.push(TrainingPoint {
                stage: stage.into(),
                step: base + record.step as u64,
                loss: record.loss.into(),
                train_accuracy: record.accuracy.into(),
                dev_accuracy: record.dev_accuracy.map(f64::from),
            });
        }
        base + last as u64
    };
    add("baseline", &mut state.baseline.history().iter().copied());
    let before_pruning = add(low_rank, &mut state.low_rank.iter().flat_map(|l| l.records()));
    add("adw", &mut state.adw.iter().flat_map(Adw::history).map(|h| h.record));
    add("codebook", &mut state.sharing.iter().flat_map(|s| s.history().iter().copied()));

    let chosen = |layer: &str| {
        let ratios = state.targets.iter().flat_map(|t| &t.ratios);
        ratios.filter(|(name, _)| name == layer).map(|(_, ratio)| f64::from(*ratio)).sum()
    };
    let cra = state.cra.iter().flat_map(|c| c.curves());
    let cra = cra.map(|c| CraCurve {
        layer: c.layer.clone(),
        points: c.points.iter().map(|&(r, a)| (r.into(), a.into())).collect(),
        chosen: chosen(&c.layer),
    });
    Curves { training, cra: cra.collect(), adw: adw_curve(low_rank, state, before_pruning) }
}

fn adw_curve<O>(low_rank: &str, state: &State<O>, first_step: u64) -> AdwCurve {
    let Some(adw) = &state.adw else { return AdwCurve::default() };
    let sizes = sizes(low_rank, state);
    let points = adw.history().map(|h| AdwPoint {
        step: first_step + h.record.step as u64,
        layer_sparsity: h.sparsity.iter().map(|&s| s.into()).collect(),
        sparsity: overall(&h.sparsity, &sizes),
        accuracy: h.record.dev_accuracy.map(f64::from),
    });
    AdwCurve { layers: adw.sparsity().map(|(name, _)| name.to_owned()).collect(), points: points.collect() }
}

/// Weights of the layers that are pruned, in the order of the targets, and of the others together.
fn sizes<O>(low_rank: &str, state: &State<O>) -> (Vec<usize>, usize) {
    let model = state.models.iter().find(|(name, _)| name == low_rank).and_then(|(_, b)| Model::from_bytes(b).ok());
    let matrices: Vec<(String, usize)> = model.iter().flat_map(matrices).collect();
    let pruned: Vec<&str> = state.adw.iter().flat_map(|a| a.sparsity().map(|(name, _)| name)).collect();
    let sum = |wanted: &dyn Fn(&str) -> bool| matrices.iter().filter(|(name, _)| wanted(name)).map(|(_, n)| n).sum();
    let others = sum(&|name| !pruned.contains(&name));
    (pruned.iter().map(|layer| sum(&|name| name == *layer)).collect(), others)
}

/// The name of each matrix, as the trainer knows it, and its elements.
fn matrices(model: &Model) -> impl Iterator<Item = (String, usize)> {
    let weights = model.nodes().iter().flat_map(|node| node.op.matrices()).map(|id| model.weight(id));
    weights.map(|w| (w.name.strip_suffix(".weight").unwrap_or(&w.name).to_owned(), w.elements()))
}

/// Share of zeros among all weights.
fn overall(sparsity: &[f32], (pruned, others): &(Vec<usize>, usize)) -> f64 {
    let zeros: f64 = sparsity.iter().zip(pruned).map(|(&s, &n)| f64::from(s) * n as f64).sum();
    zeros / (pruned.iter().sum::<usize>() + others).max(1) as f64
}

fn comparison<O>(low_rank: &str, state: &State<O>, test: &impl SampleSet) -> Result<Vec<PruningRun>> {
    let sizes = sizes(low_rank, state);
    let mut comparison = Vec::new();
    for (strategy, adw) in COMPARED.into_iter().zip(&state.compared) {
        let Some((_, bytes)) = state.models.iter().find(|(name, _)| name == strategy) else { continue };
        let plan = Arc::new(Plan::new(&Model::from_bytes(bytes)?)?);
        let sparsity: Vec<f32> = adw.sparsity().map(|(_, s)| s).collect();
        let records = adw.history().map(|h| h.record);
        let accuracy_curve: Vec<(u64, f64)> =
            records.filter_map(|r| Some((r.step as u64, f64::from(r.dev_accuracy?)))).collect();
        comparison.push(PruningRun {
            strategy: strategy.into(),
            block: adw.block(),
            sparsity: overall(&sparsity, &sizes),
            dev_accuracy: accuracy_curve.last().map_or(0.0, |p| p.1),
            accuracy_curve,
            test_accuracy: f64::from(accuracy(&plan, test)?.top1_accuracy()),
            bytes: Some(bytes.len() as u64),
            min_ms: Some(time(&plan, test, |_| ())?[0]),
        });
    }
    Ok(comparison)
}

/// Samples spread over the test set, as the compressed network reads them.
fn sheet(model: &Model, test: &impl SampleSet) -> Result<Vec<(usize, usize, f32)>> {
    let mut session = Session::new(Arc::new(Plan::new(model)?));
    let samples = test.labels().len();
    let count = SHEET_SAMPLES.min(samples);
    let mut input = Vec::new();
    (0..count)
        .map(|s| {
            // A step that shares no factor with the samples a class, so that writers vary too.
            let i = (s * samples / count + s * 7) % samples;
            test.fill_input(i, &mut input);
            let logits = session.run(&input)?;
            let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let total: f32 = logits.iter().map(|l| (l - max).exp()).sum();
            let guess = logits.iter().position(|&l| l == max).unwrap_or(0);
            Ok((i, guess, 1.0 / total))
        })
        .collect()
}
