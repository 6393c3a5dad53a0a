//! A naive interpreter in `f64` and random models.

use hccr_runtime::shape::{Conv2dParams, LinearParams, LstmParams, Pool2dParams, STEPS, is_sequence};
use hccr_runtime::{Model, ModelBuilder, Op, Pattern, ValueId, Weight, WeightData, WeightId};
use proptest::prelude::*;

/// The outputs of `model` for one input, computed in the plainest way; a sequence's rows follow each other.
pub(crate) fn run(model: &Model, input: &[f64]) -> Vec<Vec<f64>> {
    let mut values = vec![input.to_vec()];
    for (i, node) in model.nodes().iter().enumerate() {
        let shapes = [node.input, model.value_of(i)].map(|value| model.shape(value));
        values.push(apply(model, &node.op, &values[node.input.index()], shapes[0], shapes[1]));
    }
    model.outputs().iter().map(|v| values[v.index()].clone()).collect()
}

fn apply(model: &Model, op: &Op, x: &[f64], from: &[usize], to: &[usize]) -> Vec<f64> {
    if is_sequence(from) {
        return apply_to_sequence(model, op, x, from[1], to);
    }
    let weight = |id: WeightId| -> Vec<f64> { model.weight(id).to_dense().iter().map(|&v| v.into()).collect() };
    let vector = |id: Option<WeightId>, absent: f64| id.map_or(vec![absent; to[0]], weight);
    let prelu = |x: f64, slope: f64| if x > 0.0 { x } else { slope * x };
    let plane = |shape: &[usize]| shape[1..].iter().product::<usize>();
    match *op {
        Op::SubtractMean { mean } => x.iter().zip(weight(mean)).map(|(x, m)| x - m).collect(),
        Op::Conv2d { params, weight: w, scale, bias, prelu: slopes } => {
            let (w, scale, bias, slopes) = (weight(w), vector(scale, 1.0), vector(bias, 0.0), vector(slopes, 1.0));
            let [kh, kw] = params.kernel_size;
            let mut y = Vec::new();
            for (o, i, j) in (0..to[0]).flat_map(|o| (0..to[1]).flat_map(move |i| (0..to[2]).map(move |j| (o, i, j)))) {
                let mut sum = 0.0;
                for c in 0..from[0] {
                    for (u, v) in (0..kh).flat_map(|u| (0..kw).map(move |v| (u, v))) {
                        // Coordinates in the padded input.
                        let (r, s) = (i * params.stride[0] + u, j * params.stride[1] + v);
                        let inside =
                            |at: usize, d: usize| (params.padding[d]..from[d + 1] + params.padding[d]).contains(&at);
                        if inside(r, 0) && inside(s, 1) {
                            let at = (c * from[1] + r - params.padding[0]) * from[2] + s - params.padding[1];
                            sum += w[((o * from[0] + c) * kh + u) * kw + v] * x[at];
                        }
                    }
                }
                y.push(prelu(scale[o] * sum + bias[o], slopes[o]));
            }
            y
        }
        Op::Linear { weight: w, scale, bias, prelu: slopes, .. } => {
            let (w, scale, bias, slopes) = (weight(w), vector(scale, 1.0), vector(bias, 0.0), vector(slopes, 1.0));
            let dot = |row: &[f64]| row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
            w.chunks(x.len()).enumerate().map(|(o, row)| prelu(scale[o] * dot(row) + bias[o], slopes[o])).collect()
        }
        Op::BatchNorm { mean, scale, shift } => {
            let (mean, scale, shift) = (weight(mean), weight(scale), vector(shift, 0.0));
            let channel = |i: usize| i / plane(from);
            x.iter().enumerate().map(|(i, x)| (x - mean[channel(i)]) * scale[channel(i)] + shift[channel(i)]).collect()
        }
        Op::PRelu { slope } => {
            let slope = weight(slope);
            x.iter().enumerate().map(|(i, &x)| prelu(x, slope[i / plane(from)])).collect()
        }
        Op::MaxPool2d { params } => {
            let ([kh, kw], [sh, sw]) = (params.kernel_size, params.stride);
            let mut y = Vec::new();
            for (c, i, j) in (0..to[0]).flat_map(|c| (0..to[1]).flat_map(move |i| (0..to[2]).map(move |j| (c, i, j)))) {
                let rows = i * sh..(i * sh + kh).min(from[1]);
                let columns = j * sw..(j * sw + kw).min(from[2]);
                let window = rows.flat_map(|r| columns.clone().map(move |s| x[(c * from[1] + r) * from[2] + s]));
                y.push(window.fold(f64::NEG_INFINITY, f64::max));
            }
            y
        }
        Op::Flatten | Op::Dropout { .. } | Op::Identity => x.to_vec(),
        Op::FakeQuantize { scale, zero_point } => {
            let (scale, zero) = (f64::from(scale), f64::from(zero_point));
            x.iter().map(|x| ((x / scale + zero).clamp(0.0, 255.0).round_ties_even() - zero) * scale).collect()
        }
        Op::Softmax => {
            let max = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = x.iter().map(|x| (x - max).exp()).sum();
            x.iter().map(|x| (x - max).exp() / sum).collect()
        }
        Op::Lstm { .. } | Op::MeanOverTime => unreachable!("not valid on anything but a sequence"),
        _ => unimplemented!("{}", op.name()),
    }
}

