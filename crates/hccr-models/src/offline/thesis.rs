//! The thesis's full-size network as a structure: its shapes, ranks, densities and codebooks, with random weights.
//!
//! It shows what the network costs (bytes, multiply-accumulates, time); untrained, it recognizes nothing.

use crate::thesis::{Compressed, ThesisForm, weight};
use hccr_compress::{QuantizeError, quantize};
use hccr_data::IMAGE_SIZE;
use hccr_data::gb2312::gb2312_level1;
use hccr_random::Rng;
use hccr_runtime::shape::{Conv2dParams, LinearParams, Pool2dParams};
use hccr_runtime::{Model, ModelBuilder, Op};

/// Classes of the thesis's network: GB2312 level 1.
const CLASSES: usize = 3755;

/// A low-rank pair: its rank, and the densities (percent) that pruning left.
type LowRank = (usize, [f32; 2]);

/// Name, output channels, pooling after it, and the low-rank pair that it became: read from the released model.
const CONVOLUTIONS: [(&str, usize, bool, Option<LowRank>); 7] = [
    ("conv1", 96, true, None),
    ("conv2", 128, true, Some((40, [36.9, 42.7]))),
    ("conv3", 160, true, Some((51, [33.6, 41.9]))),
    ("conv4_1", 256, false, Some((69, [35.3, 37.6]))),
    ("conv4_2", 256, true, Some((89, [39.6, 39.1]))),
    ("conv5_1", 384, false, Some((102, [40.0, 35.3]))),
    ("conv5_2", 384, true, Some((123, [33.9, 37.0]))),
];
/// Name, output features and density (percent) of the fully connected layers.
const LINEARS: [(&str, usize, f32); 2] = [("fc1", 1024, 14.2), ("fc2", CLASSES, 35.1)];
/// Non-zero centres of a convolution's and of a fully connected layer's codebook, 6 and 5 bits with the zero; even numbers,
/// so that none of the evenly spaced centres is zero itself.
const CENTRES: [usize; 2] = [60, 30];
/// Random images that the ranges of values are measured on.
const QUANTIZED_FOR: usize = 4;

/// The thesis's network with random weights, batch normalization folded as graph optimization leaves it: 593.96 M multiply-accumulates,
/// 152.0 M after GSLRE, and 62.98 M on non-zeros after pruning and weight sharing.
pub fn thesis_network(form: ThesisForm, seed: u64) -> Model {
    let mut rng = Rng::new(seed, 0x7e515);
    let mut b = ModelBuilder::new(&[1, IMAGE_SIZE, IMAGE_SIZE]);
    let levels: Vec<f32> = (0..IMAGE_SIZE * IMAGE_SIZE).map(|_| rng.below(32) as f32).collect();
    let mean = b.dense("mean", &[1, IMAGE_SIZE, IMAGE_SIZE], levels);
    b.push("mean", Op::SubtractMean { mean });
    let compressed = |density, centres| form.block().map(|block| Compressed { density, block, centres });
    let (mut in_channels, mut side) = (1, IMAGE_SIZE);
    for (name, out_channels, pool, low_rank) in CONVOLUTIONS {
        match low_rank.filter(|_| form != ThesisForm::Baseline) {
            None => conv(&mut b, &mut rng, name, Conv2dParams::same(in_channels, out_channels, [3, 3]), None, true),
            Some((rank, densities)) => {
                let [v, h] = densities.map(|density| compressed(density, CENTRES[0]));
                let vertical = Conv2dParams::same(in_channels, rank, [3, 1]);
                conv(&mut b, &mut rng, &format!("{name}_v"), vertical, v, false);
                let horizontal = Conv2dParams::same(rank, out_channels, [1, 3]);
                conv(&mut b, &mut rng, &format!("{name}_h"), horizontal, h, true);
            }
        }
        if pool {
            b.push(format!("{name}.pool"), Op::MaxPool2d { params: Pool2dParams::THESIS });
            side = side.div_ceil(2);
        }
        in_channels = out_channels;
    }
    b.push("flatten", Op::Flatten);
    let mut in_features = in_channels * side * side;
    for (name, out_features, density) in LINEARS {
        let params = LinearParams { in_features, out_features };
        let shape = [out_features, in_features];
        let weight = b.weight(weight(&mut rng, name, &shape, compressed(density, CENTRES[1])));
        let bias = Some(vector(&mut b, &mut rng, name, "bias", out_features));
        let prelu = (name == "fc1").then(|| vector(&mut b, &mut rng, name, "slope", out_features));
        b.push(name, Op::Linear { params, weight, scale: None, bias, prelu });
        in_features = out_features;
    }
    b.set_labels(gb2312_level1());
    b.finish().expect("the thesis's network is valid")
}

