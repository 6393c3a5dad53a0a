//! Every kernel of every instruction set against naive references in `f64`.

mod common;

use common::{Rng, assert_close, assert_sums_close, kind, run, run_with, runs};
use hccr_runtime::shape::{Conv2dParams, LinearParams, Pool2dParams};
use hccr_runtime::{IsaKind, Model, ModelBuilder, Op, Plan, PlanError, ValueId, Weight, WeightData, WeightId};
#[cfg(not(target_family = "wasm"))]
use proptest::prelude::*;

/// A convolution with its data.
#[derive(Debug)]
struct ConvProblem {
    params: Conv2dParams,
    size: [usize; 2],
    input: Vec<f32>,
    weight: Vec<f32>,
    bias: Vec<f32>,
    slope: Vec<f32>,
}

impl ConvProblem {
    fn new(params: Conv2dParams, size: [usize; 2], density: f64, seed: u64) -> Self {
        let mut rng = Rng(seed);
        Self {
            params,
            size,
            input: rng.values(params.in_channels * size[0] * size[1]),
            weight: rng.sparse_values(params.weight_shape().iter().product(), density),
            bias: rng.values(params.out_channels),
            slope: rng.values(params.out_channels),
        }
    }

    fn model(&self) -> Model {
        let p = self.params;
        let mut builder = ModelBuilder::new(&[p.in_channels, self.size[0], self.size[1]]);
        let weight = builder.dense("weight", &p.weight_shape(), self.weight.clone());
        let bias = Some(builder.dense("bias", &[p.out_channels], self.bias.clone()));
        let prelu = Some(builder.dense("slope", &[p.out_channels], self.slope.clone()));
        builder.push("conv", Op::Conv2d { params: p, weight, scale: None, bias, prelu });
        builder.finish().unwrap()
    }

    fn reference(&self) -> Vec<f32> {
        let Conv2dParams { in_channels, out_channels, kernel_size: [kh, kw], stride, padding } = self.params;
        let [h, w] = self.size;
        let [oh, ow] = self.params.output_size(self.size).unwrap();
        let mut out = Vec::new();
        for o in 0..out_channels {
            for (oy, ox) in (0..oh).flat_map(|y| (0..ow).map(move |x| (y, x))) {
                let mut sum = f64::from(self.bias[o]);
                for i in 0..in_channels {
                    for (ky, kx) in (0..kh).flat_map(|y| (0..kw).map(move |x| (y, x))) {
                        let y = (oy * stride[0] + ky).wrapping_sub(padding[0]);
                        let x = (ox * stride[1] + kx).wrapping_sub(padding[1]);
                        if y < h && x < w {
                            sum += f64::from(self.weight[((o * in_channels + i) * kh + ky) * kw + kx])
                                * f64::from(self.input[(i * h + y) * w + x]);
                        }
                    }
                }
                out.push(if sum > 0.0 { sum } else { sum * f64::from(self.slope[o]) } as f32);
            }
        }
        out
    }

    /// By the plan's choice, and by every kernel that fits.
    fn check(&self) {
        check_kernels(&self.model(), &self.input, &self.reference(), &format!("{:?} on {:?}", self.params, self.size));
    }

    /// As [`ConvProblem::check`], where one of those that fit has a name that begins with `kernel`.
    fn check_with(&self, kernel: &str) {
        for isa in IsaKind::available() {
            let plan = Plan::with_kernel(&self.model(), isa, kind(kernel).unwrap()).unwrap();
            assert!(plan.layers()[0].kernel.starts_with(kernel), "{isa} {:?} on {:?}:\n{plan}", self.params, self.size);
        }
        self.check();
    }
}

/// Holds the answers of the plan's choice and of every kernel that fits to `want`, on every instruction set.
fn check_kernels(model: &Model, input: &[f32], want: &[f32], what: &str) {
    for isa in IsaKind::available() {
        let chosen = if runs(&Plan::with_isa(model, isa).unwrap(), "f32_winograd") { WINOGRAD } else { 1e-5 };
        assert_sums_close(&run(model, isa, input), want, chosen, TERMS, &format!("{isa} {what}"));
        for kernel in Plan::kernels() {
            if let Some(found) = run_with(model, isa, kernel, input) {
                let tolerance = if kernel == "f32_winograd" { WINOGRAD } else { 1e-5 };
                assert_sums_close(&found, want, tolerance, TERMS, &format!("{kernel} {isa} {what}"));
            }
        }
    }
}

