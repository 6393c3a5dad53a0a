//! Weights as integers.

use hccr_runtime::{Op, Pattern, Weight, WeightData};

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
        WeightData::Sparse { pattern, values } => by_rows(pattern.clone(), values),
        _ => {
            let rows = (0..=weight.rows()).map(|row| (row * columns) as u32).collect();
            let indices = (0..weight.rows()).flat_map(|_| 0..columns as u32).collect();
            by_rows(Pattern { indptr: rows, indices }, &weight.to_dense())
        }
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
    // The largest value as 56 steps, which a codebook of few centres may fit better, to 126, half of which are cut off.
    let steps = (0..=40).map(|i| largest / MOST * (1.125 - i as f32 / 64.0));
    steps.map(|step| (error(step), step)).min_by(|a, b| a.0.total_cmp(&b.0)).map_or(1.0, |(_, step)| step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hccr_random::Rng;

    #[test]
    fn rows_have_steps_of_their_own() {
        let values = [0.001, -0.004, 0.002, 30.0, 100.0, -50.0, 0.0, 0.0, 0.0];
        let (data, steps) = integers(&Weight::dense("w", &[3, 3], values.to_vec()));
        let weight = Weight::new("w", &[3, 3], data);
        weight.validate().unwrap();
        for (i, (integer, value)) in weight.to_dense().iter().zip(values).enumerate() {
            let step = steps[i / 3];
            assert!((integer * step - value).abs() <= step, "{integer} of {step} for {value}");
        }
        assert!(steps[1] > 1e4 * steps[0] && steps[2] == 1.0, "{steps:?}");
    }

    #[test]
    fn a_codebook_keeps_its_labels_and_what_is_small_its_entries() {
        let data = WeightData::Codebook {
            pattern: Pattern { indptr: vec![0, 3, 4], indices: vec![0, 1, 3, 2] },
            centres: vec![-6.0, 0.001, 3.0, 900.0],
            labels: vec![0, 1, 2, 0],
        };
        let weight = Weight::new("w", &[2, 4], data);
        let (data, steps) = integers(&weight);
        let WeightData::Codebook { pattern, centres, labels } = data else { panic!("a codebook stays one") };
        assert_eq!((pattern.indptr, labels), (vec![0, 3, 4], vec![0, 1, 2, 0]));
        // The centre that nothing uses has no say.
        assert_eq!((centres[1], centres[3]), (0.0, MOST));
        assert!((centres[0] * steps[0] + 6.0).abs() < 0.05 && (centres[2] * steps[1] - 3.0).abs() < 0.05);
    }

    #[test]
    fn the_best_step_is_not_always_the_largest_value_s() {
        let mut rng = Rng::new(3, 0);
        let mut values: Vec<(f32, u32)> = (0..3000).map(|_| (rng.normal(), 1)).collect();
        values.push((7.0, 1));
        let step = best_step(&values);
        assert!(step < 0.97 * 7.0 / MOST, "{step}");
        // Used often enough, it has to be met.
        values.last_mut().unwrap().1 = 3000;
        assert_eq!(multiple(7.0, best_step(&values)) * best_step(&values), 7.0);
    }

    #[test]
    fn weights_too_small_for_a_step_become_zeros() {
        let (data, steps) = integers(&Weight::dense("w", &[1, 2], vec![f32::MIN_POSITIVE, -1e-40]));
        assert_eq!(steps, [1.0]);
        assert!(matches!(data, WeightData::Codebook { centres, .. } if centres == [0.0]));
    }
}
