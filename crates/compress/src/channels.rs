//! Channel pruning: whole channels of convolutions go, and with them the weights that read them.
//!
//! A layer can spare the channels that the layer behind it misses least. Its outputs on some training samples say which these are
//! (ThiNet: Luo et al., arXiv:1707.06342), and the weights that are left are fitted to the outputs that there were (He et al.,
//! arXiv:1707.06168). Labels play no part until all convolutions are done, and then everything is trained. The thesis has no such step.

use crate::error::{CompressError, InputError};
use crate::layer::{LayerInfo, LayerKind};
use crate::phase::{Phase, Progress, Record, Retraining};
use crate::reconstruction::conjugate_gradients;
use crate::targets::cost;
use crate::trainer::Trainer;
use hccr_tensor::{Transpose, gemm};
use serde::{Deserialize, Serialize};

/// Configuration of [`ChannelPruning`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChannelPruningConfig {
    /// The network's multiply-accumulates per sample over those that it may have left, at least 1.
    pub speedup: f64,
    /// Training of the whole network afterwards.
    pub phase: Phase,
}

/// The state of a channel pruning; it can be saved and resumed between any two calls of [`advance`](Self::advance).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChannelPruning {
    /// The convolutions, and how many channels each keeps.
    plan: Vec<(String, usize)>,
    /// Convolutions pruned so far.
    pruned: usize,
    retraining: Retraining,
}

impl ChannelPruning {
    /// Plans the pruning of a network of `layers`, each of which reads the one before it. Every convolution keeps the same share of its
    /// channels, the largest that makes the network so much faster; the last layer keeps its outputs.
    ///
    /// # Errors
    /// [`InputError`] where the configuration does not fit the layers, or even one channel per convolution is too many.
    pub fn new(config: ChannelPruningConfig, layers: &[LayerInfo]) -> Result<Self, InputError> {
        let retraining = Retraining::new(config.phase)?;
        if !(config.speedup.is_finite() && config.speedup >= 1.0) {
            return Err(InputError::config("speedup", format!("is {}, must be 1 or more", config.speedup)));
        }
        if convolutions(layers).next().is_none() {
            return Err(InputError::config("speedup", "needs a convolution that another layer reads"));
        }
        let most = (cost(layers, &[]).0 as f64 / config.speedup) as u64;
        let widest = convolutions(layers).map(|(_, channels)| channels).max().unwrap_or(0);
        for kept in (1..=widest).rev() {
            let of = |channels| (channels as f64 * kept as f64 / widest as f64).round().max(1.0) as usize;
            let plan: Vec<_> = convolutions(layers).map(|(name, channels)| (name.to_owned(), of(channels))).collect();
            if cost(&with_channels_kept(layers, &plan)?, &[]).0 <= most {
                return Ok(Self { plan, pruned: 0, retraining });
            }
        }
        let reason = format!("is {}: one channel per convolution takes more than {most} MACs", config.speedup);
        Err(InputError::config("speedup", reason))
    }

    /// The convolutions, and how many channels each keeps.
    pub fn plan(&self) -> &[(String, usize)] {
        &self.plan
    }

    /// Share of held-out samples recognized between pruning and training, once measured.
    pub fn pruned_accuracy(&self) -> Option<f32> {
        self.retraining.accuracy_before
    }

    /// Everything measured while training.
    pub fn history(&self) -> &[Record] {
        self.retraining.phase.history()
    }

    /// Whether all is done.
    pub fn is_done(&self) -> bool {
        self.retraining.is_done()
    }

    /// Prunes one convolution; when all are, evaluates, and then trains one interval per call.
    ///
    /// # Errors
    /// [`CompressError`] where the trainer fails, or cannot remove channels.
    pub fn advance<T: Trainer>(&mut self, trainer: &mut T) -> Result<Progress, CompressError<T::Error>> {
        let message = if self.is_done() {
            "done".into()
        } else if let Some((name, kept)) = self.plan.get(self.pruned) {
            prune(trainer, name, *kept)?;
            self.pruned += 1;
            tracing::info!(layer = %name, channels = kept, "channels pruned");
            format!("{name} keeps {kept} channels")
        } else {
            self.retraining.advance(trainer, "with fewer channels")?
        };
        let total = self.plan.len() + self.retraining.phase.steps();
        Ok(Progress { done: self.pruned + self.retraining.phase.step(), total, message })
    }
}

