//! Runs a model in the plainest way: dense weights, one loop per dimension, double precision.

use hccr_runtime::WeightId;
use hccr_runtime::shape::{Conv2dParams, Pool2dParams};
use hccr_runtime::{Model, Op};

/// A value and its shape.
type Value = (Vec<usize>, Vec<f64>);

/// A model with its weights unpacked.
pub(crate) struct Reference<'a> {
    model: &'a Model,
    weights: Vec<Vec<f32>>,
}

impl<'a> Reference<'a> {
    pub(crate) fn new(model: &'a Model) -> Self {
        Self { model, weights: model.weights().iter().map(|w| w.to_dense()).collect() }
    }

    /// The first output for one input.
    pub(crate) fn run(&self, input: &[f32]) -> Vec<f64> {
        let mut values: Vec<Value> =
            vec![(self.model.inputs()[0].clone(), input.iter().copied().map(f64::from).collect())];
        for node in self.model.nodes() {
            values.push(self.op(&node.op, &values[node.input.index()]));
        }
        values.swap_remove(self.model.outputs()[0].0 as usize).1
    }

    fn op(&self, op: &Op, (shape, x): &Value) -> Value {
        // Maps each element of channel `c` of `x`.
        let by_channel = |shape: &[usize], x: &[f64], f: &dyn Fn(usize, f64) -> f64| {
            let area = x.len() / shape[0];
            x.iter().enumerate().map(|(i, &v)| f(i / area, v)).collect::<Vec<_>>()
        };
        let (shape, product, scale, bias, prelu) = match op {
            Op::SubtractMean { mean } => {
                return (
                    shape.clone(),
                    x.iter().zip(&self.weights[mean.index()]).map(|(x, &m)| x - f64::from(m)).collect(),
                );
            }
            Op::Conv2d { params, weight, scale, bias, prelu } => {
                let (shape, product) = conv2d(params, self.get(weight), shape, x);
                (shape, product, scale, bias, prelu)
            }
            Op::Linear { params, weight, scale, bias, prelu } => {
                let rows = self.get(weight).chunks(params.in_features);
                let product = rows.map(|row| row.iter().zip(x).map(|(&w, x)| f64::from(w) * x).sum()).collect();
                (vec![params.out_features], product, scale, bias, prelu)
            }
            Op::BatchNorm { mean, scale, shift } => {
                let shift = |c: usize| shift.as_ref().map_or(0.0, |s| self.at(s, c));
                let y = by_channel(shape, x, &|c, v| (v - self.at(mean, c)) * self.at(scale, c) + shift(c));
                return (shape.clone(), y);
            }
            Op::PRelu { slope } => {
                let y = by_channel(shape, x, &|c, v| if v > 0.0 { v } else { v * self.at(slope, c) });
                return (shape.clone(), y);
            }
            Op::MaxPool2d { params } => return max_pool(params, shape, x),
            Op::Flatten => return (vec![x.len()], x.clone()),
            Op::Dropout { .. } | Op::Identity => return (shape.clone(), x.clone()),
            Op::Softmax => {
                let max = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = x.iter().map(|v| (v - max).exp()).sum();
                return (shape.clone(), x.iter().map(|v| (v - max).exp() / sum).collect());
            }
            op => unreachable!("the release has no {}", op.name()),
        };
        let y = by_channel(&shape, &product, &|c, v| {
            let v = v * scale.map_or(1.0, |s| self.at(&s, c)) + bias.map_or(0.0, |b| self.at(&b, c));
            if v > 0.0 { v } else { v * prelu.map_or(1.0, |p| self.at(&p, c)) }
        });
        (shape, y)
    }

    fn get(&self, id: &WeightId) -> &[f32] {
        &self.weights[id.index()]
    }

    fn at(&self, id: &WeightId, i: usize) -> f64 {
        f64::from(self.get(id)[i])
    }
}

fn conv2d(p: &Conv2dParams, weight: &[f32], shape: &[usize], x: &[f64]) -> Value {
    let (h, w) = (shape[1], shape[2]);
    let [out_h, out_w] = p.output_size([h, w]).expect("a validated model");
    let mut y = vec![0.0; p.out_channels * out_h * out_w];
    let mut weights = weight.iter();
    for plane in y.chunks_mut(out_h * out_w) {
        for c in 0..p.in_channels {
            for ky in 0..p.kernel_size[0] {
                for kx in 0..p.kernel_size[1] {
                    let &k = weights.next().expect("a validated model");
                    if k == 0.0 {
                        continue;
                    }
                    // The first output whose input is not in the padding on the left, and that input.
                    let first = p.padding[1].saturating_sub(kx).div_ceil(p.stride[1]);
                    let start = first * p.stride[1] + kx - p.padding[1];
                    for (oy, row) in plane.chunks_mut(out_w).enumerate() {
                        let iy = (oy * p.stride[0] + ky).wrapping_sub(p.padding[0]);
                        if iy < h {
                            let inputs = x[(c * h + iy) * w..][..w].iter().skip(start).step_by(p.stride[1]);
                            row.iter_mut().skip(first).zip(inputs).for_each(|(y, x)| *y += f64::from(k) * x);
                        }
                    }
                }
            }
        }
    }
    (vec![p.out_channels, out_h, out_w], y)
}

fn max_pool(p: &Pool2dParams, shape: &[usize], x: &[f64]) -> Value {
    let (h, w) = (shape[1], shape[2]);
    let [out_h, out_w] = p.output_size([h, w]).expect("a validated model");
    let mut y = Vec::with_capacity(shape[0] * out_h * out_w);
    for plane in x.chunks(h * w) {
        for oy in 0..out_h {
            for ox in 0..out_w {
                let rows = oy * p.stride[0]..(oy * p.stride[0] + p.kernel_size[0]).min(h);
                let columns = ox * p.stride[1]..(ox * p.stride[1] + p.kernel_size[1]).min(w);
                let window = rows.flat_map(|r| columns.clone().map(move |c| plane[r * w + c]));
                y.push(window.fold(f64::NEG_INFINITY, f64::max));
            }
        }
    }
    (vec![shape[0], out_h, out_w], y)
}
