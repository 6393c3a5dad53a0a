//! An online network of the thesis's size as a structure, with random weights.
//!
//! It shows what such a network costs (bytes, multiply-accumulates, time); untrained, it recognizes nothing.

use crate::thesis::{Compressed, ThesisForm, weight};
use hccr_compress::Block;
use hccr_data::gb2312::gb2312_level1;
use hccr_random::Rng;
use hccr_runtime::ink::FEATURES;
use hccr_runtime::shape::{LinearParams, LstmParams, STEPS};
use hccr_runtime::{Model, ModelBuilder, Op, WeightId};

/// Classes: GB2312 level 1.
const CLASSES: usize = 3755;
/// Units of the two LSTM layers. The thesis does not give its sizes; this is one fit to its 13.5 MB.
const HIDDEN_SIZES: [usize; 2] = [100, 512];
/// Ranks of `lstm1_h`, `lstm2_x`, `lstm2_h` and `fc` after SVD.
const RANKS: [usize; 4] = [32, 48, 64, 160];
/// Densities (percent) that pruning leaves in the LSTMs' matrices and in the last layer's: they bring the
/// multiply-accumulates on non-zeros to less than a 31st and the file below the thesis's 0.45 MB.
const DENSITIES: [f32; 2] = [13.0, 36.0];
/// Non-zero centres of a codebook, 4 bits with the zero; an even number, so that none of the evenly spaced ones is zero.
const CENTRES: usize = 14;

struct Builder {
    model: ModelBuilder,
    rng: Rng,
    /// Which weights are zero together, where there are zeros.
    block: Option<Block>,
}

impl Builder {
    fn matrix(&mut self, name: &str, shape: [usize; 2], density: f32) -> WeightId {
        let compressed = self.block.map(|block| Compressed { density, block, centres: CENTRES });
        self.model.weight(weight(&mut self.rng, name, &shape, compressed))
    }

    fn linear(&mut self, name: &str, [out_features, in_features]: [usize; 2], density: f32, bias: bool) {
        let weight = self.matrix(name, [out_features, in_features], density);
        let rng = &mut self.rng;
        let mut values = || (0..out_features).map(|_| rng.range(-0.5, 0.5)).collect();
        let bias = bias.then(|| self.model.dense(format!("{name}.bias"), &[out_features], values()));
        let params = LinearParams { in_features, out_features };
        self.model.push(name, Op::Linear { params, weight, scale: None, bias, prelu: None });
    }

    /// A fully connected layer, or its two factors.
    fn factored(&mut self, name: &str, [out, of]: [usize; 2], rank: Option<usize>, density: f32) {
        match rank {
            None => self.linear(name, [out, of], density, true),
            Some(rank) => {
                self.linear(&format!("{name}_v"), [rank, of], density, false);
                self.linear(&format!("{name}_u"), [out, rank], density, true);
            }
        }
    }

    fn recurrence(&mut self, name: &str, hidden_size: usize, rank: Option<usize>, density: f32) {
        let project = rank.map(|rank| self.matrix(&format!("{name}_h_v"), [rank, hidden_size], density));
        let columns = rank.unwrap_or(hidden_size);
        let recurrent = self.matrix(&format!("{name}_h"), [4 * hidden_size, columns], density);
        self.model.push(name, Op::Lstm { params: LstmParams { hidden_size, rank }, project, recurrent });
    }
}

/// The network 6 -> LSTM 100 -> LSTM 512 -> 3755 with random weights, as graph optimization leaves it.
pub fn thesis_network(form: ThesisForm, seed: u64) -> Model {
    let model = ModelBuilder::new(&[STEPS, FEATURES]);
    let mut b = Builder { model, rng: Rng::new(seed, 0x7e516), block: form.block() };
    let [lstm1, lstm2] = HIDDEN_SIZES;
    let [lstm1_h, lstm2_x, lstm2_h, fc] = RANKS.map(|rank| (form != ThesisForm::Baseline).then_some(rank));
    let [of_lstm, of_fc] = DENSITIES;
    b.factored("lstm1_x", [4 * lstm1, FEATURES], None, of_lstm);
    b.recurrence("lstm1", lstm1, lstm1_h, of_lstm);
    b.factored("lstm2_x", [4 * lstm2, lstm1], lstm2_x, of_lstm);
    b.recurrence("lstm2", lstm2, lstm2_h, of_lstm);
    b.model.push("mean_over_time", Op::MeanOverTime);
    b.factored("fc", [CLASSES, lstm2], fc, of_fc);
    b.model.set_labels(gb2312_level1());
    b.model.finish().expect("the thesis's network is valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compressed_form_meets_the_thesis_s_ratios() {
        let network = |stage| thesis_network(stage, 1);
        let macs = |model: &Model, steps: f64| -> f64 {
            model.costs().iter().map(|c| c.nonzero_macs as f64 * c.runs(steps)).sum()
        };
        let [baseline, low_rank, compressed] =
            [ThesisForm::Baseline, ThesisForm::LowRank, ThesisForm::Compressed].map(network);
        assert!(macs(&low_rank, 50.0) * 4.0 < macs(&baseline, 50.0));
        assert!(macs(&compressed, 50.0) * 31.0 < macs(&baseline, 50.0), "{}", macs(&compressed, 50.0));
        let bytes = |model: &Model| model.to_bytes().len();
        assert!(bytes(&compressed) <= 450_000, "{} bytes", bytes(&compressed));
        assert!(bytes(&compressed) * 30 <= bytes(&baseline), "{} {}", bytes(&compressed), bytes(&baseline));
    }
}