/// The convolutions that another layer reads, and their channels.
fn convolutions(layers: &[LayerInfo]) -> impl Iterator<Item = (&str, usize)> {
    let read = &layers[..layers.len().saturating_sub(1)];
    read.iter().filter_map(|layer| match layer.kind {
        LayerKind::Conv2d(params) => Some((layer.name.as_str(), params.out_channels)),
        LayerKind::Linear(_) => None,
    })
}

/// The place of the convolution `name`, and its channels.
fn place(layers: &[LayerInfo], name: &str) -> Result<(usize, usize), InputError> {
    let found = convolutions(layers).find(|(found, _)| *found == name);
    let at = layers.iter().position(|layer| layer.name == name);
    let (at, (_, channels)) =
        at.zip(found).ok_or_else(|| InputError::layer(name, "is no convolution that another layer reads"))?;
    Ok((at, channels))
}

/// The layers as they will be where the convolutions in `plan` keep so many channels.
///
/// # Errors
/// [`InputError::Layer`] where there is no such convolution, or it cannot keep so many.
pub fn with_channels_kept(layers: &[LayerInfo], plan: &[(String, usize)]) -> Result<Vec<LayerInfo>, InputError> {
    let mut layers = layers.to_vec();
    for (name, kept) in plan {
        let (at, channels) = place(&layers, name)?;
        if *kept == 0 || *kept > channels {
            return Err(InputError::layer(name, format!("keeps {kept} channels, must be from 1 to {channels}")));
        }
        if let LayerKind::Conv2d(params) = &mut layers[at].kind {
            params.out_channels = *kept;
        }
        match &mut layers[at + 1].kind {
            LayerKind::Conv2d(reader) if reader.in_channels == channels => reader.in_channels = *kept,
            LayerKind::Linear(reader) if reader.in_features % channels == 0 => {
                reader.in_features = reader.in_features / channels * kept;
            }
            _ => {
                return Err(InputError::layer(&layers[at + 1].name, format!("does not read the channels of '{name}'")));
            }
        }
    }
    Ok(layers)
}

/// Removes all but `kept` channels of a convolution, and fits the layer behind it to the outputs that it had.
fn prune<T: Trainer>(trainer: &mut T, name: &str, kept: usize) -> Result<(), CompressError<T::Error>> {
    let layers = trainer.layers();
    with_channels_kept(&layers, &[(name.to_owned(), kept)])?;
    let (at, channels) = place(&layers, name)?;
    let reader = &layers[at + 1];
    let weight = trainer.weight(&reader.name).map_err(CompressError::Trainer)?;
    let products = trainer.input_products(&reader.name).map_err(CompressError::Trainer)?;
    let products = products.ok_or_else(|| InputError::layer(name, "is of a trainer that knows no inputs"))?;
    let reader = Reader::new(&weight, &products, reader, channels)?;
    let keep = reader.least_missed(channels - kept);
    let fitted = reader.fitted(&keep);
    if !trainer.keep_channels(name, &keep).map_err(CompressError::Trainer)? {
        return Err(InputError::layer(name, "is of a trainer that cannot remove channels").into());
    }
    trainer.set_weight(&layers[at + 1].name, &fitted).map_err(CompressError::Trainer)
}

/// A layer that reads the channels of a convolution: its weight `[rows, columns]`, and the mean products of the values that the columns
/// multiply, `[columns, columns]`. Each channel has the same number of columns, one after the other.
struct Reader<'a> {
    weight: &'a [f32],
    products: &'a [f32],
    rows: usize,
    columns: usize,
    channels: usize,
}

impl<'a> Reader<'a> {
    fn new(weight: &'a [f32], products: &'a [f32], layer: &LayerInfo, channels: usize) -> Result<Self, InputError> {
        let [rows, inputs, height, width] = layer.kind.weight_shape();
        let columns = inputs * height * width;
        if weight.len() != rows * columns || products.len() != columns * columns {
            return Err(InputError::layer(&layer.name, "has a weight or products of inputs of another size"));
        }
        Ok(Self { weight, products, rows, columns, channels })
    }

    /// Which channels to keep where so many go, one after the other: each time the one without which the squared error of the outputs
    /// grows least.
    fn least_missed(&self, count: usize) -> Vec<bool> {
        let shared = self.shared_energy();
        let energy = |a: usize, b: usize| shared[a * self.channels + b];
        let mut growth: Vec<f64> = (0..self.channels).map(|channel| energy(channel, channel)).collect();
        let mut keep = vec![true; self.channels];
        for _ in 0..count {
            let left = (0..self.channels).filter(|&channel| keep[channel]);
            let Some(least) = left.min_by(|&a, &b| growth[a].total_cmp(&growth[b])) else { break };
            keep[least] = false;
            // What two channels give the outputs together counts twice.
            (0..self.channels).for_each(|other| growth[other] += 2.0 * energy(least, other));
        }
        keep
    }