/// The transforms of Winograd's algorithm enlarge rounding errors.
const WINOGRAD: f32 = 5e-5;

/// Products of weights and inputs, both uniform in [-1, 1), have this size.
const TERMS: f32 = 0.25;

/// A fully connected layer with its data.
struct LinearProblem {
    params: LinearParams,
    input: Vec<f32>,
    weight: Vec<f32>,
    bias: Vec<f32>,
    slope: Vec<f32>,
}

impl LinearProblem {
    fn new(in_features: usize, out_features: usize, density: f64, seed: u64) -> Self {
        let mut rng = Rng(seed);
        Self {
            params: LinearParams { in_features, out_features },
            input: rng.values(in_features),
            weight: rng.sparse_values(in_features * out_features, density),
            bias: rng.values(out_features),
            slope: rng.values(out_features),
        }
    }

    fn model(&self) -> Model {
        let LinearParams { in_features, out_features } = self.params;
        let mut builder = ModelBuilder::new(&[in_features]);
        let weight = builder.dense("weight", &[out_features, in_features], self.weight.clone());
        let bias = Some(builder.dense("bias", &[out_features], self.bias.clone()));
        let prelu = Some(builder.dense("slope", &[out_features], self.slope.clone()));
        builder.push("fc", Op::Linear { params: self.params, weight, scale: None, bias, prelu });
        builder.finish().unwrap()
    }

    fn reference(&self) -> Vec<f32> {
        let rows = self.weight.chunks(self.params.in_features);
        rows.zip(self.bias.iter().zip(&self.slope))
            .map(|(row, (&bias, &slope))| {
                let products = row.iter().zip(&self.input).map(|(&w, &x)| f64::from(w) * f64::from(x));
                let sum = f64::from(bias) + products.sum::<f64>();
                (if sum > 0.0 { sum } else { sum * f64::from(slope) }) as f32
            })
            .collect()
    }

    /// By the plan's choice, and by every kernel that fits.
    fn check(&self) {
        check_kernels(&self.model(), &self.input, &self.reference(), &format!("{:?}", self.params));
    }
}

/// Every kernel for numbers runs in these tests, on every instruction set: there is a problem that it fits.
#[test]
fn every_kernel_has_a_problem() {
    let conv = ConvProblem::new(Conv2dParams::same(4, 16, [3, 3]), [8, 8], 0.5, 1);
    let pooled = |problem: &ConvProblem| {
        let [channels, h, w] = [problem.params.in_channels, problem.size[0], problem.size[1]];
        let p = problem.params;
        let mut builder = ModelBuilder::new(&[channels, h, w]);
        let weight = builder.dense("weight", &p.weight_shape(), problem.weight.clone());
        builder.push("conv", Op::Conv2d { params: p, weight, scale: None, bias: None, prelu: None });
        builder.push("pool", Op::MaxPool2d { params: Pool2dParams::THESIS });
        builder.finish().unwrap()
    };
    let mut linear = LinearProblem::new(40, 70, 0.4, 1);
    let models = [conv.model(), pooled(&conv), linear.model(), shared_values(&mut linear, 5)];
    for isa in IsaKind::available() {
        for kernel in Plan::kernels().filter(|kernel| kernel.starts_with("f32_")) {
            let fits = |model| runs(&Plan::with_kernel(model, isa, kernel).unwrap(), kernel);
            assert!(models.iter().any(fits), "{kernel} on {isa}");
        }
    }
    assert!(matches!(
        Plan::with_kernel(&models[0], IsaKind::Scalar, "f32_abacus"),
        Err(PlanError::UnknownKernel { kernel }) if kernel == "f32_abacus"
    ));
}

#[test]
fn available_are_scalar_and_what_the_target_has_for_sure() {
    let available = IsaKind::available();
    assert_eq!(available[0], IsaKind::Scalar);
    assert_eq!(available.contains(&IsaKind::Neon), cfg!(all(target_arch = "aarch64", target_feature = "neon")));
    assert_eq!(available.contains(&IsaKind::Simd128), cfg!(all(target_arch = "wasm32", target_feature = "simd128")));
}

