//! Sparse layers of the runtime against an independent reference: the weight in compressed rows (sprs), times the
//! patches of the image as columns, in f64. A weight with zeros must give the same whether it is stored dense, sparse or
//! as a codebook.

use hccr_compress::Codebook;
use hccr_constraint::Constraint;
use hccr_random::Rng;
use hccr_runtime::shape::{Conv2dParams, LinearParams};
use hccr_runtime::{IsaKind, ModelBuilder, Op, Plan, Session, Weight, WeightData, WeightId};
use hccr_tensor::{Window, im2col};
use ndarray::{ArrayView2, ArrayViewMut2};
use sprs::CsMat;
use sprs::prod::csr_mulacc_dense_rowmaj;
use std::sync::Arc;

const DENSITIES: [f32; 5] = [0.0, 0.05, 0.3, 0.7, 1.0];
/// Largest difference allowed, as a share of the largest output: that of Winograd's algorithm in single precision with
/// tiles of 4x4, which the plan takes for convolutions that are dense enough. Sums of the products themselves keep to a
/// fifth of it.
const TOLERANCE: f64 = 1e-5;

/// A layer with its input, and what it must give.
struct Problem {
    name: String,
    input_shape: Vec<usize>,
    input: Vec<f32>,
    weight_shape: Vec<usize>,
    weight: Vec<f32>,
    bias: Vec<f32>,
    op: Box<dyn Fn(WeightId, WeightId) -> Op>,
    want: Vec<f64>,
}

/// Weights of 15 different values, about the share `density` of them not zero.
fn draw_weight(rng: &mut Rng, len: usize, density: f32) -> Vec<f32> {
    (0..len).map(|_| if rng.chance(density) { (1 + rng.below(15)) as f32 * 0.125 - 1.0625 } else { 0.0 }).collect()
}

fn draw(rng: &mut Rng, len: usize) -> Vec<f32> {
    (0..len).map(|_| rng.normal()).collect()
}

fn to_f64(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| v.into()).collect()
}

/// `weight * columns + bias`, one row per output channel.
fn reference(weight: &[f32], columns: &[f64], pixels: usize, bias: &[f32]) -> Vec<f64> {
    let (rows, inner) = (bias.len(), weight.len() / bias.len());
    let weight = to_f64(weight);
    let weight = ArrayView2::from_shape((rows, inner), &weight).expect("rows of one length");
    let csr = CsMat::csr_from_dense(weight, 0.0);
    let mut product = vec![0.0; rows * pixels];
    let columns = ArrayView2::from_shape((inner, pixels), columns).expect("a row per column of the weight");
    let out = ArrayViewMut2::from_shape((rows, pixels), &mut product).expect("as many elements");
    csr_mulacc_dense_rowmaj(csr.view(), columns, out);
    for (row, &bias) in product.chunks_exact_mut(pixels).zip(bias) {
        row.iter_mut().for_each(|v| *v += f64::from(bias));
    }
    product
}

fn convolution(params: Conv2dParams, size: [usize; 2], density: f32, rng: &mut Rng) -> Problem {
    let output = params.output_size(size).expect("a kernel that fits");
    let Conv2dParams { in_channels, out_channels, kernel_size, stride, padding } = params;
    let (plane, pixels) = (size[0] * size[1], output[0] * output[1]);
    let input = draw(rng, in_channels * plane);
    let weight = draw_weight(rng, params.weight_shape().iter().product(), density);
    let bias = draw(rng, out_channels);
    let window = Window { kernel: kernel_size, stride, padding, input: size, output };
    let mut columns = vec![0.0; in_channels * kernel_size[0] * kernel_size[1] * pixels];
    im2col(&window, &to_f64(&input), in_channels, 1, 0..output[0], &mut columns);
    Problem {
        name: format!("{params:?} on {size:?} at density {density}"),
        input_shape: vec![in_channels, size[0], size[1]],
        weight_shape: params.weight_shape().to_vec(),
        want: reference(&weight, &columns, pixels, &bias),
        op: Box::new(move |weight, bias| Op::Conv2d { params, weight, scale: None, bias: Some(bias), prelu: None }),
        input,
        weight,
        bias,
    }
}