    /// The mean product of what each two channels give the outputs, summed over the outputs: `[channels, channels]`.
    fn shared_energy(&self) -> Vec<f64> {
        let (columns, taps) = (self.columns, self.columns / self.channels);
        let mut squares = vec![0.0; columns * columns];
        let weight = (self.weight, columns, Transpose::Yes);
        let by = (self.weight, columns, Transpose::No);
        gemm([columns, columns, self.rows], 1.0, weight, by, 0.0, (&mut squares, columns));
        let mut shared = vec![0.0; self.channels * self.channels];
        for (at, (square, product)) in squares.iter().zip(self.products).enumerate() {
            let (a, b) = (at / columns / taps, at % columns / taps);
            shared[a * self.channels + b] += f64::from(*square) * f64::from(*product);
        }
        shared
    }

    /// The weight on the channels that are kept with which the outputs are most like those of the whole, by least squares.
    fn fitted(&self, keep: &[bool]) -> Vec<f32> {
        let taps = self.columns / self.channels;
        let left: Vec<usize> = (0..self.columns).filter(|column| keep[column / taps]).collect();
        let selected = |matrix: &[f32]| -> Vec<f32> {
            matrix.chunks_exact(self.columns).flat_map(|row| left.iter().map(|&column| row[column])).collect()
        };
        let times = |weight: &[f32], of: usize, products: &[f32], to: usize| {
            let mut result = vec![0.0; self.rows * to];
            let factors = ((weight, of, Transpose::No), (products, to, Transpose::No));
            gemm([self.rows, to, of], 1.0, factors.0, factors.1, 0.0, (&mut result, to));
            result
        };
        let n = left.len();
        let all_by_left = selected(self.products);
        let left_by_left: Vec<f32> = left.iter().flat_map(|&row| &all_by_left[row * n..][..n]).copied().collect();
        let towards = times(self.weight, self.columns, &all_by_left, n);
        let mut fitted = selected(self.weight);
        conjugate_gradients(&mut fitted, &towards, |weight| times(weight, n, &left_by_left, n));
        fitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Schedule;
    use hccr_random::Rng;
    use hccr_runtime::shape::{Conv2dParams, LinearParams};

    fn layers() -> Vec<LayerInfo> {
        let conv = |name: &str, c, n, side| LayerInfo {
            name: name.into(),
            kind: LayerKind::Conv2d(Conv2dParams::same(c, n, [3, 3])),
            output_size: [side, side],
        };
        let fc = LayerKind::Linear(LinearParams { in_features: 16 * 4, out_features: 10 });
        vec![
            conv("conv1", 1, 8, 8),
            conv("conv2", 8, 16, 4),
            LayerInfo { name: "fc".into(), kind: fc, output_size: [1, 1] },
        ]
    }

    fn plan(speedup: f64) -> Result<Vec<(String, usize)>, InputError> {
        let phase = Phase::new(Schedule { peak: 0.1, warm_up: 0, steps: 1, floor: 0.0 }, 1, 0);
        ChannelPruning::new(ChannelPruningConfig { speedup, phase }, &layers()).map(|pruning| pruning.plan)
    }

    #[test]
    fn every_convolution_keeps_the_same_share_and_the_limit_is_met() {
        let all = 8 * 9 * 64 + 16 * 8 * 9 * 16 + 16 * 4 * 10;
        assert_eq!(plan(1.0).unwrap(), [("conv1".into(), 8), ("conv2".into(), 16)]);
        // Half of the channels: half of conv1 and of fc, a quarter of conv2.
        let half = 4 * 9 * 64 + 8 * 4 * 9 * 16 + 8 * 4 * 10;
        let speedup = |macs: u64| f64::from(all) / (macs as f64 + 0.5);
        assert_eq!(plan(speedup(half)).unwrap(), [("conv1".into(), 4), ("conv2".into(), 8)]);
        assert_eq!(plan(speedup(half - 1)).unwrap()[1].1, 7);
        let left = with_channels_kept(&layers(), &plan(speedup(half)).unwrap()).unwrap();
        assert_eq!(cost(&left, &[]).0, half);
        for refused in [plan(speedup(100)), plan(0.5), plan(f64::NAN)] {
            assert!(matches!(refused, Err(InputError::Config { field: "speedup", .. })), "{refused:?}");
        }
        for (layer, kept) in [("conv1", 0), ("conv1", 9), ("fc", 5), ("conv9", 1)] {
            let refused = with_channels_kept(&layers(), &[(layer.into(), kept)]);
            assert!(matches!(&refused, Err(InputError::Layer { layer: l, .. }) if l == layer), "{refused:?}");
        }
        let mut layers = layers();
        layers[2].kind = LayerKind::Linear(LinearParams { in_features: 65, out_features: 10 });
        assert!(with_channels_kept(&layers, &[("conv2".into(), 8)]).is_err());
    }

    /// Random inputs of six channels of two columns, of which the fourth is the sum of the first two: `[samples, columns]`.
    fn inputs(rng: &mut Rng) -> Vec<f32> {
        let mut inputs = Vec::new();
        for _ in 0..200 {
            let mut row: Vec<f32> = (0..12).map(|_| rng.normal()).collect();
            (row[6], row[7]) = (row[0] + row[2], row[1] + row[3]);
            inputs.extend(row);
        }
        inputs
    }

    fn products(inputs: &[f32]) -> Vec<f32> {
        let mut products = vec![0.0; 144];
        let factors = ((inputs, 12, Transpose::Yes), (inputs, 12, Transpose::No));
        gemm([12, 12, inputs.len() / 12], 1.0, factors.0, factors.1, 0.0, (&mut products, 12));
        products
    }

    fn reader<'a>(weight: &'a [f32], products: &'a [f32]) -> Reader<'a> {
        Reader { weight, products, rows: weight.len() / 12, columns: 12, channels: 6 }
    }

    /// The squared error of the outputs without the channels, the other weights as they are.
    fn error(weight: &[f32], inputs: &[f32], keep: &[bool]) -> f64 {
        let missed = |row: &[f32], x: &[f32]| -> f64 {
            (0..12).filter(|at| !keep[at / 2]).map(|at| f64::from(row[at]) * f64::from(x[at])).sum()
        };
        let rows = || weight.chunks(12);
        inputs.chunks(12).flat_map(|x| rows().map(move |row| missed(row, x).powi(2))).sum()
    }

    #[test]
    fn the_channels_that_go_are_those_whose_outputs_are_missed_least() {
        let mut rng = Rng::new(4, 0);
        let inputs = inputs(&mut rng);
        let mut weight: Vec<f32> = (0..5 * 12).map(|_| rng.normal()).collect();
        weight.chunks_mut(12).for_each(|row| row[8..10].iter_mut().for_each(|w| *w *= 0.01));
        let products = products(&inputs);
        let reader = reader(&weight, &products);
        assert_eq!(reader.least_missed(1), [true, true, true, true, false, true]);
        let two = reader.least_missed(2);
        let best = (0..6).filter(|&other| other != 4).min_by(|&a, &b| {
            let error = |other: usize| error(&weight, &inputs, &[0, 1, 2, 3, 4, 5].map(|c| c != 4 && c != other));
            error(a).total_cmp(&error(b))
        });
        assert_eq!((0..6).find(|&channel| !two[channel] && channel != 4), best);
        // What they give together is what counts. The fourth is the sum of the first two and is taken away again, so with these it can go.
        let cancelling: Vec<f32> = [1.0, 0.0, 1.0, 0.0, 0.9, 0.0, -1.0, 0.0, 1.2, 0.0, 1.2, 0.0].into();
        let keep = Reader { weight: &cancelling, rows: 1, ..reader }.least_missed(4);
        assert_eq!(keep, [false, false, false, false, true, true]);
        assert_eq!(reader.least_missed(0), [true; 6]);
    }

    #[test]
    fn what_the_others_can_say_is_not_lost() {
        let mut rng = Rng::new(5, 0);
        let inputs = inputs(&mut rng);
        let weight: Vec<f32> = (0..5 * 12).map(|_| rng.normal()).collect();
        let products = products(&inputs);
        // The fourth channel is the sum of the first two.
        let keep = [true, true, true, false, true, true];
        let fitted = reader(&weight, &products).fitted(&keep);
        for (row, fitted) in weight.chunks(12).zip(fitted.chunks(10)) {
            let mut want = [&row[..6], &row[8..]].concat();
            (0..4).for_each(|at| want[at] += row[6 + at % 2]);
            assert!(want.iter().zip(fitted).all(|(want, got)| (want - got).abs() < 1e-3), "{fitted:?} for {want:?}");
        }
    }
}
