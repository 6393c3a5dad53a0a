//! A network run operation by operation, each a pass over its values: what a program without the runtime does.

use super::products::Products;
use hccr_runtime::shape::{LstmParams, Pool2dParams, STEPS};
use hccr_runtime::{Model, Op, WeightId};
use hccr_tensor::Scalar;

/// Runs a model that is a chain. Its memory is allocated beforehand, its weights are dense.
pub(super) struct Interpreter<'a> {
    model: &'a Model,
    products: Products,
    weights: Vec<Vec<f32>>,
    /// Shapes of the input and of the nodes' outputs, and these.
    shapes: Vec<Vec<usize>>,
    values: Vec<Vec<f32>>,
    scratch: Vec<f32>,
}

impl<'a> Interpreter<'a> {
    /// For inputs of `steps` steps, where the model takes sequences.
    pub(super) fn new(model: &'a Model, products: Products, steps: usize) -> Self {
        let mut shapes: Vec<Vec<usize>> = model.values().map(|value| model.shape(value).to_vec()).collect();
        for shape in &mut shapes {
            shape.iter_mut().filter(|d| **d == STEPS).for_each(|d| *d = steps);
        }
        let weights = model.weights().iter().map(|w| w.to_dense()).collect();
        let values = shapes.iter().map(|shape| vec![0.0; shape.iter().product()]).collect();
        Self { model, products, weights, shapes, values, scratch: Vec::new() }
    }

    /// The logits of `input`.
    pub(super) fn run(&mut self, input: &[f32]) -> &[f32] {
        self.values[0].copy_from_slice(input);
        let mut node = 0;
        while node < self.model.nodes().len() {
            node += self.run_node(node);
        }
        &self.values[node]
    }

    /// Runs the node and says how many it was: a layer with its PReLU in it takes the pooling behind it along.
    fn run_node(&mut self, node: usize) -> usize {
        assert_eq!(self.model.nodes()[node].input.index(), node, "a chain");
        let (before, after) = self.values.split_at_mut(node + 1);
        let (x, [y, rest @ ..]) = (&before[node][..], after) else { unreachable!("a node has an output") };
        let (from, to) = (&self.shapes[node][..], &self.shapes[node + 1][..]);
        let weight = |id: WeightId| &self.weights[id.index()][..];
        let or_none = |id: Option<WeightId>| id.map(weight);
        match &self.model.nodes()[node].op {
            Op::SubtractMean { mean } => y.iter_mut().zip(x).zip(weight(*mean)).for_each(|((y, x), m)| *y = x - m),
            Op::Conv2d { params, weight: w, scale, bias, prelu } => {
                let (scale, bias, slope) = (or_none(*scale), or_none(*bias), or_none(*prelu));
                self.products.convolve(params, weight(*w), (x, [from[1], from[2]]), y, &mut self.scratch);
                let pool = match self.model.nodes().get(node + 1).map(|next| &next.op) {
                    Some(Op::MaxPool2d { params }) if slope.is_some() => Some(params),
                    _ => None,
                };
                let plane = to[1] * to[2];
                let pooled = self.shapes.get(node + 2).map_or(1, |shape| shape[1..].iter().product());
                for (channel, y) in y.chunks_mut(plane).enumerate() {
                    finish(y, channel, scale, bias, slope);
                    if let Some(params) = pool {
                        max_pool(params, y, [to[1], to[2]], &mut rest[0][channel * pooled..][..pooled]);
                    }
                }
                return 1 + usize::from(pool.is_some());
            }
            Op::Linear { params, weight: w, scale, bias, prelu } => {
                let (scale, bias, slope) = (or_none(*scale), or_none(*bias), or_none(*prelu));
                self.products.multiply(weight(*w), params.in_features, x, y);
                for row in y.chunks_mut(params.out_features) {
                    row.chunks_mut(1).enumerate().for_each(|(channel, y)| finish(y, channel, scale, bias, slope));
                }
            }
            Op::BatchNorm { mean, scale, shift } => {
                let (mean, scale, shift) = (weight(*mean), weight(*scale), or_none(*shift));
                let plane = y.len() / to[0];
                for (channel, (y, x)) in y.chunks_mut(plane).zip(x.chunks(plane)).enumerate() {
                    let (mean, scale, shift) = (mean[channel], scale[channel], shift.map_or(0.0, |s| s[channel]));
                    y.iter_mut().zip(x).for_each(|(y, x)| *y = (x - mean) * scale + shift);
                }
            }
            Op::PRelu { slope } => {
                let plane = y.len() / to[0];
                for ((y, x), &slope) in y.chunks_mut(plane).zip(x.chunks(plane)).zip(weight(*slope)) {
                    y.iter_mut().zip(x).for_each(|(y, &x)| *y = if x > 0.0 { x } else { slope * x });
                }
            }
            Op::MaxPool2d { params } => {
                for (y, x) in y.chunks_mut(to[1] * to[2]).zip(x.chunks(from[1] * from[2])) {
                    max_pool(params, x, [from[1], from[2]], y);
                }
            }
            Op::Flatten | Op::Dropout { .. } | Op::Identity => y.copy_from_slice(x),
            Op::FakeQuantize { scale, zero_point } => {
                let zero = f32::from(*zero_point);
                y.iter_mut().zip(x).for_each(|(y, x)| {
                    *y = (x / scale + zero).clamp(0.0, 255.0).round_ties_even() - zero;
                    *y *= scale;
                });
            }
            Op::Lstm { params, project, recurrent } => {
                lstm(self.products, *params, or_none(*project), weight(*recurrent), x, y);
            }
            Op::MeanOverTime => {
                y.fill(0.0);
                x.chunks(to[0]).for_each(|row| y.iter_mut().zip(row).for_each(|(y, x)| *y += x));
                y.iter_mut().for_each(|y| *y /= from[0] as f32);
            }
            op => unreachable!("the networks have no {}", op.name()),
        }
        1
    }
}

