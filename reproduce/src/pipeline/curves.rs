//! The curves of the report, from what stages measured.

use crate::report::types::{AdwCurve, AdwPoint, CraCurve, Curves, TrainingPoint};
use anyhow::Result;
use hccr_compress::{Cra, PruningRecord, Record, Targets};
use hccr_models::pipeline::{Measured, Pipeline};
use hccr_nn_train::Optimizer;
use hccr_runtime::Model;

/// The curves of all stages that the last model comes from.
pub(super) fn curves<O: Optimizer>(pipeline: &Pipeline<'_, O>) -> Result<Curves> {
    let mut curves = Curves::default();
    for (stage, _) in pipeline.stages() {
        let model = pipeline.run().models().iter().find(|model| model.stage == stage.name());
        if model.is_some_and(|model| model.is_comparison) {
            continue;
        }
        let first_step = curves.training.last().map_or(0, |point| point.step);
        let mut add = |records: &mut dyn Iterator<Item = &Record>| add(&mut curves.training, stage.name(), records);
        match stage.measured() {
            Measured::Training(records) | Measured::Retraining { history: records, .. } => add(&mut records.iter()),
            Measured::Expansion(history) => {
                let phases = history.chunk_by(|a, b| a.layer == b.layer);
                phases.for_each(|phase| add(&mut phase.iter().map(|h| &h.record)));
            }
            Measured::Pruning { layers, history, .. } => {
                add(&mut history.iter().map(|h| &h.record));
                let sizes = model.map(|model| Sizes::of(&model.file, &layers)).transpose()?.unwrap_or_default();
                curves.adw = pruning(&layers, history, &sizes, first_step);
            }
            Measured::Redundancy(analysis, targets) => {
                curves.cra = analysis.map_or(Vec::new(), |cra| redundancy(cra, targets));
            }
            Measured::Nothing => {}
        }
    }
    Ok(curves)
}

/// Appends the records of a phase, which count steps from its start.
fn add(training: &mut Vec<TrainingPoint>, stage: &str, records: &mut dyn Iterator<Item = &Record>) {
    let base = training.last().map_or(0, |point| point.step);
    training.extend(records.map(|record| TrainingPoint {
        stage: stage.into(),
        step: base + record.step as u64,
        loss: record.loss.into(),
        train_accuracy: record.accuracy.into(),
        dev_accuracy: record.dev_accuracy.map(f64::from),
    }));
}

fn redundancy(analysis: &Cra, targets: Option<&Targets>) -> Vec<CraCurve> {
    let chosen = |layer: &str| {
        let ratios = targets.iter().flat_map(|t| &t.ratios);
        ratios.filter(|(name, _)| name == layer).map(|(_, ratio)| f64::from(*ratio)).sum()
    };
    let curve = |c: &hccr_compress::RedundancyCurve| CraCurve {
        layer: c.layer.clone(),
        points: c.points.iter().map(|&(ratio, accuracy)| (ratio.into(), accuracy.into())).collect(),
        chosen: chosen(&c.layer),
    };
    analysis.curves().iter().map(curve).collect()
}

fn pruning(layers: &[&str], history: &[PruningRecord], sizes: &Sizes, first_step: u64) -> AdwCurve {
    let points = history.iter().map(|h| AdwPoint {
        step: first_step + h.record.step as u64,
        layer_sparsity: h.sparsity.iter().map(|&s| s.into()).collect(),
        sparsity: sizes.overall(&h.sparsity),
        accuracy: h.record.dev_accuracy.map(f64::from),
    });
    AdwCurve { layers: layers.iter().map(|&name| name.into()).collect(), points: points.collect() }
}

/// Numbers of weights, zeros included.
#[derive(Default)]
struct Sizes {
    /// Of each pruned layer.
    pruned: Vec<usize>,
    /// Of all matrices.
    all: usize,
}

impl Sizes {
    /// Those of the model `file`, of which `layers` were pruned.
    fn of(file: &[u8], layers: &[&str]) -> Result<Self> {
        let model = Model::from_bytes(file)?;
        let weights = model.nodes().iter().flat_map(|node| node.op.matrices()).map(|id| model.weight(id));
        // By their names in the trainer.
        let matrices: Vec<(&str, usize)> =
            weights.map(|w| (w.name.strip_suffix(".weight").unwrap_or(&w.name), w.elements())).collect();
        let size = |layer: &&str| matrices.iter().filter(|(name, _)| name == layer).map(|(_, n)| n).sum();
        Ok(Self { pruned: layers.iter().map(size).collect(), all: matrices.iter().map(|(_, n)| n).sum() })
    }

    /// Share of zeros among all weights.
    fn overall(&self, sparsity: &[f32]) -> f64 {
        let zeros: f64 = sparsity.iter().zip(&self.pruned).map(|(&s, &n)| f64::from(s) * n as f64).sum();
        zeros / self.all.max(1) as f64
    }
}
