//! The thesis's offline network, HCCR-CNN9Layer, at any width.

use hccr_data::IMAGE_SIZE;
use hccr_nn_train::layers::{Conv2d, Dropout, Flatten, Linear, NormPReluPool};
use hccr_nn_train::{Layer, Network, NetworkError};
use hccr_random::Rng;
use hccr_runtime::shape::{Conv2dParams, LinearParams, Pool2dParams};
use hccr_tensor::Scalar;

/// Name, output channels at full width, and whether a max pooling follows.
pub(super) const CONVOLUTIONS: [(&str, usize, bool); 7] = [
    ("conv1", 96, true),
    ("conv2", 128, true),
    ("conv3", 160, true),
    ("conv4_1", 256, false),
    ("conv4_2", 256, true),
    ("conv5_1", 384, false),
    ("conv5_2", 384, true),
];
/// Features of the first fully connected layer at full width.
const FC1_FEATURES: usize = 1024;

/// HCCR-CNN9Layer with every layer's width multiplied by `width` (1 is the thesis's) and rounded to multiples of 8.
///
/// Input 1 x 96 x 96. Every convolution is 3x3, stride 1, padding 1, then batch normalization without affine parameters,
/// PRelu with one slope per channel, and in five places the thesis's pooling. The convolutions have no bias: the mean
/// that batch normalization subtracts would cancel it.
///
/// # Errors
/// Where `width` leaves a layer without channels.
pub fn cnn9<T: Scalar>(classes: usize, width: f32, dropout: f32, rng: &mut Rng) -> Result<Network<T>, NetworkError> {
    let scaled = |channels: usize| ((channels as f32 * width / 8.0).round() as usize).max(1) * 8;
    let mut network = Network::new([1, IMAGE_SIZE, IMAGE_SIZE]);
    let mut in_channels = 1;
    for (name, channels, pool) in CONVOLUTIONS {
        let out_channels = scaled(channels);
        let params = Conv2dParams::same(in_channels, out_channels, [3, 3]);
        network.push(Layer::Conv2d(Conv2d::new(name, params, false, rng)))?;
        let norm = NormPReluPool::new(&format!("{name}.act"), out_channels).with_norm(false).with_prelu();
        network.push(Layer::Norm(if pool { norm.with_pool(Pool2dParams::THESIS) } else { norm }))?;
        in_channels = out_channels;
    }
    network.push(Layer::Flatten(Flatten::default()))?;
    let [in_features, ..] = *network.shapes().last().expect("layers were pushed above");
    let out_features = scaled(FC1_FEATURES);
    network.push(Layer::Linear(Linear::new("fc1", LinearParams { in_features, out_features }, rng)))?;
    network.push(Layer::Norm(NormPReluPool::new("fc1.act", out_features).with_norm(false).with_prelu()))?;
    network.push(Layer::Dropout(Dropout::new("dropout", dropout)))?;
    let params = LinearParams { in_features: out_features, out_features: classes };
    network.push(Layer::Linear(Linear::new("fc2", params, rng)))?;
    Ok(network)
}