fn linear(params: LinearParams, density: f32, rng: &mut Rng) -> Problem {
    let LinearParams { in_features, out_features } = params;
    let input = draw(rng, in_features);
    let weight = draw_weight(rng, in_features * out_features, density);
    let bias = draw(rng, out_features);
    Problem {
        name: format!("{params:?} at density {density}"),
        input_shape: vec![in_features],
        weight_shape: vec![out_features, in_features],
        want: reference(&weight, &to_f64(&input), 1, &bias),
        op: Box::new(move |weight, bias| Op::Linear { params, weight, scale: None, bias: Some(bias), prelu: None }),
        input,
        weight,
        bias,
    }
}

impl Problem {
    /// The largest difference from the reference as a share of the largest output, over every way to store the weight
    /// and every instruction set.
    fn largest_difference(&self) -> f64 {
        let shape = &self.weight_shape;
        let labels = Codebook::new(&self.weight, 8).expect("few different values").labels;
        let stored = [
            Weight::dense("w", shape, self.weight.clone()),
            Weight::sparse("w", shape, &self.weight),
            Constraint::Shared(labels).weight("w", shape, &self.weight),
        ];
        assert!(matches!(stored[1].data, WeightData::Sparse { .. }));
        assert!(matches!(stored[2].data, WeightData::Codebook { .. }));
        let scale = self.want.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        let mut largest = 0.0f64;
        for weight in stored {
            let mut b = ModelBuilder::new(&self.input_shape);
            let weight = b.weight(weight);
            let bias = b.dense("b", &[self.bias.len()], self.bias.clone());
            b.push("layer", (self.op)(weight, bias));
            let model = b.finish().expect("a valid model");
            for isa in IsaKind::available() {
                let plan = Plan::with_isa(&model, isa).expect("a valid model");
                let mut session = Session::new(Arc::new(plan));
                let found = session.run(&self.input).expect("an input of the layer's shape");
                assert_eq!(found.len(), self.want.len(), "{}", self.name);
                let difference =
                    found.iter().zip(&self.want).fold(0.0f64, |d, (&y, want)| d.max((f64::from(y) - want).abs()));
                assert!(difference <= TOLERANCE * scale, "{isa}: {difference} of {scale} for {}", self.name);
                largest = largest.max(difference / scale);
            }
        }
        largest
    }
}

#[test]
fn convolutions_agree_with_the_csr_reference() {
    let mut rng = Rng::new(11, 0);
    let mut largest = 0.0f64;
    for density in DENSITIES {
        // The low-rank pair, the plain kernel, and what is neither: strides, even kernels, uneven padding.
        for kernel in [[3, 1], [1, 3], [3, 3], [1, 1]] {
            for (channels, size) in [([1, 8], [12, 17]), ([13, 21], [6, 6]), ([24, 5], [3, 3]), ([7, 40], [24, 24])] {
                let params = Conv2dParams::same(channels[0], channels[1], kernel);
                largest = largest.max(convolution(params, size, density, &mut rng).largest_difference());
            }
        }
        for (kernel_size, stride, padding) in
            [([3, 3], [2, 2], [1, 1]), ([2, 4], [1, 3], [1, 2]), ([5, 2], [3, 1], [0, 1])]
        {
            let params = Conv2dParams { in_channels: 6, out_channels: 11, kernel_size, stride, padding };
            largest = largest.max(convolution(params, [13, 19], density, &mut rng).largest_difference());
        }
    }
    println!("largest difference {largest:.1e} of the largest output");
}

#[test]
fn fully_connected_layers_agree_with_the_csr_reference() {
    let mut rng = Rng::new(12, 0);
    let mut largest = 0.0f64;
    for density in DENSITIES {
        for (in_features, out_features) in [(1, 1), (7, 33), (64, 16), (129, 50), (288, 100)] {
            let params = LinearParams { in_features, out_features };
            largest = largest.max(linear(params, density, &mut rng).largest_difference());
        }
    }
    println!("largest difference {largest:.1e} of the largest output");
}
