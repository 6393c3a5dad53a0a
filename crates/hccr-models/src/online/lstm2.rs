//! The online network: a stack of LSTMs.

use hccr_nn_train::layers::{Dropout, Linear, MeanOverTime};
use hccr_nn_train::{Layer, Network, NetworkError};
use hccr_random::Rng;
use hccr_runtime::ink::FEATURES;
use hccr_runtime::shape::LinearParams;

/// Two LSTM layers over the steps of an ink, the mean of their outputs over time, and a fully connected layer.
///
/// Input: sequences of six features per step ([`hccr_runtime::ink::Step`]). Names: `lstm1_x`, `lstm1_h`, `lstm2_x`, `lstm2_h`,
/// `fc`. The thesis's stacked LSTM; its sizes are not published, 100 and 512 units are one fit.
///
/// # Errors
/// Where a size is zero.
pub fn lstm2(
    classes: usize,
    hidden_sizes: [usize; 2],
    dropout: f32,
    rng: &mut Rng,
) -> Result<Network<f32>, NetworkError> {
    let mut network = Network::of_sequences(FEATURES);
    let mut in_features = FEATURES;
    for (name, hidden_size) in ["lstm1", "lstm2"].into_iter().zip(hidden_sizes) {
        for layer in Layer::lstm(name, in_features, hidden_size, rng) {
            network.push(layer)?;
        }
        in_features = hidden_size;
    }
    network.push(Layer::MeanOverTime(MeanOverTime::default()))?;
    network.push(Layer::Dropout(Dropout::new("dropout", dropout)))?;
    network.push(Layer::Linear(Linear::new("fc", LinearParams { in_features, out_features: classes }, rng)))?;
    Ok(network)
}
