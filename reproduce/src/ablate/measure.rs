//! Measures all cells on the test set, and compares them on its samples.

use super::claims::CLAIMS;
use super::method::{Cell, Family, Method};
use super::statistics::{Difference, Verdict};
use super::train::{Folder, Trained};
use crate::measure::{stage, time};
use crate::progress::bar;
use crate::report::types::Stage;
use anyhow::Result;
use hccr_evaluate::macs;
use hccr_models::{SampleSet, answers};
use hccr_runtime::{Model, Plan};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One training, measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct MeasuredCell {
    #[serde(flatten)]
    pub(crate) cell: Cell,
    /// Mini-batches since the first one of its baseline.
    pub(crate) steps: u64,
    /// Wall time of its own training.
    pub(crate) seconds: f64,
    /// Its figures in the runtime.
    pub(crate) figures: Stage,
    /// Whether each test sample was read right.
    #[serde(skip)]
    right: Vec<bool>,
}

/// A method at a level, against the uncompressed network that trained for as many steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Compared {
    pub(crate) family: Family,
    pub(crate) method: Method,
    pub(crate) level: f64,
    pub(crate) gain: Difference,
}

/// What the figures say of a claim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Judged {
    pub(crate) claim: String,
    pub(crate) family: Family,
    pub(crate) method: Method,
    pub(crate) against: Method,
    /// By how far they compress, the least first.
    pub(crate) levels: Vec<JudgedLevel>,
}

/// The same at one level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct JudgedLevel {
    pub(crate) level: f64,
    pub(crate) gain: Difference,
    pub(crate) verdict: Verdict,
}

impl Judged {
    /// The level from which on the claim holds at every level that was tried.
    pub(crate) fn holds_from(&self) -> Option<f64> {
        let held = self.levels.iter().rev().take_while(|judged| judged.verdict == Verdict::Holds);
        held.last().map(|judged| judged.level)
    }
}

