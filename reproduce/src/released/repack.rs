//! The released network in the project's own format, without loss.

use anyhow::{Context, Result, ensure};
use hccr_runtime::{Model, Op, Plan, Weight, WeightData};
use std::time::{Duration, Instant};

/// The released network with batch normalization folded, as a file and as what the file holds.
#[derive(Debug)]
pub(super) struct Repacked {
    pub(super) file: Vec<u8>,
    pub(super) model: Model,
    /// Weights of `released`'s shared layers, zeros included: all of them are in the file, bit for bit.
    pub(super) identical_weights: u64,
}

impl Repacked {
    /// Optimizes and encodes `released`, decodes the file again and compares.
    ///
    /// # Errors
    /// Where the file holds another network than was encoded, or other shared weights than `released` has.
    pub(super) fn new(released: &Model) -> Result<Self> {
        let optimized = hccr_graph_opt::optimize(released);
        let file = optimized.to_bytes();
        let model = Model::from_bytes(&file).context("the repacked file cannot be read back")?;
        ensure!(is_same(&model, &optimized), "the repacked file does not hold the network that was written to it");
        let identical_weights = identical_weights(released, &model)?;
        Ok(Self { file, model, identical_weights })
    }
}

/// Whether both have the same graph, and the same weights bit for bit.
fn is_same(a: &Model, b: &Model) -> bool {
    a.nodes() == b.nodes()
        && (a.inputs(), a.outputs(), a.labels()) == (b.inputs(), b.outputs(), b.labels())
        && a.weights().len() == b.weights().len()
        && a.weights().iter().zip(b.weights()).all(|(a, b)| a.shape == b.shape && bits(a) == bits(b))
}

/// Counts the weights of the layers with a codebook, all of which `repacked` must have bit for bit.
fn identical_weights(released: &Model, repacked: &Model) -> Result<u64> {
    let mut count = 0;
    for (layer, weight) in matrices(released) {
        if !matches!(weight.data, WeightData::Codebook { .. }) {
            continue;
        }
        let found = matrices(repacked).find(|(name, _)| *name == layer).map(|(_, weight)| weight);
        let found = found.with_context(|| format!("the repacked network has no layer {layer}"))?;
        ensure!(bits(weight) == bits(found), "the repacked weights of layer {layer} are not those of the release");
        count += weight.elements() as u64;
    }
    Ok(count)
}

fn matrices(model: &Model) -> impl Iterator<Item = (&str, &Weight)> {
    model.nodes().iter().filter_map(|node| match node.op {
        Op::Conv2d { weight, .. } | Op::Linear { weight, .. } => Some((node.name.as_str(), model.weight(weight))),
        _ => None,
    })
}

fn bits(weight: &Weight) -> Vec<u32> {
    weight.to_dense().iter().map(|v| v.to_bits()).collect()
}

/// Milliseconds from the bytes of `file` to a network that is ready to run: the shortest of at most 30 times.
pub(super) fn load_ms(file: &[u8]) -> Result<f64> {
    let begin = Instant::now();
    let mut shortest = f64::INFINITY;
    for _ in 0..30 {
        let start = Instant::now();
        let plan = Plan::new(&Model::from_bytes(file)?)?;
        shortest = shortest.min(1e3 * start.elapsed().as_secs_f64());
        drop(plan);
        if begin.elapsed() > Duration::from_secs(2) {
            break;
        }
    }
    Ok(shortest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hccr_models::ThesisForm;
    use hccr_models::offline::thesis_network;
    use hccr_runtime::WeightId;

    /// A codebook of a few of the values of layer `fc2`.
    fn shared() -> (Model, WeightId) {
        let mut model = thesis_network(ThesisForm::Compressed, 1).edit();
        let node = model.nodes().iter().rposition(|n| matches!(n.op, Op::Linear { .. })).unwrap();
        let Op::Linear { weight: id, .. } = model.nodes()[node].op else { unreachable!() };
        let labels = |n: usize| (0..n).map(|i| (i % 3) as u8).collect();
        let pattern = match model.weights()[id.index()].data.clone() {
            WeightData::Codebook { pattern, .. } | WeightData::Sparse { pattern, .. } => pattern,
            _ => panic!("a pruned layer"),
        };
        let labels = labels(pattern.nnz());
        model.weight_mut(id).data = WeightData::Codebook { pattern, centres: vec![-0.5, 0.25, 0.75], labels };
        (model.finish().unwrap(), id)
    }

    #[test]
    fn one_changed_bit_is_found() {
        let (released, id) = shared();
        assert!(is_same(&released, &released.clone()));
        let count = identical_weights(&released, &released).unwrap();
        assert!(count >= released.weight(id).elements() as u64);
        let mut other = released.clone().edit();
        let WeightData::Codebook { centres, .. } = &mut other.weight_mut(id).data else { unreachable!() };
        centres[2] = f32::from_bits(centres[2].to_bits() ^ 1);
        let other = other.finish().unwrap();
        assert!(!is_same(&released, &other));
        assert!(identical_weights(&released, &other).unwrap_err().to_string().contains("fc2"));
    }
}
