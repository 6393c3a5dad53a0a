//! From the states of a finished run to its report.

use super::OfflineArgs;
use super::data::Data;
use super::measure;
use super::stages::{COMPARED, Stages, State};
use crate::measure::layers;
use crate::report::machine::{Machine, Versions, commit};
use crate::report::sheet::SheetItem;
use crate::report::thesis::Thesis;
use crate::report::types::{
    AdwCurve, AdwPoint, Config, CraCurve, Curves, PruningRun, Report, Threads, TrainingPoint, WallTime,
};
use anyhow::Result;
use hccr_compress::{Adw, Record, released_scheme_bytes};
use hccr_models::offline::Recipe;
use hccr_runtime::{Model, Plan, Session};
use std::sync::Arc;

/// Samples on the report's sheet.
const SHEET_SAMPLES: usize = 60;

/// What a run leaves behind.
pub(super) struct Results {
    pub(super) report: Report,
    /// Model files by stage.
    pub(super) models: Vec<(String, Vec<u8>)>,
    /// Index in the test set, recognised class, its probability.
    sheet: Vec<(usize, usize, f32)>,
}

impl Results {
    /// The samples of the sheet.
    pub(super) fn sheet<'a>(&self, data: &'a Data) -> Vec<SheetItem<'a>> {
        let item = |&(i, guess, probability): &(usize, usize, f32)| SheetItem {
            image: data.test.image(i),
            truth: data.test.classes[data.test.labels[i] as usize],
            guess: data.test.classes[guess],
            probability,
        };
        self.sheet.iter().map(item).collect()
    }
}

/// Measures every stage's model and gathers the curves.
pub(super) fn collect(args: &OfflineArgs, recipe: &Recipe, data: &Data, stages: Stages) -> Result<Results> {
    let state = stages.into_state();
    let file = |name: &str| {
        let found = state.models.iter().find(|(n, _)| n == name);
        found.map(|(_, bytes)| bytes.clone()).expect("every stage keeps its model")
    };
    let mut models: Vec<(String, Vec<u8>)> =
        ["baseline", "gslre", "adw", "codebook"].map(|n| (n.into(), file(n))).into();
    let codebook = Model::from_bytes(&file("codebook"))?;
    let optimized = hccr_graph_opt::optimize(&codebook)?;
    models.push(("graph-opt".into(), optimized.to_bytes()?));

    eprintln!("measuring ...");
    let rows =
        models.iter().map(|(name, bytes)| measure::stage_of_file(name, bytes, &data.test)).collect::<Result<_>>()?;
    let last = &models.last().expect("five stages").1;
    let report = Report {
        pipeline: "offline".into(),
        data: data.description.clone(),
        machine: Machine::detect(),
        isa: Plan::new(&optimized)?.isa().name().into(),
        threads: Threads { training: rayon::current_num_threads(), timing: 1 },
        seed: args.seed,
        commit: commit(),
        versions: Versions::detect(),
        config: Config {
            tier: args.tier_name(),
            classes: data.train.classes.len(),
            width: recipe.width.into(),
            train_samples: data.train.len(),
            dev_samples: data.dev.len(),
            command: args.command(),
        },
        stages: rows,
        layers: layers(last, &data.test)?,
        thesis: Thesis::offline(),
        released_scheme_bytes: Some(released_bytes(&codebook)),
        curves: curves(&state),
        pruning_comparison: comparison(&state, data)?,
        full_size: Some(measure::full_size(args.seed, &data.test)?),
        released: None,
        times: state.seconds.iter().map(|(s, t)| WallTime { stage: s.clone(), seconds: *t }).collect(),
        notes: notes(args),
    };
    let sheet = sheet(&optimized, data)?;
    Ok(Results { report, models, sheet })
}

fn notes(args: &OfflineArgs) -> Vec<String> {
    let mut notes = vec![
        "Accuracy, cost, size and time of each stage are those of its model file, run by hccr-runtime.".to_owned(),
        "MACs on padding count, as in the thesis; a time is of one character on one thread.".to_owned(),
    ];
    if args.gnt_train.is_empty() {
        let text = "The characters are simulated: the accuracies cannot be compared with published ones.";
        notes.push(text.to_owned());
    }
    notes
}

/// Bytes of the matrices in the released model's scheme.
fn released_bytes(model: &Model) -> u64 {
    let matrices = model.nodes.iter().flat_map(|node| node.op.matrices());
    matrices.map(|id| released_scheme_bytes(&model.weight(id).to_dense()) as u64).sum()
}

