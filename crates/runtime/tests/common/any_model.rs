//! Models of every operation, with odd shapes and every form of weight, made from a list of choices: a strategy's, or a
//! fuzzer's.

use crate::common::{Rng, runs};
use hccr_runtime::shape::{Conv2dParams, LinearParams, LstmParams, Pool2dParams, STEPS};
use hccr_runtime::{IsaKind, Model, ModelBuilder, Op, Pattern, Plan, Session, ValueId, Weight, WeightData, WeightId};
use std::sync::Arc;

/// A model, and an input for it.
pub(crate) fn any_model(choices: &[u8]) -> (Model, Vec<f32>) {
    let seed = choices.iter().fold(0, |seed: u64, &byte| (seed ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let mut make =
        Make { choices: choices.iter(), rng: Rng(seed), builder: ModelBuilder::new(&[]), shapes: Vec::new() };
    make.inputs();
    for _ in 0..1 + make.below(6) {
        make.node();
    }
    if make.shapes[make.shapes.len() - 1][0] == STEPS {
        make.push(make.builder.last(), Op::MeanOverTime);
    }
    let outputs: Vec<_> = (0..1 + make.below(2)).map(|output| make.output(output)).collect();
    let Make { mut builder, mut rng, .. } = make;
    builder.set_outputs(outputs);
    let model = builder.finish().unwrap_or_else(|error| panic!("{error}"));
    let steps = if model.is_sequence() { 1 + usize::from(choices.len() as u8) / 2 } else { 1 };
    let elements: usize = model.inputs().iter().map(|shape| shape.iter().map(|&d| d.max(1)).product::<usize>()).sum();
    (model, rng.values(steps * elements))
}

struct Make<'a> {
    choices: std::slice::Iter<'a, u8>,
    /// The values of weights, which need no choices.
    rng: Rng,
    builder: ModelBuilder,
    /// Of each value.
    shapes: Vec<Vec<usize>>,
}

impl Make<'_> {
    /// The next choice; the first one where there are no more.
    fn below(&mut self, n: usize) -> usize {
        usize::from(self.choices.next().copied().unwrap_or(0)) % n
    }

    fn inputs(&mut self) {
        let dimension = |make: &mut Self| 1 + make.below(11);
        let shape = |make: &mut Self| match make.below(6) {
            0 => vec![1 + make.below(70)],
            1 => vec![dimension(make), dimension(make)],
            2 => vec![dimension(make), 1 + make.below(4), 1 + make.below(4), 1 + make.below(4)],
            3 => vec![1, 1 + make.below(30), 1 + make.below(30)],
            _ => vec![dimension(make), 1 + make.below(20), 1 + make.below(20)],
        };
        self.shapes = match self.below(5) {
            0 => vec![vec![STEPS, 1 + self.below(24)]],
            1 => vec![shape(self), shape(self)],
            _ => vec![shape(self)],
        };
        self.builder = ModelBuilder::with_inputs(self.shapes.clone());
    }

    /// A value that can be an output: most often the last one.
    fn output(&mut self, back: usize) -> ValueId {
        let last = self.shapes.len() - 1;
        let value = last - (back * self.below(3)).min(last);
        ValueId(if self.shapes[value][0] == STEPS { last } else { value } as u32)
    }

    fn push(&mut self, from: ValueId, op: Op) {
        let shape = &self.shapes[from.index()];
        let output = match op {
            Op::Conv2d { params, .. } => {
                let [h, w] = params.output_size([shape[1], shape[2]]).expect("it fits");
                vec![params.out_channels, h, w]
            }
            Op::MaxPool2d { params } => {
                let [h, w] = params.output_size([shape[1], shape[2]]).expect("it fits");
                vec![shape[0], h, w]
            }
            Op::Linear { params, .. } if shape[0] == STEPS => vec![STEPS, params.out_features],
            Op::Linear { params, .. } => vec![params.out_features],
            Op::Lstm { params, .. } => vec![STEPS, params.hidden_size],
            Op::Flatten => vec![shape.iter().product()],
            Op::MeanOverTime => vec![shape[1]],
            _ => shape.clone(),
        };
        self.shapes.push(output);
        let name = format!("{}{}", op.name(), self.shapes.len());
        self.builder.push_from(from, name, op);
    }

    /// A node that reads the last value, or now and then an earlier one.
    fn node(&mut self) {
        let (last, back) = (self.shapes.len() - 1, if self.below(6) == 0 { self.below(3) } else { 0 });
        let from = ValueId((last - back.min(last)) as u32);
        let shape = self.shapes[from.index()].clone();
        let channels = if shape[0] == STEPS { shape[1] } else { shape[0] };
        if shape[0] != STEPS && self.below(3) == 0 {
            return self.bytes(from, shape);
        }
        let op = match (self.below(8), &shape[..]) {
            (0, _) => Op::Identity,
            (1, _) => Op::PRelu { slope: self.vector(channels) },
            (2, _) => {
                let (mean, scale) = (self.vector(channels), self.vector(channels));
                Op::BatchNorm { mean, scale, shift: self.optional(channels) }
            }
            (3, &[STEPS, features]) if features % 4 == 0 => self.lstm(features / 4),
            (4, &[STEPS, _]) => Op::MeanOverTime,
            (_, &[STEPS, features]) => self.linear(features, false),
            (3, _) => Op::SubtractMean { mean: self.weight(&shape, false) },
            (4, &[_]) => Op::Softmax,
            (5, _) => Op::Flatten,
            (6, &[_, h, w]) => self.pool([h, w]),
            _ => return self.layer(from, false),
        };
        self.push(from, op);
    }

    /// A value of bytes, and a layer that multiplies them, perhaps pooled and flattened before.
    fn bytes(&mut self, from: ValueId, shape: Vec<usize>) {
        let (scale, zero_point) = ([0.25, 1.0 / 128.0, 3e-3][self.below(3)], [0, 128, 255, 7][self.below(4)]);
        self.push(from, Op::FakeQuantize { scale, zero_point });
        if let ([_, h, w], 0) = (&shape[..], self.below(3)) {
            let op = self.pool([*h, *w]);
            self.push(self.builder.last(), op);
        }
        match self.below(4) {
            0 => self.push(self.builder.last(), Op::Flatten),
            1 => self.push(self.builder.last(), Op::Dropout { probability: 0.5 }),
            _ => {}
        }
        self.layer(self.builder.last(), true);
    }

    /// A convolution or fully connected layer, after a flattening where there is none for the shape.
    fn layer(&mut self, from: ValueId, integers: bool) {
        let op = match self.shapes[from.index()][..] {
            [features] => self.linear(features, integers),
            [channels, h, w] => self.conv(channels, [h, w], integers),
            _ => {
                self.push(from, Op::Flatten);
                return self.layer(self.builder.last(), integers);
            }
        };
        self.push(from, op);
    }

    fn pool(&mut self, [h, w]: [usize; 2]) -> Op {
        let mut kernel_size = [(1 + self.below(4)).min(h), (1 + self.below(4)).min(w)];
        let mut stride = [1 + self.below(3), 1 + self.below(3)];
        if self.below(2) == 0 && h > 2 && w > 2 {
            (kernel_size, stride) = ([3, 3], [2, 2]);
        }
        Op::MaxPool2d { params: Pool2dParams { kernel_size, stride, ceil_mode: self.below(2) == 0 } }
    }

    fn linear(&mut self, in_features: usize, integers: bool) -> Op {
        let out_features = 1 + self.below(70);
        Op::Linear {
            params: LinearParams { in_features, out_features },
            weight: self.weight(&[out_features, in_features], integers),
            scale: self.optional(out_features),
            bias: self.optional(out_features),
            prelu: self.optional(out_features),
        }
    }

    fn conv(&mut self, in_channels: usize, size: [usize; 2], integers: bool) -> Op {
        let out_channels = 1 + self.below(20);
        let mut kernel_size = [1 + self.below(5), 1 + self.below(5)];
        if self.below(2) == 0 {
            kernel_size = [3, 3];
        }
        let padding = kernel_size.map(|k| self.below(k));
        let fitting = [0, 1].map(|d| kernel_size[d].min(size[d] + 2 * padding[d]));
        let padding = [0, 1].map(|d| padding[d].min(fitting[d] - 1));
        let kernel_size = [0, 1].map(|d| fitting[d].min(size[d] + 2 * padding[d]));
        let stride = if self.below(4) == 0 { [1 + self.below(3), 1 + self.below(3)] } else { [1, 1] };
        let params = Conv2dParams { in_channels, out_channels, kernel_size, stride, padding };
        Op::Conv2d {
            params,
            weight: self.weight(&params.weight_shape(), integers),
            scale: self.optional(out_channels),
            bias: self.optional(out_channels),
            prelu: self.optional(out_channels),
        }
    }

    fn lstm(&mut self, hidden_size: usize) -> Op {
        let rank = (self.below(2) == 0).then(|| 1 + self.below(hidden_size));
        let project = rank.map(|rank| self.weight(&[rank, hidden_size], false));
        let recurrent = self.weight(&[4 * hidden_size, rank.unwrap_or(hidden_size)], false);
        Op::Lstm { params: LstmParams { hidden_size, rank }, project, recurrent }
    }

    fn vector(&mut self, len: usize) -> WeightId {
        self.weight(&[len], false)
    }

    fn optional(&mut self, len: usize) -> Option<WeightId> {
        (self.below(2) == 0).then(|| self.vector(len))
    }

    /// A weight of any form, whose values are integers where that is wanted.
    fn weight(&mut self, shape: &[usize], integers: bool) -> WeightId {
        let (rows, elements) = (shape[0], shape.iter().product::<usize>());
        let columns = elements / rows;
        let value = |rng: &mut Rng| if integers { (rng.value() * 63.0).round() } else { rng.value() };
        let density = [0.0, 0.1, 0.5, 1.0][self.below(4)];
        // Blocks of four rows and one column, at most, are all zero or none.
        let block = if self.below(2) == 0 { 4 } else { 1 };
        let rng = &mut self.rng;
        let mask: Vec<f32> = rng.sparse_values(rows.div_ceil(block) * columns, density);
        let kept = (0..elements).map(|i| density == 1.0 || mask[i / columns / block * columns + i % columns] != 0.0);
        let pattern = Pattern::from_mask(kept, columns);
        let form = self.below(3);
        let centres = [1, 2, 31, 256][self.below(4)];
        let rng = &mut self.rng;
        let data = match form {
            0 => {
                let mut values = vec![0.0; elements];
                pattern.positions(columns).for_each(|at| values[at] = value(rng));
                WeightData::Dense(values)
            }
            1 => WeightData::Sparse { values: (0..pattern.nnz()).map(|_| value(rng)).collect(), pattern },
            _ => WeightData::Codebook {
                centres: (0..centres).map(|_| value(rng)).collect(),
                labels: (0..pattern.nnz()).map(|_| (rng.next() % centres as u64) as u8).collect(),
                pattern,
            },
        };
        let name = format!("weight{}", self.builder.weights().len());
        self.builder.weight(Weight::new(name, shape, data))
    }
}

