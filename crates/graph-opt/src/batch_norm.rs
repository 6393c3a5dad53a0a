use crate::edit::merge_into_producers;
use hccr_runtime::{Model, ModelBuilder, Op, WeightData, WeightId};

/// Folds a `BatchNorm` into the convolution or fully connected layer before it.
///
/// `(s (W x) + b - mean) * scale + shift` becomes `(s scale W) x + (b - mean) * scale + shift`. A codebook stays as it
/// is, since a factor per row would multiply its centres; the factor then goes into the layer's own `scale`.
///
/// A fold whose result exceeds `f32` is left out.
pub fn fold_batch_norm(model: &Model) -> Model {
    merge_into_producers(model, |model, producer, op| fold(model, producer, op).is_some())
}

/// `None`, and an unchanged model, where `op` does not fold into `producer`.
fn fold(model: &mut ModelBuilder, producer: usize, op: &Op) -> Option<()> {
    let &Op::BatchNorm { mean, scale, shift } = op else { return None };
    let (Op::Conv2d { weight, scale: factor, bias, prelu: None, .. }
    | Op::Linear { weight, scale: factor, bias, prelu: None, .. }) = model.nodes()[producer].op
    else {
        return None;
    };

    let read = |id: WeightId| &model.weights()[id.index()];
    let rows = read(weight).rows();
    let vector = |id: Option<WeightId>, absent: f32| match id {
        Some(id) => read(id).to_dense(),
        None => vec![absent; rows],
    };
    let (old_factor, old_bias) = (vector(factor, 1.0), vector(bias, 0.0));
    let (mean, scale, shift) = (vector(Some(mean), 0.0), vector(Some(scale), 1.0), vector(shift, 0.0));
    let row_factor: Vec<f64> = (0..rows).map(|r| f64::from(old_factor[r]) * f64::from(scale[r])).collect();
    let new_bias = finite(
        (0..rows).map(|r| (f64::from(old_bias[r]) - f64::from(mean[r])) * f64::from(scale[r]) + f64::from(shift[r])),
    )?;

    let (new_weight, new_factor) = match &read(weight).data {
        WeightData::Dense(values) => {
            let columns = read(weight).columns();
            let scaled = values.iter().enumerate().map(|(i, &v)| f64::from(v) * row_factor[i / columns]);
            (Some(WeightData::Dense(finite(scaled)?)), None)
        }
        WeightData::Sparse { pattern, values } => {
            let row = (0..rows).flat_map(|r| pattern.row(r).map(move |_| r));
            let scaled = values.iter().zip(row).map(|(&v, r)| f64::from(v) * row_factor[r]);
            (Some(WeightData::Sparse { values: finite(scaled)?, pattern: pattern.clone() }), None)
        }
        // Scaled rows would not share their values any more.
        _ => (None, Some(WeightData::Dense(finite(row_factor)?))),
    };

    let shape = read(weight).shape.clone();
    let new_weight =
        new_weight.map_or(weight, |data| model.replace_weight(producer, "weight", Some(weight), &shape, data));
    let new_factor = new_factor.map(|data| model.replace_weight(producer, "scale", factor, &[rows], data));
    let new_bias = model.replace_weight(producer, "bias", bias, &[rows], WeightData::Dense(new_bias));
    if let Op::Conv2d { weight, scale, bias, .. } | Op::Linear { weight, scale, bias, .. } = model.op_mut(producer) {
        (*weight, *scale, *bias) = (new_weight, new_factor, Some(new_bias));
    }
    Some(())
}

/// The values as `f32`, or `None` where one of them is too large.
fn finite(values: impl IntoIterator<Item = f64>) -> Option<Vec<f32>> {
    values.into_iter().map(|v| Some(v as f32).filter(|v| v.is_finite())).collect()
}