#[test]
fn convolutions_with_pixel_tails_and_channel_tails() {
    for density in [1.0, 0.4] {
        // Flat pixels from 0 to 2 lanes beyond a whole tile, channels around the tile.
        for (i, width) in (1..=34).enumerate() {
            let params = Conv2dParams::same(1 + i % 3, 1 + i % 5, [3, 3]);
            ConvProblem::new(params, [1 + i % 4, width], density, i as u64).check();
        }
        for kernel in [[1, 1], [3, 1], [1, 3], [5, 3], [2, 2]] {
            let params = Conv2dParams::same(5, 7, kernel);
            ConvProblem::new(params, [11, 13], density, 1).check();
        }
    }
}

#[test]
fn winograd_s_tiles_with_channel_tails() {
    for (i, out_channels) in [47, 65, 70].into_iter().enumerate() {
        for (kernel, size, name) in [
            ([3, 3], [12, 20], "f32_winograd_4x4"),
            ([3, 3], [6, 10], "f32_winograd_2x2"),
            ([3, 1], [12, 17], "f32_winograd_4x1"),
            ([3, 1], [6, 16], "f32_winograd_2x1"),
            ([1, 3], [9, 20], "f32_winograd_1x4"),
            ([1, 3], [5, 30], "f32_winograd_1x2"),
        ] {
            let params = Conv2dParams::same(14 + i, out_channels, kernel);
            ConvProblem::new(params, size, 1.0, i as u64).check_with(name);
        }
    }
}

#[test]
fn winograd_s_tiles_in_several_blocks_and_with_other_paddings() {
    ConvProblem::new(Conv2dParams::same(100, 20, [3, 3]), [24, 64], 1.0, 2).check_with("f32_winograd_4x4");
    for (padding, size) in [([0, 0], [14, 18]), ([2, 2], [14, 14]), ([0, 1], [10, 36])] {
        let params = Conv2dParams { padding, ..Conv2dParams::same(64, 40, [3, 3]) };
        ConvProblem::new(params, size, 1.0, 3).check_with("f32_winograd_4x4");
    }
}

#[test]
fn zeros_in_blocks_of_output_channels() {
    for (kernel, width, out_channels) in [([3, 1], 5, 16), ([1, 3], 13, 15), ([3, 3], 33, 19), ([1, 1], 110, 4)] {
        let params = Conv2dParams::same(24, out_channels, kernel);
        let mut problem = ConvProblem::new(params, [5, width], 1.0, 4);
        let columns = problem.weight.len() / out_channels;
        let kept = Rng(6).sparse_values(out_channels.div_ceil(4) * columns, 0.35);
        for (i, weight) in problem.weight.iter_mut().enumerate() {
            let block = i / columns / 4 * columns + i % columns;
            *weight = if kept[block] == 0.0 { 0.0 } else { *weight };
        }
        problem.check_with("f32_bspmm_4x");
    }
}

#[test]
fn sparse_convolution_in_several_blocks_of_input_channels() {
    for channels in [100, 300] {
        ConvProblem::new(Conv2dParams::same(channels, 6, [3, 1]), [12, 12], 0.3, 5).check();
    }
}

#[test]
fn matrices_of_zeros_and_empty_rows() {
    ConvProblem::new(Conv2dParams::same(3, 4, [3, 3]), [5, 5], 0.0, 7).check();
    ConvProblem::new(Conv2dParams::same(3, 40, [1, 1]), [5, 5], 0.05, 7).check();
    LinearProblem::new(20, 30, 0.0, 7).check();
    LinearProblem::new(20, 300, 0.02, 7).check();
}

#[test]
fn linear_layers_around_the_panel() {
    for out_features in [1, 31, 63, 64, 65, 100, 128, 129] {
        for (in_features, density) in [(1, 1.0), (37, 1.0), (37, 0.3), (300, 0.5)] {
            LinearProblem::new(in_features, out_features, density, 11).check();
        }
    }
}

#[test]
fn inputs_wider_than_16_bit_indices() {
    LinearProblem::new(70_000, 3, 0.1, 3).check();
}

