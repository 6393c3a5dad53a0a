//! Products of bytes, against a naive reference in `f64`. All scales, biases and slopes are powers of two or multiples of one,
//! so that every sum is exact and answers must be equal to the last bit.

mod common;

use common::{Rng, run, run_with, runs};
use hccr_runtime::shape::{Conv2dParams, LinearParams, Pool2dParams};
use hccr_runtime::{IsaKind, Model, ModelBuilder, Op, Pattern, Plan, ValueId, Weight, WeightData, WeightId};

/// The value of every node, for the input `x`.
fn reference(model: &Model, x: &[f32]) -> Vec<f64> {
    let mut values: Vec<Vec<f64>> = vec![x.iter().map(|&x| f64::from(x)).collect()];
    for (i, node) in model.nodes().iter().enumerate() {
        let [from, to] = [node.input, model.value_of(i)].map(|value| model.shape(value));
        values.push(apply(model, &node.op, &values[node.input.index()], from, to));
    }
    values.pop().unwrap()
}

fn apply(model: &Model, op: &Op, x: &[f64], from: &[usize], to: &[usize]) -> Vec<f64> {
    let dense = |id: WeightId| -> Vec<f64> { model.weight(id).to_dense().iter().map(|&v| f64::from(v)).collect() };
    let finish = |sum: f64, o: usize, scale: Option<WeightId>, bias: Option<WeightId>, prelu: Option<WeightId>| {
        let sum = sum * scale.map_or(1.0, |id| dense(id)[o]) + bias.map_or(0.0, |id| dense(id)[o]);
        if sum > 0.0 { sum } else { sum * prelu.map_or(1.0, |id| dense(id)[o]) }
    };
    match *op {
        Op::FakeQuantize { scale, zero_point } => {
            let (scale, zero) = (f64::from(scale), f64::from(zero_point));
            x.iter().map(|x| scale * ((x / scale + zero).clamp(0.0, 255.0).round_ties_even() - zero)).collect()
        }
        Op::Conv2d { params, weight, scale, bias, prelu } => {
            let (weight, [kh, kw]) = (dense(weight), params.kernel_size);
            let mut y = Vec::new();
            for (o, p) in (0..to[0]).flat_map(|o| (0..to[1] * to[2]).map(move |p| (o, p))) {
                let mut sum = 0.0;
                for (c, k) in (0..from[0]).flat_map(|c| (0..kh * kw).map(move |k| (c, k))) {
                    let row = (p / to[2] + k / kw).wrapping_sub(params.padding[0]);
                    let column = (p % to[2] + k % kw).wrapping_sub(params.padding[1]);
                    if row < from[1] && column < from[2] {
                        let w = weight[(o * from[0] + c) * kh * kw + k];
                        sum += w * x[(c * from[1] + row) * from[2] + column];
                    }
                }
                y.push(finish(sum, o, scale, bias, prelu));
            }
            y
        }
        Op::Linear { weight, scale, bias, prelu, .. } => {
            let sums = dense(weight).chunks(x.len()).map(|row| row.iter().zip(x).map(|(w, x)| w * x).sum()).collect();
            let sums: Vec<f64> = sums;
            sums.iter().enumerate().map(|(o, &sum)| finish(sum, o, scale, bias, prelu)).collect()
        }
        Op::MaxPool2d { params: Pool2dParams { kernel_size: [kh, kw], stride: [sy, sx], .. } } => {
            let window = |c: usize, p: usize| {
                let rows = p / to[2] * sy..(p / to[2] * sy + kh).min(from[1]);
                let columns = p % to[2] * sx..(p % to[2] * sx + kw).min(from[2]);
                rows.flat_map(|r| columns.clone().map(move |s| (r, s)))
                    .map(|(r, s)| x[(c * from[1] + r) * from[2] + s])
                    .fold(f64::NEG_INFINITY, f64::max)
            };
            (0..to[0]).flat_map(|c| (0..to[1] * to[2]).map(move |p| window(c, p))).collect()
        }
        Op::SubtractMean { mean } => x.iter().zip(dense(mean)).map(|(x, mean)| x - mean).collect(),
        Op::Flatten | Op::Identity | Op::Dropout { .. } => x.to_vec(),
        _ => unreachable!("not in these tests"),
    }
}

/// Builds networks of random integers.
struct Random {
    rng: Rng,
    builder: ModelBuilder,
}

impl Random {
    fn new(seed: u64, input: &[usize]) -> Self {
        Self { rng: Rng(seed), builder: ModelBuilder::new(input) }
    }

    fn below(&mut self, n: usize) -> usize {
        (self.rng.next() % n as u64) as usize
    }

    /// `2^n` with `n` from `lowest` on, one of `count`.
    fn power(&mut self, lowest: i32, count: usize) -> f32 {
        2f32.powi(lowest + self.below(count) as i32)
    }