/// The network `model` of images, such as [`thesis_network`]'s, quantized for random images: ink of all greys on one half of
/// the pixels.
///
/// # Errors
/// As [`quantize`], for a model that cannot be.
pub fn quantized_for_noise(model: &Model, seed: u64) -> Result<Model, QuantizeError> {
    let mut rng = Rng::new(seed, 0x8b17);
    let pixels: usize = model.inputs().iter().flatten().product();
    let mut image = || (0..pixels).map(|_| rng.range(-255.0, 255.0).max(0.0)).collect();
    let images: Vec<Vec<f32>> = (0..QUANTIZED_FOR).map(|_| image()).collect();
    quantize(model, &images)
}

fn conv(
    b: &mut ModelBuilder,
    rng: &mut Rng,
    name: &str,
    params: Conv2dParams,
    compressed: Option<Compressed>,
    prelu: bool,
) {
    let weight = b.weight(weight(rng, name, &params.weight_shape(), compressed));
    let bias = Some(vector(b, rng, name, "bias", params.out_channels));
    let prelu = prelu.then(|| vector(b, rng, name, "slope", params.out_channels));
    b.push(name, Op::Conv2d { params, weight, scale: None, bias, prelu });
}

fn vector(b: &mut ModelBuilder, rng: &mut Rng, layer: &str, what: &str, len: usize) -> hccr_runtime::WeightId {
    let values = (0..len).map(|_| rng.range(0.1, 0.4)).collect();
    b.dense(format!("{layer}.{what}"), &[len], values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hccr_runtime::WeightData;

    #[test]
    fn costs_are_the_thesis_s() {
        let cost = |stage| {
            let costs = thesis_network(stage, 1).costs();
            let sum = |f: fn(&hccr_runtime::LayerCost) -> u64| costs.iter().map(f).sum::<u64>();
            [sum(|c| c.dense_macs), sum(|c| c.nonzero_macs), sum(|c| c.weights as u64), sum(|c| c.nonzeros as u64)]
        };
        let [macs, _, weights, _] = cost(ThesisForm::Baseline);
        assert_eq!((macs / 10_000, weights), (59_396, 10_850_144));
        let [macs, _, weights, _] = cost(ThesisForm::LowRank);
        assert_eq!((macs / 100_000, weights), (1_519, 8_157_920));
        for stage in [ThesisForm::Compressed, ThesisForm::BlockCompressed { block: [8, 4].into() }] {
            let [_, macs, _, nonzeros] = cost(stage);
            // The densities are printed to three digits.
            assert!((62_900_000..63_060_000).contains(&macs), "{stage:?}: {macs}");
            assert!((2_130_000..2_148_000).contains(&nonzeros), "{stage:?}: {nonzeros}");
        }
    }

    #[test]
    fn the_quantized_network_has_the_shapes_and_codebooks_of_the_network() {
        let model = thesis_network(ThesisForm::Compressed, 1);
        let quantized = quantized_for_noise(&model, 1).unwrap();
        let rounding = quantized.nodes().iter().filter(|node| matches!(node.op, Op::FakeQuantize { .. })).count();
        // One before each of 13 convolutions and 2 fully connected layers.
        assert_eq!((rounding, quantized.nodes().len()), (15, model.nodes().len() + 15));
        let [before, after] = [&model, &quantized].map(|model| model.costs());
        assert!(before.iter().zip(&after).all(|(a, b)| (&a.name, a.weights) == (&b.name, b.weights)));
        assert!(quantized.to_bytes().len() < model.to_bytes().len() + 1000);
    }

    #[test]
    fn zeros_stand_in_blocks() {
        let model = thesis_network(ThesisForm::BlockCompressed { block: [4, 2].into() }, 1);
        let mut layers = 0;
        for weight in model.weights() {
            let WeightData::Codebook { pattern, .. } = &weight.data else { continue };
            let taps: usize = weight.shape[2..].iter().product();
            // Places of the channels and taps that a row reads.
            let places =
                |row| pattern.indices[pattern.row(row)].iter().map(|&c| (c as usize / taps, c as usize % taps));
            for row in 0..weight.rows() {
                let mut pairs: Vec<_> = places(row).map(|(channel, tap)| (channel / 2, tap)).collect();
                pairs.sort_unstable();
                pairs.dedup();
                let channels = weight.shape[1];
                let filled = pairs.iter().map(|&(pair, _)| 2.min(channels - 2 * pair)).sum::<usize>();
                assert_eq!(places(row).count(), filled, "row {row} of {}", weight.name);
                assert!(places(row).eq(places(row - row % 4)), "row {row} of {}", weight.name);
            }
            layers += 1;
        }
        assert_eq!(layers, 14);
    }
}