/// Measures the models of all cells.
pub(super) fn cells(trained: &[Trained], folder: &Folder, test: &dyn SampleSet) -> Result<Vec<MeasuredCell>> {
    let bar = bar("measuring", trained.len());
    let mut cells = Vec::new();
    for Trained { cell, steps, seconds, .. } in trained {
        let file = folder.model(*cell)?;
        let model = Model::from_bytes(&file)?;
        let plan = Arc::new(Plan::new(&model)?);
        let answers = answers(&plan, test, || ())?;
        let count = answers.iter().map(|answer| answer.count).sum();
        let macs = macs(&model, test.mean_steps());
        let figures = stage(&cell.name(), &model, file.len(), macs, count, time(&plan, test, |_| ())?)?;
        let right = answers.iter().map(|answer| answer.count.top1 > 0).collect();
        cells.push(MeasuredCell { cell: *cell, steps: *steps, seconds: *seconds, figures, right });
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(cells)
}

/// The levels of a family that were tried, the least compression first.
pub(crate) fn levels(cells: &[MeasuredCell], family: Family) -> Vec<f64> {
    let of_family = cells.iter().map(|measured| measured.cell).filter(|cell| cell.family == family);
    let mut levels: Vec<f64> = of_family.map(|cell| cell.level).filter(|&level| level > 0.0).collect();
    levels.sort_by(f64::total_cmp);
    levels.dedup();
    if family == Family::Sharing {
        levels.reverse(); // fewer bits compress more
    }
    levels
}

/// The difference of the cells of two methods, over all seeds of which there are both.
fn difference(cells: &[MeasuredCell], family: Family, methods: [(Method, f64); 2]) -> Option<Difference> {
    let find = |seed, (method, level)| {
        cells.iter().find(|measured| measured.cell == Cell { seed, family, method, level }).map(|m| &m.right[..])
    };
    let mut seeds: Vec<u64> = cells.iter().map(|measured| measured.cell.seed).collect();
    seeds.sort_unstable();
    seeds.dedup();
    let pairs: Vec<[&[bool]; 2]> =
        seeds.into_iter().filter_map(|seed| Some([find(seed, methods[0])?, find(seed, methods[1])?])).collect();
    Difference::of(&pairs)
}

/// Every method at every level against the uncompressed network.
pub(super) fn compared(cells: &[MeasuredCell]) -> Vec<Compared> {
    let mut compared: Vec<Compared> = Vec::new();
    for &MeasuredCell { cell: Cell { family, method, level, .. }, .. } in cells {
        let is_there = |row: &Compared| (row.family, row.method, row.level) == (family, method, level);
        if method == Method::Uncompressed || compared.iter().any(is_there) {
            continue;
        }
        let gain = difference(cells, family, [(method, level), (Method::Uncompressed, 0.0)]);
        compared.extend(gain.map(|gain| Compared { family, method, level, gain }));
    }
    compared
}

/// What the cells say of all claims; those of which no level was tried are left out.
pub(super) fn judged(cells: &[MeasuredCell]) -> Vec<Judged> {
    let judge = |claim: &super::claims::Claim| {
        let family = claim.family();
        let at = |level| {
            let gain = difference(cells, family, [(claim.method, level), (claim.against, level)])?;
            Some(JudgedLevel { level, gain, verdict: gain.verdict() })
        };
        let levels: Vec<JudgedLevel> = levels(cells, family).into_iter().filter_map(at).collect();
        Judged { claim: claim.text.into(), family, method: claim.method, against: claim.against, levels }
    };
    CLAIMS.iter().map(judge).filter(|judged| !judged.levels.is_empty()).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::report::sample;

    /// Two seeds of a small grid; each cell reads this share of 1000 samples, the same ones first.
    pub(crate) fn measured(shares: &[(Family, Method, f64, f64)]) -> Vec<MeasuredCell> {
        let figures = sample::report().stages[0].clone();
        let cell = |seed, &(family, method, level, share): &(Family, Method, f64, f64)| MeasuredCell {
            cell: Cell { seed, family, method, level },
            steps: 100,
            seconds: 60.0,
            figures: Stage { top1: share, bytes: 1000 + (1e6 / level.max(1.0)) as u64, ..figures.clone() },
            right: (0..1000).map(|i| f64::from(i) < 1000.0 * share).collect(),
        };
        [1, 2].into_iter().flat_map(|seed| shares.iter().map(move |share| cell(seed, share))).collect()
    }

    #[test]
    fn a_claim_is_judged_at_each_level() {
        let pruning = |method, level, share| (Family::Pruning, method, level, share);
        let cells = measured(&[
            pruning(Method::Uncompressed, 0.0, 0.95),
            pruning(Method::GradualUniform, 16.0, 0.92),
            pruning(Method::OneShot, 16.0, 0.90),
            pruning(Method::GradualUniform, 4.0, 0.94),
            pruning(Method::OneShot, 4.0, 0.94),
            pruning(Method::AdwCra, 4.0, 0.90),
        ]);
        let judged = judged(&cells);
        let gradual = judged.iter().find(|judged| judged.against == Method::OneShot).unwrap();
        let verdicts: Vec<_> = gradual.levels.iter().map(|judged| (judged.level, judged.verdict)).collect();
        assert_eq!(verdicts, [(4.0, Verdict::NoDifferenceSeen), (16.0, Verdict::Holds)]);
        assert_eq!((gradual.holds_from(), gradual.levels[1].gain.seeds), (Some(16.0), 2));
        let cra = judged.iter().find(|judged| judged.method == Method::AdwCra).unwrap();
        assert_eq!((cra.levels.len(), cra.levels[0].verdict), (1, Verdict::DoesNotHold));
        assert_eq!(cra.holds_from(), None);

        let compared = compared(&cells);
        assert_eq!(compared.len(), 5);
        assert!((compared[0].gain.points + 3.0).abs() < 1e-9, "{compared:?}");
    }
}