fn apply_to_sequence(model: &Model, op: &Op, x: &[f64], features: usize, to: &[usize]) -> Vec<f64> {
    let times = |id: WeightId, x: &[f64]| -> Vec<f64> {
        let rows = model.weight(id).to_dense();
        rows.chunks(x.len()).map(|row| row.iter().zip(x).map(|(&w, x)| f64::from(w) * x).sum()).collect()
    };
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    match *op {
        Op::Lstm { params: LstmParams { hidden_size: n, .. }, project, recurrent } => {
            let (mut h, mut c, mut y) = (vec![0.0; n], vec![0.0; n], Vec::new());
            for x in x.chunks(features) {
                let inner = project.map_or_else(|| h.clone(), |id| times(id, &h));
                let gates: Vec<f64> = times(recurrent, &inner).iter().zip(x).map(|(a, b)| a + b).collect();
                for j in 0..n {
                    c[j] = sigmoid(gates[n + j]) * c[j] + sigmoid(gates[j]) * gates[2 * n + j].tanh();
                    h[j] = sigmoid(gates[3 * n + j]) * c[j].tanh();
                }
                y.extend(&h);
            }
            y
        }
        Op::MeanOverTime => {
            let steps = x.len() / features;
            (0..features).map(|j| x.iter().skip(j).step_by(features).sum::<f64>() / steps as f64).collect()
        }
        _ => x.chunks(features).flat_map(|x| apply(model, op, x, &[features], &to[1..])).collect(),
    }
}

/// Fails unless both models give the same outputs for `input`, up to the rounding of `f32` weights.
pub(crate) fn assert_same_outputs(a: &Model, b: &Model, input: &[f64]) -> Result<(), TestCaseError> {
    let (a, b) = (run(a, input), run(b, input));
    prop_assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(&b) {
        prop_assert_eq!(a.len(), b.len());
        let largest = a.iter().fold(1.0f64, |m, v| m.max(v.abs()));
        for (a, b) in a.iter().zip(b) {
            prop_assert!((a - b).abs() <= 1e-5 * largest, "{} became {}", a, b);
        }
    }
    Ok(())
}

/// Numbers from a small generator, enough to fill weights.
pub(crate) struct Fill(pub(crate) u64);

impl Fill {
    /// A number below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }

    /// `n` numbers in -1..1.
    pub(crate) fn vector(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.below(2001) as f32 / 1000.0 - 1.0).collect()
    }

    /// A weight in one of the three forms.
    pub(crate) fn weight(&mut self, name: &str, shape: &[usize]) -> Weight {
        let n = shape.iter().product();
        let keep: Vec<bool> = (0..n).map(|_| self.below(3) > 0).collect();
        let values = self.vector(n);
        match self.below(3) {
            0 => Weight::dense(name, shape, values),
            1 => {
                let masked: Vec<f32> = values.iter().zip(&keep).map(|(&v, &k)| if k { v } else { 0.0 }).collect();
                Weight::sparse(name, shape, &masked)
            }
            _ => {
                let labels = keep.iter().filter(|&&k| k).map(|_| self.below(4) as u8).collect();
                let pattern = Pattern::from_mask(keep, shape[1..].iter().product());
                let data = WeightData::Codebook { pattern, centres: self.vector(4), labels };
                Weight::new(name, shape, data)
            }
        }
    }
}

