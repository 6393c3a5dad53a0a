//! The online network: a stack of LSTMs.

use hccr_nn_train::layers::{Dropout, Linear, MeanOverTime};
use hccr_nn_train::{Layer, Network, NetworkError};
use hccr_random::Rng;
use hccr_runtime::ink::{FEATURES, Step};
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

/// A network that reads `steps_at_once` steps together, as one of its own, from one that reads one at a time.
///
/// It begins with reading them as the last of them, with the way of all and the pen lifted if it was on any way: as an ink with fewer
/// points. Training goes on from there.
///
/// # Errors
/// Where the network does not begin with a fully connected layer over steps.
pub fn reading_at_once(network: Network<f32>, steps_at_once: usize) -> Result<Network<f32>, NetworkError> {
    network.with_features(FEATURES * steps_at_once, |row| {
        let Ok(last) = Step::try_from(row) else { return Vec::new() };
        let [_, _, dx, dy, same_stroke, new_stroke] = last;
        let before = [0.0, 0.0, dx, dy, 0.0, new_stroke - same_stroke];
        let mut row = before.repeat(steps_at_once - 1);
        row.extend(last);
        row
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hccr_nn_train::{Batch, Mode};

    #[test]
    fn two_steps_at_once_are_read_as_their_sum_at_first() {
        let network = lstm2(5, [4, 6], 0.0, &mut Rng::new(1, 0)).expect("layers with units");
        let mut pairs = reading_at_once(network.clone(), 2).expect("a network over steps");
        let mut network = network;
        let steps: [Step; 4] = [
            [0.1, 0.2, 0.0, 0.0, 0.0, 1.0],
            [0.3, 0.1, 0.2, -0.1, 1.0, 0.0],
            [0.4, 0.4, 0.1, 0.3, 1.0, 0.0],
            [-0.5, 0.2, -0.9, -0.2, 0.0, 1.0],
        ];
        let sums: [Step; 2] = [[0.3, 0.1, 0.2, -0.1, 0.0, 1.0], [-0.5, 0.2, -0.8, 0.1, 0.0, 1.0]];
        let answer = |network: &mut Network<f32>, rows: &[f32]| {
            let batch = Batch::from_sequences(&[rows], network.input[0]);
            network.forward(batch, Mode::Eval).vectors()
        };
        let [want, got] = [answer(&mut network, sums.as_flattened()), answer(&mut pairs, steps.as_flattened())];
        assert!(want[0].iter().zip(&got[0]).all(|(want, got)| (want - got).abs() < 1e-5), "{want:?} {got:?}");
        assert!(reading_at_once(pairs, 2).is_err(), "it reads pairs already");
    }
}
