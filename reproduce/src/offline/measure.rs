//! What the pipeline's model files and the thesis's full-size network are worth.

use crate::measure::{macs, stage, time};
use crate::report::types::{FullSize, FullSizeRow, Stage};
use anyhow::{Context, Result};
use hccr_models::answers;
use hccr_models::data::ImageSet;
use hccr_models::offline::{ThesisStage, thesis_network};
use hccr_nn_train::Evaluation;
use hccr_runtime::{Model, Plan};
use std::sync::Arc;

/// Everything about the model file `bytes`.
pub(super) fn stage_of_file(name: &str, bytes: &[u8], test: &ImageSet) -> Result<Stage> {
    let model = Model::from_bytes(bytes).with_context(|| format!("the model of stage {name}"))?;
    let plan = Arc::new(Plan::new(&model)?);
    stage(name, &model, bytes.len(), accuracy(&plan, test)?, time(&plan, test, |_| ())?)
}

/// Recognises the whole set.
pub(super) fn accuracy(plan: &Arc<Plan>, set: &ImageSet) -> Result<Evaluation> {
    Ok(answers(plan, set, || ())?.iter().map(|answer| answer.count).sum())
}

/// The thesis's network at full size with random weights.
pub(super) fn full_size(seed: u64, test: &ImageSet) -> Result<FullSize> {
    let row = |(name, stage): (&str, ThesisStage)| {
        let bytes = thesis_network(stage, seed).to_bytes()?;
        let model = Model::from_bytes(&bytes)?;
        let [min_ms, median_ms] = time(&Arc::new(Plan::new(&model)?), test, |_| ())?;
        let [dense_macs, nonzero_macs] = macs(&model)?;
        Ok(FullSizeRow {
            name: name.into(),
            weights: model.weight_elements() as u64,
            nonzeros: model.weight_nonzeros() as u64,
            dense_macs,
            nonzero_macs,
            bytes: bytes.len() as u64,
            min_ms,
            median_ms,
        })
    };
    let stages = [
        ("baseline", ThesisStage::Baseline),
        ("gslre", ThesisStage::LowRank),
        ("adw-density", ThesisStage::Compressed),
    ];
    let rows = stages.into_iter().map(row).collect::<Result<_>>()?;
    Ok(FullSize { note: FullSize::NOTE.into(), classes: 3755, rows })
}