/// A random valid model with one input, a 2x5x6 image or a sequence of 6 features (an input of 60 elements fits both):
/// mostly a chain, with branches, shared weights and several outputs.
pub(crate) fn models() -> impl Strategy<Value = Model> {
    let input = prop::sample::select(vec![vec![2, 5, 6], vec![STEPS, 6]]);
    let steps = proptest::collection::vec((0usize..12, 0usize..8), 1..14);
    (input, steps, any::<u64>()).prop_map(|(input, steps, seed)| {
        let mut model = ModelBuilder::new(&input);
        let mut fill = Fill(seed);
        for (kind, branch) in steps {
            let shapes = shapes(&model);
            let input = if branch == 0 { fill.below(shapes.len()) } else { shapes.len() - 1 };
            let op = random_op(&mut model, kind, &shapes[input], &mut fill);
            let name = format!("layer{}", model.nodes().len());
            model.push_from(ValueId(input as u32), name, op);
        }
        if shapes(&model).last().is_some_and(|shape| is_sequence(shape)) {
            model.push("mean", Op::MeanOverTime);
        }
        let shapes = shapes(&model);
        let mut outputs = vec![model.last()];
        for _ in 0..fill.below(3) {
            let output = fill.below(shapes.len());
            if !is_sequence(&shapes[output]) {
                outputs.push(ValueId(output as u32));
            }
        }
        model.set_outputs(outputs);
        model.finish().unwrap()
    })
}

/// The shapes of the values of a model that has no outputs yet.
fn shapes(model: &ModelBuilder) -> Vec<Vec<usize>> {
    let mut with_output = model.clone();
    let output = with_output.push_from(ValueId(0), "some output", Op::Identity);
    with_output.set_outputs(vec![output]);
    let with_output = with_output.clone().finish().unwrap_or_else(|_| {
        let output = with_output.push_from(output, "mean", Op::MeanOverTime);
        with_output.set_outputs(vec![output]);
        with_output.finish().unwrap()
    });
    let values = with_output.values().take(model.nodes().len() + 1);
    values.map(|value| with_output.shape(value).to_vec()).collect()
}

fn random_op(model: &mut ModelBuilder, kind: usize, shape: &[usize], fill: &mut Fill) -> Op {
    if let &[STEPS, features] = shape {
        return match kind {
            6 | 7 | 10 if features.is_multiple_of(4) => random_lstm(model, features / 4, fill),
            6 | 7 => Op::Identity,
            10 | 11 => Op::MeanOverTime,
            _ => random_op(model, kind, &[features], fill),
        };
    }
    let image = shape.len() == 3;
    match kind {
        0..=2 => {
            let out = 1 + fill.below(4);
            let kernel_size = [[3, 3], [3, 1], [1, 3], [1, 1]][fill.below(4)];
            let conv = Conv2dParams::same(shape[0], out, kernel_size);
            let weight_shape = if image { conv.weight_shape().to_vec() } else { vec![out, shape[0]] };
            let weight = add(model, fill, &weight_shape, true);
            let mut optional = |odds| (fill.below(odds) == 0).then(|| add(model, fill, &[out], false));
            let (scale, bias, prelu) = (optional(4), optional(2), optional(6));
            if image {
                Op::Conv2d { params: conv, weight, scale, bias, prelu }
            } else {
                let params = LinearParams { in_features: shape[0], out_features: out };
                Op::Linear { params, weight, scale, bias, prelu }
            }
        }
        3 | 4 => {
            let mean = add(model, fill, &shape[..1], false);
            let scale = add(model, fill, &shape[..1], false);
            let shift = (fill.below(2) == 0).then(|| add(model, fill, &shape[..1], false));
            Op::BatchNorm { mean, scale, shift }
        }
        5 => Op::PRelu { slope: add(model, fill, &shape[..1], false) },
        6 if image => Op::MaxPool2d { params: Pool2dParams { kernel_size: [2, 3], stride: [2, 2], ceil_mode: true } },
        6 => Op::Softmax,
        7 if image => Op::Flatten,
        7 => Op::SubtractMean { mean: add(model, fill, shape, false) },
        8 => Op::Dropout { probability: 0.5 },
        _ => Op::Identity,
    }
}

fn random_lstm(model: &mut ModelBuilder, hidden_size: usize, fill: &mut Fill) -> Op {
    let rank = (fill.below(2) == 0).then(|| 1 + fill.below(hidden_size));
    let project = rank.map(|rank| add(model, fill, &[rank, hidden_size], true));
    let recurrent = add(model, fill, &[4 * hidden_size, rank.unwrap_or(hidden_size)], true);
    Op::Lstm { params: LstmParams { hidden_size, rank }, project, recurrent }
}

/// A weight of `shape`, sometimes one that the model already has.
fn add(model: &mut ModelBuilder, fill: &mut Fill, shape: &[usize], matrix: bool) -> WeightId {
    let old = model.weights().iter().position(|w| w.shape == shape);
    if let Some(old) = old.filter(|_| fill.below(4) == 0) {
        return WeightId(old as u32);
    }
    let name = format!("weight{}", model.weights().len());
    let weight = if matrix { fill.weight(&name, shape) } else { Weight::dense(name, shape, fill.vector(shape[0])) };
    model.weight(weight)
}