    fn round(&mut self, name: &str, scale: f32) {
        let zero_point = [0, 128, 255, self.below(256) as u8][self.below(4)];
        self.builder.push(name, Op::FakeQuantize { scale, zero_point });
    }

    fn weight(&mut self, name: &str, shape: &[usize], density: usize) -> WeightId {
        let values: Vec<f32> = (0..shape.iter().product())
            .map(|_| if self.below(100) < density { self.below(127) as f32 - 63.0 } else { 0.0 })
            .collect();
        let weight = match self.below(3) {
            0 => Weight::dense(name, shape, values),
            1 => Weight::sparse(name, shape, &values),
            _ => {
                let pattern = Pattern::from_mask(values.iter().map(|_| true), values.len() / shape[0]);
                let centres = (-63..=63).map(|v| v as f32).collect();
                let labels = values.iter().map(|v| (v + 63.0) as u8).collect();
                let data = WeightData::Codebook { pattern, centres, labels };
                Weight::new(name, shape, data)
            }
        };
        self.builder.weight(weight)
    }

    /// Scale, bias and slopes, each there or not.
    fn epilogue(&mut self, outputs: usize) -> [Option<WeightId>; 3] {
        // Those below zero turn the order of sums.
        let mut sign = Rng(self.rng.next());
        let mut sign = || if sign.next().is_multiple_of(16) { -1.0 } else { 1.0 };
        let scale: Vec<f32> = (0..outputs).map(|_| sign() * self.power(-3, 2)).collect();
        let bias: Vec<f32> = (0..outputs).map(|_| self.below(2000) as f32 / 8.0 - 125.0).collect();
        let slope: Vec<f32> = (0..outputs).map(|_| sign() * self.power(-3, 4)).collect();
        [("scale", scale), ("bias", bias), ("slope", slope)]
            .map(|(name, values)| (self.below(4) > 0).then(|| self.builder.dense(name, &[outputs], values)))
    }

    fn conv(&mut self, name: &str, params: Conv2dParams, density: usize) {
        let weight = self.weight(name, &params.weight_shape(), density);
        let [scale, bias, prelu] = self.epilogue(params.out_channels);
        self.builder.push(name, Op::Conv2d { params, weight, scale, bias, prelu });
    }

    fn linear(&mut self, name: &str, [in_features, out_features]: [usize; 2], density: usize) {
        let weight = self.weight(name, &[out_features, in_features], density);
        let [scale, bias, prelu] = self.epilogue(out_features);
        let params = LinearParams { in_features, out_features };
        self.builder.push(name, Op::Linear { params, weight, scale, bias, prelu });
    }

    /// Values around those that the steps of 1/8 tell apart.
    fn input(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| self.below(640) as f32 / 16.0 - 16.0).collect()
    }
}

/// Fails unless all kernels that fit give the reference's answer to the last bit, on all instruction sets, and the plan's choice
/// has kernels of these names. False for an answer that is one value over and over, which tells little.
fn check(model: &Model, input: &[f32], kernels: &[&str], what: &str) -> bool {
    let want: Vec<f32> = reference(model, input).iter().map(|&v| v as f32).collect();
    for isa in IsaKind::available() {
        let table = Plan::with_isa(model, isa).unwrap().to_string();
        for kernel in kernels {
            assert!(table.contains(kernel), "{what}: no {kernel} in\n{table}");
        }
        assert_eq!(run(model, isa, input), want, "{what}, {isa}\n{table}");
        for kernel in Plan::kernels().filter(|kernel| kernel.starts_with("u8_")) {
            if let Some(found) = run_with(model, isa, kernel, input) {
                assert_eq!(found, want, "{what}, {kernel} on {isa}");
            }
        }
    }
    want.iter().any(|&v| v != want[0])
}