#[test]
fn poolings() {
    let windows = [([3, 3], [2, 2]), ([2, 2], [2, 2]), ([3, 2], [1, 3])];
    for (kernel_size, stride) in windows {
        for ceil_mode in [true, false] {
            for (h, w) in [(3, 3), (6, 6), (7, 9), (12, 12), (5, 35), (33, 67), (48, 48)] {
                let params = Pool2dParams { kernel_size, stride, ceil_mode };
                let input: Vec<f32> = Rng(1).values(3 * h * w).iter().map(|v| v - 1.5).collect();
                let mut builder = ModelBuilder::new(&[3, h, w]);
                builder.push("pool", Op::MaxPool2d { params });
                let model = builder.finish().unwrap();

                let [oh, ow] = params.output_size([h, w]).unwrap();
                let mut want = Vec::new();
                for c in 0..3 {
                    for (y, x) in (0..oh).flat_map(|y| (0..ow).map(move |x| (y, x))) {
                        let rows = y * stride[0]..(y * stride[0] + kernel_size[0]).min(h);
                        let columns = x * stride[1]..(x * stride[1] + kernel_size[1]).min(w);
                        let window = rows.flat_map(|y| columns.clone().map(move |x| (c * h + y) * w + x));
                        want.push(window.map(|i| input[i]).fold(f32::NEG_INFINITY, f32::max));
                    }
                }
                for isa in IsaKind::available() {
                    assert_eq!(run(&model, isa, &input), want, "{isa} {params:?} on {h}x{w}");
                }
            }
        }
    }
}

#[test]
fn convolution_and_pooling_in_one_pass() {
    for (i, (h, w)) in
        [(1, 1), (1, 5), (2, 2), (3, 4), (6, 6), (7, 9), (12, 35), (33, 67), (96, 96)].into_iter().enumerate()
    {
        for ceil_mode in [true, false] {
            let conv = Conv2dParams::same(1 + i % 2, 3 + i, [3, 3]);
            let pool = Pool2dParams { kernel_size: [3, 3], stride: [2, 2], ceil_mode };
            let Some(_) = pool.output_size([h, w]) else { continue };
            let problem = ConvProblem::new(conv, [h, w], 1.0, i as u64);
            let mut builder = problem.model().edit();
            let conv = builder.last();
            let pooled = builder.push("pool", Op::MaxPool2d { params: pool });
            let mut with_outputs = |outputs: &[ValueId]| {
                builder.set_outputs(outputs.to_vec());
                builder.clone().finish().unwrap()
            };
            // With its output wanted too, the convolution is a step of its own.
            let [model, two] = [&[pooled][..], &[pooled, conv]].map(&mut with_outputs);
            for isa in IsaKind::available() {
                let found = run_with(&model, isa, "f32_conv_pool", &problem.input).expect("one pass");
                assert!(!runs(&Plan::with_kernel(&two, isa, "f32_conv_pool").unwrap(), "f32_conv_pool"));
                assert_close(&found, &run(&two, isa, &problem.input), 1e-6, &format!("{isa} {h}x{w}"));
            }
        }
    }
}

#[test]
fn softmax_is_a_distribution() {
    let mut builder = ModelBuilder::new(&[5]);
    builder.push("softmax", Op::Softmax);
    let model = builder.finish().unwrap();
    let input = [1000.0, 999.0, 0.0, -1e30, 998.0];
    let weights: Vec<f64> = input.iter().map(|&x| f64::from(x - 1000.0f32).exp()).collect();
    let sum: f64 = weights.iter().sum();
    let want: Vec<f32> = weights.iter().map(|w| (w / sum) as f32).collect();
    assert_close(&run(&model, IsaKind::Scalar, &input), &want, 1e-6, "softmax");
}

#[test]
fn sparse_and_codebook_weights_equal_their_dense_twins() {
    let problem = ConvProblem::new(Conv2dParams::same(6, 9, [3, 3]), [10, 10], 0.3, 9);
    let centres: Vec<f32> = (0..7).map(|i| i as f32 * 0.25 - 0.75).collect();
    let shape = problem.params.weight_shape();
    let twin = |weight: Weight| {
        let mut model = problem.model().edit();
        *model.weight_mut(WeightId(0)) = weight;
        model.finish().unwrap()
    };
    let sparse = Weight::sparse("weight", &shape, &problem.weight);
    let WeightData::Sparse { pattern, values } = &sparse.data else { panic!("not sparse") };
    let labels = (0..values.len()).map(|i| (i % 7) as u8).collect();
    let codebook = Weight::new("weight", &shape, WeightData::Codebook { pattern: pattern.clone(), centres, labels });
    for weight in [sparse, codebook] {
        let dense = Weight::dense("weight", &shape, weight.to_dense());
        for isa in IsaKind::available() {
            let found = run(&twin(weight.clone()), isa, &problem.input);
            assert_eq!(found, run(&twin(dense.clone()), isa, &problem.input), "{isa}");
        }
    }
}