fn curves(state: &State) -> Curves {
    let mut training = Vec::new();
    // Records count steps from the start of their phase; a phase ends where the count falls back.
    let mut add = |stage: &str, records: &mut dyn Iterator<Item = &Record>| {
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
    add("baseline", &mut state.baseline.history().iter());
    let gslre = state.gslre.iter().flat_map(|g| g.history());
    let before_pruning = add("gslre", &mut gslre.map(|h| &h.record));
    add("adw", &mut state.adw.iter().flat_map(Adw::history).map(|h| &h.record));
    add("codebook", &mut state.sharing.iter().flat_map(|s| s.history()));

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
    Curves { training, cra: cra.collect(), adw: adw_curve(state, before_pruning) }
}

fn adw_curve(state: &State, first_step: u64) -> AdwCurve {
    let Some(adw) = &state.adw else { return AdwCurve::default() };
    let sizes = sizes(state);
    let points = adw.history().iter().map(|h| AdwPoint {
        step: first_step + h.record.step as u64,
        layer_sparsity: h.sparsity.iter().map(|&s| s.into()).collect(),
        sparsity: overall(&h.sparsity, &sizes),
        accuracy: h.record.dev_accuracy.map(f64::from),
    });
    AdwCurve { layers: adw.sparsity().map(|(name, _)| name.to_owned()).collect(), points: points.collect() }
}

/// Weights of the layers that are pruned, in the order of the targets, and of the others together.
fn sizes(state: &State) -> (Vec<usize>, usize) {
    let model = state.models.iter().find(|(name, _)| name == "gslre").and_then(|(_, b)| Model::from_bytes(b).ok());
    let costs = model.and_then(|m| m.costs().ok()).unwrap_or_default();
    let pruned: Vec<&str> = state.adw.iter().flat_map(|a| a.sparsity().map(|(name, _)| name)).collect();
    let size = |name: &&str| costs.iter().filter(|c| c.name == *name).map(|c| c.weights).sum();
    let others = costs.iter().filter(|c| !pruned.contains(&c.name.as_str())).map(|c| c.weights).sum();
    (pruned.iter().map(size).collect(), others)
}

/// Share of zeros among all weights.
fn overall(sparsity: &[f32], (pruned, others): &(Vec<usize>, usize)) -> f64 {
    let zeros: f64 = sparsity.iter().zip(pruned).map(|(&s, &n)| f64::from(s) * n as f64).sum();
    zeros / (pruned.iter().sum::<usize>() + others).max(1) as f64
}

fn comparison(state: &State, data: &Data) -> Result<Vec<PruningRun>> {
    let sizes = sizes(state);
    let mut comparison = Vec::new();
    for (strategy, adw) in COMPARED.into_iter().zip(&state.compared) {
        let Some((_, bytes)) = state.models.iter().find(|(name, _)| name == strategy) else { continue };
        let plan = Arc::new(Plan::new(&Model::from_bytes(bytes)?)?);
        let sparsity: Vec<f32> = adw.sparsity().map(|(_, s)| s).collect();
        let records = adw.history().iter().map(|h| &h.record);
        let accuracy_curve: Vec<(u64, f64)> =
            records.filter_map(|r| Some((r.step as u64, f64::from(r.dev_accuracy?)))).collect();
        comparison.push(PruningRun {
            strategy: strategy.into(),
            sparsity: overall(&sparsity, &sizes),
            dev_accuracy: accuracy_curve.last().map_or(0.0, |p| p.1),
            accuracy_curve,
            test_accuracy: f64::from(measure::accuracy(&plan, &data.test)?.top1_accuracy()),
        });
    }
    Ok(comparison)
}

/// Samples spread over the test set, as the compressed network reads them.
fn sheet(model: &Model, data: &Data) -> Result<Vec<(usize, usize, f32)>> {
    let mut session = Session::new(Arc::new(Plan::new(model)?));
    let count = SHEET_SAMPLES.min(data.test.len());
    (0..count)
        .map(|s| {
            // A step that shares no factor with the samples a class, so that writers vary too.
            let i = (s * data.test.len() / count + s * 7) % data.test.len();
            let input: Vec<f32> = data.test.image(i).iter().map(|&v| f32::from(v)).collect();
            let logits = session.run(&input)?;
            let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let total: f32 = logits.iter().map(|l| (l - max).exp()).sum();
            let guess = logits.iter().position(|&l| l == max).unwrap_or(0);
            Ok((i, guess, 1.0 / total))
        })
        .collect()
}