/// Two convolutions, pooling between them, as bytes from end to end.
#[test]
fn convolutions_of_any_shape() {
    let mut telling = 0;
    for seed in 0..60 {
        let mut random = Random::new(seed, &[]);
        let channels = [1, 2, 3, 4, 5, 9, 16][random.below(7)];
        let size = [3 + random.below(30), 3 + random.below(30)];
        let kernel = |random: &mut Random| [[3, 3], [3, 1], [1, 3], [1, 1], [2, 4]][random.below(5)];
        let [first, second] = [kernel(&mut random), kernel(&mut random)];
        let middle = 1 + random.below(11);
        let out = 1 + random.below(9);
        let density = [100, 30, 3][random.below(3)];
        let padded = |inputs, outputs, [kh, kw]: [usize; 2]| Conv2dParams {
            in_channels: inputs,
            out_channels: outputs,
            kernel_size: [kh, kw],
            stride: [1, 1],
            padding: [kh / 2, kw / 2],
        };
        let mut random = Random::new(seed, &[channels, size[0], size[1]]);
        if seed % 2 == 0 {
            let mean = random.input(channels * size[0] * size[1]);
            let mean = random.builder.dense("mean", &[channels, size[0], size[1]], mean);
            random.builder.push("mean", Op::SubtractMean { mean });
        }
        random.round("in", 0.125);
        random.conv("first", padded(channels, middle, first), density);
        let scale = random.power(2, 3);
        random.round("between", scale);
        if random.below(2) == 0 {
            random.builder.push("pool", Op::MaxPool2d { params: Pool2dParams::THESIS });
        }
        random.conv("second", padded(middle, out, second), density);
        let input = random.input(channels * size[0] * size[1]);
        let what = format!("{channels} of {size:?}, {first:?} {second:?}, seed {seed}");
        telling += usize::from(check(&random.builder.finish().unwrap(), &input, &["u8_quantize", "u8_conv"], &what));
    }
    assert!(telling > 50, "{telling}");
}

#[test]
fn a_whole_network_stays_bytes() {
    for seed in 0..20 {
        let mut random = Random::new(seed, &[1, 17, 31]);
        let channels = 5 + random.below(8);
        random.round("in", 0.125);
        random.conv("conv", Conv2dParams::same(1, channels, [3, 3]), 100);
        random.round("conv.bytes", 8.0);
        random.builder.push("pool", Op::MaxPool2d { params: Pool2dParams::THESIS });
        random.builder.push("flat", Op::Flatten);
        random.builder.push("drop", Op::Dropout { probability: 0.5 });
        let hidden = 1 + random.below(150);
        let densities = [[100, 100], [60, 100], [100, 20], [10, 60]][seed as usize % 4];
        random.linear("fc1", [channels * 8 * 15, hidden], densities[0]);
        random.round("fc1.bytes", 256.0);
        let outputs = 2 + random.below(150);
        random.linear("fc2", [hidden, outputs], densities[1]);
        let input = random.input(17 * 31);
        let model = random.builder.finish().unwrap();
        let kernels = ["u8_quantize", "u8_conv_pool"];
        assert!(check(&model, &input, &kernels, &format!("seed {seed}")));
        for (isa, kernel) in IsaKind::available().into_iter().flat_map(|isa| Plan::kernels().map(move |k| (isa, k))) {
            let fits = runs(&Plan::with_kernel(&model, isa, kernel).unwrap(), kernel);
            // Without zeros only where there is an instruction for it.
            let expected = kernel.starts_with("u8_") && (kernel != "u8_spmv" || isa == IsaKind::Avx512);
            assert_eq!(fits, expected, "{kernel} on {isa}");
        }
        let table = Plan::new(&model).unwrap().to_string();
        assert!(!table.contains("f32_"), "{table}");
        assert_eq!(Model::from_bytes(&model.to_bytes()), Ok(model));
    }
}

/// Of any share of zeros, and of any size; where there is an instruction for it, zeros are left out.
#[test]
fn fully_connected_layers_of_any_density() {
    let sizes = [[1, 1], [3, 2], [4, 64], [5, 65], [17, 63], [64, 300], [130, 129], [333, 200]];
    for (seed, density) in [0, 1, 5, 14, 35, 60, 75, 85, 95, 100].into_iter().cycle().take(60).enumerate() {
        let [inputs, outputs] = sizes[seed % sizes.len()];
        let mut random = Random::new(seed as u64, &[inputs]);
        random.round("in", 0.125);
        random.linear("fc1", [inputs, outputs], density);
        random.round("bytes", 64.0);
        random.linear("fc2", [outputs, inputs], density);
        let input = random.input(inputs);
        let model = random.builder.finish().unwrap();
        check(&model, &input, &["u8_quantize"], &format!("{inputs} to {outputs}, {density} %"));
        for isa in IsaKind::available() {
            let table = Plan::with_isa(&model, isa).unwrap().to_string();
            let [dense, sparse] = ["u8_gemv", "u8_spmv"].map(|kernel| table.matches(kernel).count());
            assert_eq!(dense + sparse, 2, "{table}");
            match density {
                0..=60 if isa == IsaKind::Avx512 && inputs * outputs > 100 => assert_eq!(sparse, 2, "{table}"),
                0..95 if isa == IsaKind::Avx512 => {}
                _ => assert_eq!(dense, 2, "{isa}, {density} %\n{table}"),
            }
        }
    }
}