/// For each output how far two right answers may be apart: one element of an intermediate value may be rounded otherwise, and
/// where it is quantized, fall on the next step.
fn error_bound(model: &Model, input: &[f32]) -> Vec<f32> {
    /// The largest magnitude of a value's elements, and what they may be off by.
    #[derive(Clone, Copy)]
    struct Bound {
        most: f64,
        error: f64,
    }
    let dense = |id: WeightId| -> Vec<f64> { model.weight(id).to_dense().iter().map(|&v| f64::from(v)).collect() };
    let most = |id: Option<WeightId>, or: f64| id.map_or(or, |id| dense(id).iter().fold(0.0, |m, v| v.abs().max(m)));
    let most_of = |id: WeightId| most(Some(id), 0.0);
    let input = input.iter().fold(0.0, |m: f64, &x| m.max(f64::from(x).abs()));
    let mut bounds = vec![Bound { most: input, error: 0.0 }; model.inputs().len()];
    for node in model.nodes() {
        let Bound { most: x, error } = bounds[node.input.index()];
        bounds.push(match node.op {
            Op::Conv2d { weight, scale, bias, prelu, .. } | Op::Linear { weight, scale, bias, prelu, .. } => {
                let columns = model.weight(weight).columns();
                let row_sums = dense(weight)
                    .chunks(columns)
                    .map(|row| row.iter().map(|v| v.abs()).sum::<f64>())
                    .collect::<Vec<_>>();
                let factor =
                    row_sums.iter().fold(0.0, |m: f64, &v| v.max(m)) * most(scale, 1.0) * most(prelu, 1.0).max(1.0);
                // Winograd's transforms multiply rounding by about a hundred.
                let most = factor * x + most(bias, 0.0) * most(prelu, 1.0).max(1.0);
                Bound { most, error: factor * error + 1e-4 * most }
            }
            Op::SubtractMean { mean } => Bound { most: x + most_of(mean), error: error + 1e-6 * (x + most_of(mean)) },
            Op::BatchNorm { mean, scale, shift } => {
                let most = (x + most_of(mean)) * most_of(scale) + most(shift, 0.0);
                Bound { most, error: error * most_of(scale) + 1e-6 * most }
            }
            Op::PRelu { slope } => {
                let factor = most_of(slope).max(1.0);
                Bound { most: x * factor, error: error * factor }
            }
            Op::FakeQuantize { scale, .. } => {
                let step = f64::from(scale);
                // A step further, as soon as anything is rounded otherwise.
                Bound { most: (x + step).min(255.0 * step), error: error + 1.001 * step }
            }
            Op::Softmax => Bound { most: 1.0, error: (2.0 * error).min(1.0) + 1e-6 },
            Op::Lstm { params, .. } => {
                // What is off grows from step to step, as far as it goes.
                let error = if error > 0.0 || params.hidden_size > 0 { error.max(1e-6) * 1e4 } else { 0.0 };
                Bound { most: 1.0, error: error.min(2.0) }
            }
            Op::MeanOverTime => Bound { most: x, error: error + 1e-5 * x },
            _ => Bound { most: x, error },
        });
    }
    model.outputs().iter().map(|output| bounds[output.index()].error as f32).collect()
}

