//! What is gained by leaving the least certain samples to someone else.

use crate::Answer;
use serde::{Deserialize, Serialize};

/// The points of the curve, besides its end.
const POINTS: usize = 100;

/// Risk against coverage: the share of wrong answers (risk) among the surest share of the answers (coverage).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RiskCoverage {
    /// Area below the curve: the mean risk over all coverages, 0 to 1.
    pub area: f64,
    /// Coverage and risk, both from 0 to 1, in the order of coverage; the last is that of all samples.
    pub points: Vec<[f64; 2]>,
}

impl RiskCoverage {
    /// Of these answers, the surest of which have the largest probability. Answers with equal probabilities count in the mean
    /// over their orders.
    pub fn new(answers: &[Answer]) -> Self {
        let mut surest: Vec<(f32, bool)> = answers.iter().map(|a| (a.probability, !a.is_right())).collect();
        surest.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut risks = Vec::with_capacity(surest.len());
        let mut wrong = 0.0;
        for equal in surest.chunk_by(|a, b| a.0 == b.0) {
            let share = equal.iter().filter(|(_, wrong)| *wrong).count() as f64 / equal.len() as f64;
            for _ in equal {
                wrong += share;
                risks.push(wrong / (risks.len() + 1) as f64);
            }
        }
        let all = risks.len();
        let shown = (1..=POINTS).map(|point| (point * all).div_ceil(POINTS)).filter(|&covered| covered > 0);
        let mut points: Vec<[f64; 2]> =
            shown.map(|covered| [covered as f64 / all as f64, risks[covered - 1]]).collect();
        points.dedup();
        Self { area: risks.iter().sum::<f64>() / all.max(1) as f64, points }
    }
}