/// Rows of zeros, and one weight at every place.
#[test]
fn rows_of_zeros_and_single_weights() {
    let (inputs, outputs) = (19, 150);
    let input = Random::new(3, &[]).input(inputs);
    for place in (0..inputs * outputs).step_by(37) {
        let mut builder = ModelBuilder::new(&[inputs]);
        builder.push("in", Op::FakeQuantize { scale: 0.125, zero_point: 130 });
        let values: Vec<f32> = (0..inputs * outputs).map(|i| if i == place { -63.0 } else { 0.0 }).collect();
        let weight = builder.dense("weight", &[outputs, inputs], values);
        let params = LinearParams { in_features: inputs, out_features: outputs };
        builder.push("fc", Op::Linear { params, weight, scale: None, bias: None, prelu: None });
        check(&builder.finish().unwrap(), &input, &[], &format!("weight {place}"));
    }
}

/// What also reads a value as numbers keeps it from being bytes, and the answer is the same.
#[test]
fn values_that_others_read_stay_numbers() {
    for extra in ["output", "layer"] {
        let mut random = Random::new(7, &[3, 9, 9]);
        random.round("in", 0.125);
        random.conv("conv", Conv2dParams::same(3, 6, [3, 3]), 100);
        random.round("bytes", 8.0);
        random.conv("last", Conv2dParams::same(6, 5, [3, 3]), 100);
        let input = random.input(3 * 81);
        if extra == "layer" {
            // A weight that is no integer.
            let half = random.builder.dense("half", &[5, 5, 1, 1], vec![0.5; 25]);
            random.round("bytes again", 8.0);
            let params = Conv2dParams::same(5, 5, [1, 1]);
            let op = Op::Conv2d { params, weight: half, scale: None, bias: None, prelu: None };
            random.builder.push("halves", op);
        }
        if extra == "output" {
            let outputs = vec![random.builder.last(), ValueId(3)];
            random.builder.set_outputs(outputs);
        }
        let model = random.builder.finish().unwrap();
        let table = Plan::new(&model).unwrap().to_string();
        assert!(table.contains("f32_fake_quantize"), "{table}");
        let want: Vec<f32> = reference(&model, &input).iter().map(|&v| v as f32).collect();
        for isa in IsaKind::available() {
            common::assert_close(&run(&model, isa, &input), &want, 1e-6, extra);
        }
    }
}

/// Quads are laid out for images and vectors: a matrix of values stays one of numbers, and the answer is the same.
#[test]
fn values_of_two_dimensions_stay_numbers() {
    for (rows, columns) in [(5, 7), (2, 7), (1, 4), (4, 1)] {
        let mut random = Random::new(9, &[rows, columns]);
        random.round("in", 0.125);
        random.builder.push("flat", Op::Flatten);
        random.linear("fc", [rows * columns, 6], 100);
        let input = random.input(rows * columns);
        check(&random.builder.finish().unwrap(), &input, &["f32_fake_quantize"], &format!("{rows} x {columns}"));
    }
}

/// An image of one row is no sequence: flattened, it is a vector like any other.
#[test]
fn a_flattened_row_of_pixels_is_a_vector() {
    for (channels, width) in [(1, 9), (4, 5), (5, 7), (8, 2)] {
        let mut random = Random::new(11, &[channels, 1, width]);
        random.round("in", 0.125);
        random.builder.push("flat", Op::Flatten);
        random.linear("fc", [channels * width, 6], 100);
        let input = random.input(channels * width);
        check(&random.builder.finish().unwrap(), &input, &["u8_quantize"], &format!("{channels} rows of {width}"));
    }
}

/// The largest sums that bytes and weights can make.
#[test]
fn extremes_do_not_overflow() {
    // The longest sums that integers take, and the shortest ones that they do not.
    for (columns, takes) in [(1 << 16, true), ((1 << 16) + 1, false)] {
        for (weight, zero_point) in [(63.0, 0), (-63.0, 0), (63.0, 255), (-63.0, 255)] {
            let mut builder = ModelBuilder::new(&[columns]);
            builder.push("in", Op::FakeQuantize { scale: 1.0, zero_point });
            let weight = builder.dense("weight", &[1, columns], vec![weight; columns]);
            let params = LinearParams { in_features: columns, out_features: 1 };
            builder.push("fc", Op::Linear { params, weight, scale: None, bias: None, prelu: None });
            let model = builder.finish().unwrap();
            let input = vec![if zero_point == 0 { 1e9 } else { -1e9 }; columns];
            let want: Vec<f32> = reference(&model, &input).iter().map(|&v| v as f32).collect();
            assert_eq!(want[0].abs(), (255 * 63 * columns) as f32);
            for isa in IsaKind::available() {
                let table = Plan::with_isa(&model, isa).unwrap().to_string();
                assert_eq!(table.contains("u8_gemv"), takes, "{table}");
                if takes {
                    assert_eq!(run(&model, isa, &input), want, "{isa}");
                }
            }
        }
    }
}
