//! Weights as integers.

use hccr_runtime::model::Pattern;
use hccr_runtime::{Op, Weight, WeightData};

/// The largest magnitude of an integer.
const MOST: f32 = Op::MAX_QUANTIZED as f32;

/// The weight as integers, and the step of each row that they are multiples of.
pub(super) fn integers(weight: &Weight) -> (WeightData, Vec<f32>) {
    let columns = weight.columns();
    match &weight.data {
        WeightData::Codebook { pattern, centres, labels } => {
            let mut uses = vec![0u32; centres.len()];
            labels.iter().for_each(|&label| uses[usize::from(label)] += 1);
            let used: Vec<(f32, u32)> = centres.iter().copied().zip(uses).collect();
            let step = best_step(&used);
            let centres = centres.iter().map(|&centre| multiple(centre, step)).collect();
            let data = WeightData::Codebook { pattern: pattern.clone(), centres, labels: labels.clone() };
            (data, vec![step; weight.rows()])
        }
        WeightData::Dense(values) => {
            let rows = (0..=weight.rows()).map(|row| (row * columns) as u32).collect();
            let indices = (0..weight.rows()).flat_map(|_| 0..columns as u32).collect();
            by_rows(Pattern { indptr: rows, indices }, values)
        }
        WeightData::Sparse { pattern, values } => by_rows(pattern.clone(), values),
    }
}

/// The integers of `values`, which are the pattern's entries, with a step a row.
fn by_rows(pattern: Pattern, values: &[f32]) -> (WeightData, Vec<f32>) {
    let mut multiples: Vec<f32> = Vec::with_capacity(values.len());
    let mut steps = Vec::with_capacity(pattern.rows());
    for row in 0..pattern.rows() {
        let values = &values[pattern.row(row)];
        let step = best_step(&values.iter().map(|&v| (v, 1)).collect::<Vec<_>>());
        multiples.extend(values.iter().map(|&v| multiple(v, step)));
        steps.push(step);
    }
    let mut centres = multiples.clone();
    centres.sort_unstable_by(f32::total_cmp);
    centres.dedup();
    let labels = multiples.iter().map(|m| centres.partition_point(|c| c < m) as u8).collect();
    (WeightData::Codebook { pattern, centres, labels }, steps)
}

/// The nearest multiple of `step` that is allowed, as a number of steps.
fn multiple(value: f32, step: f32) -> f32 {
    // Adding zero leaves one of the two zeros.
    (value / step).round_ties_even().clamp(-MOST, MOST) + 0.0
}

/// The step with the least squared error for values that are used so often.
fn best_step(values: &[(f32, u32)]) -> f32 {
    let largest = values.iter().filter(|(_, uses)| *uses > 0).fold(0.0, |most: f32, (v, _)| most.max(v.abs()));
    if !(largest / (2.0 * MOST)).is_normal() {
        return 1.0;
    }
    let error = |step: f32| -> f64 {
        values.iter().map(|&(v, uses)| f64::from(uses) * f64::from(v - multiple(v, step) * step).powi(2)).sum()
    };
    // From the largest value down to half of it: what is cut off then soon weighs more than what is rounded.
    let steps = (0..=32).map(|i| largest / MOST * (1.0 - i as f32 / 64.0));
    steps.map(|step| (error(step), step)).min_by(|a, b| a.0.total_cmp(&b.0)).map_or(1.0, |(_, step)| step)
}