/// All outputs.
fn outputs(plan: Plan, input: &[f32]) -> Vec<Vec<f32>> {
    let mut session = Session::new(Arc::new(plan));
    let all =
        |session: &Session| (0..session.plan().output_count()).map(|i| session.output(i).unwrap().to_vec()).collect();
    session.run(input).unwrap();
    let first: Vec<Vec<f32>> = all(&session);
    // What another sample left in the memory changes no bit.
    let other: Vec<f32> = input.iter().map(|x| 1.5 - 3.0 * x).collect();
    session.run(&other).unwrap();
    session.run(input).unwrap();
    let bits = |outputs: &[Vec<f32>]| outputs.concat().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&all(&session)), bits(&first));
    first
}

/// Fails where an element of an output is off by more than the output's bound.
fn assert_within(found: &[Vec<f32>], want: &[Vec<f32>], bounds: &[f32], what: &str) {
    for (output, (found, want)) in found.iter().zip(want).enumerate() {
        assert_eq!(found.len(), want.len(), "{what}");
        for (i, (f, w)) in found.iter().zip(want).enumerate() {
            let bound = bounds[output];
            assert!((f - w).abs() <= bound, "{what}: element {i} of output {output} is {f}, wanted {w} +- {bound}");
        }
    }
}

/// A model, an input, and what the scalar code makes of them.
pub(crate) struct Case {
    model: Model,
    input: Vec<f32>,
    want: Vec<Vec<f32>>,
    bounds: Vec<f32>,
}

