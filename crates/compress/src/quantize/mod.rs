//! Quantization: a network whose products are those of integers, 8 bits by 7.
//!
//! What a layer reads is rounded to 256 evenly spaced values by an [`Op::FakeQuantize`], and its weight becomes integers of
//! at most [`Op::MAX_QUANTIZED`] and a factor a row. Both are properties of the model: any engine gives the same answers (up to
//! values that other sums take to the next step), and one that multiplies integers gives them faster.

mod error;
mod grid;
mod integers;

pub use error::QuantizeError;

use grid::{Grid, Spread};
use hccr_runtime::{Model, ModelBuilder, Op, Plan, Session, ValueId, WeightData};
use std::sync::Arc;

/// The network `model`, of images, with all its layers in integers; `samples` are some hundred of its inputs, from the
/// training set, row-major as [`Session::run`] takes them.
///
/// Behind each operation whose values a layer reads, directly or through pooling, stands one [`Op::FakeQuantize`]; pooling
/// reads the rounded values, which gives what rounding the pooled ones would. Outputs that no layer reads are not rounded.
/// The rounded range is the one with the least squared error in what the layers read of the samples.
///
/// Weights become a codebook of integers with the pattern that they had, a dense one a full pattern. A codebook keeps its
/// labels, so that the file grows by no more than the factors: its centres are rounded to multiples of one step. Other
/// weights have a step a row. The steps, which have the least squared error, go into the layer's `scale`. A weight much
/// smaller than the largest becomes zero, and keeps its entry.
///
/// Batch normalization should be folded and PRelu fused before: a layer's values are rounded where they leave it.
///
/// # Errors
/// [`QuantizeError`] for sequences, without samples, for a model that is quantized already or does not take the samples,
/// and where values or weights are too large.
pub fn quantize(model: &Model, samples: &[Vec<f32>]) -> Result<Model, QuantizeError> {
    if model.is_sequence() {
        return Err(QuantizeError::Sequence);
    }
    if samples.is_empty() {
        return Err(QuantizeError::NoSamples);
    }
    let rounded = rounded(model)?;
    let grids = calibrate(model, &rounded, samples)?;
    let mut quantized = insert(model, &rounded, &grids);
    for node in 0..quantized.nodes().len() {
        quantize_weight(&mut quantized, node);
    }
    Ok(quantized.finish()?)
}

/// Whether an operation multiplies by a matrix.
fn is_layer(op: &Op) -> bool {
    matches!(op, Op::Conv2d { .. } | Op::Linear { .. })
}

/// For each value, whether a layer reads it or values taken from it.
fn rounded(model: &Model) -> Result<Vec<bool>, QuantizeError> {
    let mut rounded = vec![false; model.values().len()];
    for (i, node) in model.nodes().iter().enumerate().rev() {
        let own = rounded[model.value_of(i).index()];
        if own && matches!(node.op, Op::FakeQuantize { .. }) {
            return Err(QuantizeError::Quantized { layer: node.name.clone() });
        }
        if is_layer(&node.op) || own && node.op.keeps_values() {
            rounded[node.input.index()] = true;
        }
    }
    Ok(rounded)
}

/// The value that `value` is taken from by operations that make no new ones.
fn origin(model: &Model, mut value: ValueId) -> ValueId {
    while let Some(node) = model.producer(value).map(|node| &model.nodes()[node]).filter(|node| node.op.keeps_values())
    {
        value = node.input;
    }
    value
}

/// For each value that makes new values to be rounded, its grid.
fn calibrate(model: &Model, rounded: &[bool], samples: &[Vec<f32>]) -> Result<Vec<Option<Grid>>, QuantizeError> {
    let mut read: Vec<ValueId> = model.nodes().iter().filter(|n| is_layer(&n.op)).map(|n| n.input).collect();
    read.sort_unstable();
    read.dedup();
    if read.is_empty() {
        return Ok(vec![None; rounded.len()]);
    }
    let mut spreads = vec![Spread::default(); rounded.len()];
    run(model, &read, samples, |sample, output, values| {
        let origin = origin(model, read[output]);
        spreads[origin.index()].add(values, sample, samples.len());
    })?;
    let grid = |(value, spread): (ValueId, &Spread)| {
        if !rounded[value.index()] || origin(model, value) != value {
            return Ok(None);
        }
        let name = |node: usize| model.nodes()[node].name.clone();
        let too_large = || QuantizeError::TooLarge { layer: model.producer(value).map_or("input".into(), name) };
        spread.grid().ok_or_else(too_large).map(Some)
    };
    model.values().zip(&spreads).map(grid).collect()
}

/// Runs `model` on all samples, and gives `see` the number of the sample, and the number and elements of each of `values`.
fn run(
    model: &Model,
    values: &[ValueId],
    samples: &[Vec<f32>],
    mut see: impl FnMut(usize, usize, &[f32]),
) -> Result<(), QuantizeError> {
    let mut observed = model.clone().edit();
    observed.set_outputs(values.to_vec());
    observed.set_labels(Vec::new());
    let mut session = Session::new(Arc::new(Plan::new(&observed.finish()?)?));
    for (i, sample) in samples.iter().enumerate() {
        session.run(sample)?;
        for output in 0..values.len() {
            see(i, output, session.output(output).expect("one of the outputs"));
        }
    }
    Ok(())
}

/// The model with the grids behind their values, which the layers read, and what passes values to them.
fn insert(model: &Model, rounded: &[bool], grids: &[Option<Grid>]) -> ModelBuilder {
    let mut quantized = model.clone().edit();
    let nodes = quantized.take_nodes();
    // Where each old value, and what is rounded of it, is found in the new graph.
    let (mut plain, mut round) = (Vec::new(), Vec::new());
    for (value, grid) in model.values().zip(grids) {
        let node = model.producer(value).map(|node| &nodes[node]);
        let value = node.map_or(value, |node| {
            let reads_rounded = is_layer(&node.op) || rounded[value.index()] && node.op.keeps_values();
            let inputs: &[ValueId] = if reads_rounded { &round } else { &plain };
            quantized.push_from(inputs[node.input.index()], &node.name, node.op.clone())
        });
        plain.push(value);
        let name = node.map_or("input", |node| &node.name);
        round.push(grid.map_or(value, |grid| {
            let op = Op::FakeQuantize { scale: grid.scale, zero_point: grid.zero_point };
            quantized.push_from(value, format!("{name}.quantize"), op)
        }));
    }
    quantized.set_outputs(model.outputs().iter().map(|output| plain[output.index()]).collect());
    quantized
}

/// Puts integers in the place of the weight of `node`, where it is a layer, and their steps into its scale.
fn quantize_weight(model: &mut ModelBuilder, node: usize) {
    let (Op::Conv2d { weight, scale, .. } | Op::Linear { weight, scale, .. }) = model.nodes()[node].op else { return };
    let old = &model.weights()[weight.index()];
    let (data, mut steps) = integers::integers(old);
    if let Some(scale) = scale {
        steps.iter_mut().zip(model.weights()[scale.index()].to_dense()).for_each(|(step, factor)| *step *= factor);
    }
    let (rows, shape) = (steps.len(), old.shape.clone());
    let new_weight = model.replace_weight(node, "weight", Some(weight), &shape, data);
    let new_scale = model.replace_weight(node, "scale", scale, &[rows], WeightData::Dense(steps));
    if let Op::Conv2d { weight, scale, .. } | Op::Linear { weight, scale, .. } = model.op_mut(node) {
        (*weight, *scale) = (new_weight, Some(new_scale));
    }
}