/// The layer with so many values that repeat, and a factor for each row that is not multiplied into them; the problem becomes
/// the same.
fn shared_values(problem: &mut LinearProblem, centres: usize) -> Model {
    let LinearParams { in_features, out_features } = problem.params;
    let shape = [out_features, in_features];
    let sparse = Weight::sparse("weight", &shape, &problem.weight);
    let WeightData::Sparse { pattern, values } = sparse.data else { panic!("not sparse") };
    let labels = (0..values.len()).map(|i| (i % centres) as u8).collect();
    let centres = (0..centres).map(|i| i as f32 * 0.125 + 0.25).collect();
    let codebook = Weight::new("weight", &shape, WeightData::Codebook { pattern, centres, labels });
    problem.weight = codebook.to_dense();
    let mut model = problem.model().edit();
    *model.weight_mut(WeightId(0)) = codebook;
    let factors = Rng(3).values(out_features);
    let id = model.dense("scale", &[out_features], factors.clone());
    let Op::Linear { scale, .. } = model.op_mut(0) else { panic!("not a linear layer") };
    *scale = Some(id);
    for (row, factor) in problem.weight.chunks_mut(in_features).zip(factors) {
        row.iter_mut().for_each(|v| *v *= factor);
    }
    model.finish().unwrap()
}

#[test]
fn few_shared_values_of_a_linear_layer_stay_labels() {
    for (outputs, centres, few) in [(64, 31, true), (126, 2, true), (128, 40, false)] {
        let mut problem = LinearProblem::new(37, outputs, 0.7, 13);
        let model = shared_values(&mut problem, centres);
        check_kernels(&model, &problem.input, &problem.reference(), &format!("{centres} centres, {outputs}"));
        for isa in IsaKind::available() {
            let plan = Plan::with_isa(&model, isa).unwrap();
            assert_eq!(runs(&plan, "f32_gemv_u8"), few, "{isa} {centres}\n{plan}");
        }
    }
}

#[test]
fn a_scale_multiplies_the_weights() {
    for density in [1.0, 0.3] {
        let mut conv = ConvProblem::new(Conv2dParams::same(4, 8, [3, 3]), [6, 6], density, 21);
        let mut linear = LinearProblem::new(40, 64, density, 21);
        let (conv_model, linear_model) = (conv.model(), linear.model());
        for (model, weight, input, rows) in
            [(conv_model, &mut conv.weight, &conv.input, 8), (linear_model, &mut linear.weight, &linear.input, 64)]
        {
            let factors = Rng(3).values(rows);
            let mut builder = model.clone().edit();
            let id = builder.dense("scale", &[rows], factors.clone());
            match builder.op_mut(0) {
                Op::Conv2d { scale, .. } | Op::Linear { scale, .. } => *scale = Some(id),
                _ => unreachable!("a layer with a matrix"),
            }
            let columns = weight.len() / rows;
            for (values, factor) in weight.chunks_mut(columns).zip(factors) {
                values.iter_mut().for_each(|v| *v *= factor);
            }
            let mut twin = model.edit();
            twin.weight_mut(WeightId(0)).data = WeightData::Dense(weight.clone());
            let [model, twin] = [builder, twin].map(|model| model.finish().unwrap());
            for isa in IsaKind::available() {
                // A sparse linear layer multiplies the sums, the others their weights.
                assert_close(&run(&model, isa, input), &run(&twin, isa, input), 1e-5, isa.name());
            }
        }
    }
}

#[cfg(not(target_family = "wasm"))]
fn conv_problems() -> impl Strategy<Value = ConvProblem> {
    let sizes = (1usize..9, 1usize..9, [1usize..4, 1usize..4], [1usize..3, 1usize..3], [0usize..3, 0usize..3]);
    (sizes, [1usize..14, 1usize..30], 0.0..1.0f64, any::<u64>()).prop_filter_map(
        "the kernel fits the input",
        |((in_channels, out_channels, kernel_size, stride, padding), size, density, seed)| {
            let padding = [padding[0].min(kernel_size[0] - 1), padding[1].min(kernel_size[1] - 1)];
            let params = Conv2dParams { in_channels, out_channels, kernel_size, stride, padding };
            params.output_size(size)?;
            Some(ConvProblem::new(params, size, density, seed))
        },
    )
}

#[cfg(not(target_family = "wasm"))]
proptest! {
    #[test]
    fn any_convolution(problem in conv_problems()) {
        problem.check();
    }

    #[test]
    fn any_linear_layer(i in 1usize..80, o in 1usize..150, density in 0.0..1.0f64, seed: u64) {
        LinearProblem::new(i, o, density, seed).check();
    }
}