impl Case {
    /// That of these choices.
    pub(crate) fn new(choices: &[u8]) -> Self {
        let (model, input) = any_model(choices);
        let want = outputs(Plan::with_isa(&model, IsaKind::Scalar).unwrap(), &input);
        let bounds = error_bound(&model, &input);
        Self { model, input, want, bounds }
    }

    /// Writes the model as a file, and reads it.
    pub(crate) fn check_file(&self) {
        assert_eq!(Model::from_bytes(&self.model.to_bytes()).unwrap(), self.model);
    }

    /// Compares an instruction set with the scalar code: the kernels that the plan takes, or one wherever it fits.
    pub(crate) fn check(&self, isa: IsaKind, kernel: Option<&str>) {
        let plan = match kernel {
            None => Plan::with_isa(&self.model, isa),
            Some(kernel) => Plan::with_kernel(&self.model, isa, kernel),
        };
        let plan = plan.unwrap();
        if kernel.is_none_or(|kernel| runs(&plan, kernel)) {
            let table = plan.to_string();
            assert_within(&outputs(plan, &self.input), &self.want, &self.bounds, &table);
        }
    }
}

/// Each instruction set, with the kernels that the plan takes and with each kernel.
pub(crate) fn ways() -> impl Iterator<Item = (IsaKind, Option<&'static str>)> {
    let kernels = || std::iter::once(None).chain(Plan::kernels().map(Some));
    IsaKind::available().into_iter().flat_map(move |isa| kernels().map(move |kernel| (isa, kernel)))
}