/// Scale, bias and PReLU of one channel, those that there are.
fn finish(y: &mut [f32], channel: usize, scale: Option<&[f32]>, bias: Option<&[f32]>, slope: Option<&[f32]>) {
    let [scale, bias, slope] =
        [(scale, 1.0), (bias, 0.0), (slope, 1.0)].map(|(v, none)| v.map_or(none, |v| v[channel]));
    for y in y {
        let sum = *y * scale + bias;
        *y = if sum > 0.0 { sum } else { slope * sum };
    }
}

/// The largest value of each window of a plane: first down the columns, then along the rows.
fn max_pool(p: &Pool2dParams, x: &[f32], [h, w]: [usize; 2], y: &mut [f32]) {
    let out_w = p.output_size([h, w]).expect("a valid model")[1];
    let mut columns = vec![0.0; w];
    for (oy, y) in y.chunks_mut(out_w).enumerate() {
        columns.fill(f32::NEG_INFINITY);
        for row in x.chunks(w).skip(oy * p.stride[0]).take(p.kernel_size[0]) {
            columns.iter_mut().zip(row).for_each(|(most, &x)| *most = if x > *most { x } else { *most });
        }
        for (ox, y) in y.iter_mut().enumerate() {
            let window = columns[ox * p.stride[1]..].iter().take(p.kernel_size[1]);
            *y = window.fold(f32::NEG_INFINITY, |most, &x| if x > most { x } else { most });
        }
    }
}

fn lstm(
    products: Products,
    LstmParams { hidden_size, .. }: LstmParams,
    project: Option<&[f32]>,
    recurrent: &[f32],
    x: &[f32],
    y: &mut [f32],
) {
    let columns = recurrent.len() / (4 * hidden_size);
    let (mut state, mut cell) = (vec![0.0; hidden_size], vec![0.0; hidden_size]);
    let (mut projected, mut gates) = (vec![0.0; columns], vec![0.0; 4 * hidden_size]);
    for (x, y) in x.chunks(4 * hidden_size).zip(y.chunks_mut(hidden_size)) {
        match project {
            Some(project) => products.multiply(project, hidden_size, &state, &mut projected),
            None => projected.copy_from_slice(&state),
        }
        products.multiply(recurrent, columns, &projected, &mut gates);
        gates.iter_mut().zip(x).for_each(|(gate, x)| *gate += x);
        if products == Products::Naive {
            update(&gates, &mut cell, y, |x| 1.0 / (1.0 + (-x).exp()), f32::tanh);
        } else {
            // Functions without branches, of which the compiler makes vector instructions too.
            update(&gates, &mut cell, y, Scalar::sigmoid, Scalar::fast_tanh);
        }
        state.copy_from_slice(y);
    }
}

/// The cell's new state, and the layer's, from the sums of the gates i, f, g and o.
#[inline(always)]
fn update(gates: &[f32], cell: &mut [f32], h: &mut [f32], sigmoid: impl Fn(f32) -> f32, tanh: impl Fn(f32) -> f32) {
    let n = cell.len();
    let (i, f, g, o) = (&gates[..n], &gates[n..2 * n], &gates[2 * n..3 * n], &gates[3 * n..4 * n]);
    let h = &mut h[..n];
    for u in 0..n {
        cell[u] = sigmoid(f[u]) * cell[u] + sigmoid(i[u]) * tanh(g[u]);
        h[u] = sigmoid(o[u]) * tanh(cell[u]);
    }
}
