//! The flags of the ablation.

use super::experiment::Experiment;
use super::method::{Family, Grid, Method};
use anyhow::{Result, bail, ensure};
use clap::{Args, ValueEnum};

/// Flags of the ablation of a pipeline, which has the flags `P`.
#[derive(Args, Clone, Debug)]
pub(crate) struct AblateArgs<P: Args> {
    #[command(flatten)]
    pub(super) pipeline: P,
    #[command(flatten)]
    pub(super) grid: GridArgs,
}

/// What is compared.
#[derive(Args, Clone, Debug)]
pub(crate) struct GridArgs {
    /// Seeds of the initial weights and of the order of samples: so many times is everything trained
    #[arg(long, value_delimiter = ',', default_value = "1,2,3")]
    seeds: Vec<u64>,
    /// The methods to compare [default: all]
    #[arg(long, value_delimiter = ',', value_enum)]
    methods: Vec<Method>,
    /// Speed-ups of the convolutions, or of the matrices, by which the methods of low rank set their ranks
    #[arg(long, value_delimiter = ',', default_value = "2,3,5")]
    speedups: Vec<f64>,
    /// Weights of the low-rank network over those that pruning leaves
    #[arg(long, value_delimiter = ',', default_value = "4,8,16,32")]
    ratios: Vec<f64>,
    /// Bits of the labels of shared values
    #[arg(long, value_delimiter = ',', default_value = "2,3,4")]
    bits: Vec<u8>,
}

impl GridArgs {
    /// What to compare, once all numbers are in range.
    pub(super) fn grid<E: Experiment>(&self) -> Result<Grid> {
        let within = |values: &[f64], most: f64| values.iter().all(|&value| value > 1.0 && value <= most);
        ensure!(within(&self.speedups, 20.0), "--speedups must be above 1 and at most 20");
        ensure!(within(&self.ratios, 200.0), "--ratios must be above 1 and at most 200");
        ensure!(self.bits.iter().all(|bits| (1..=8).contains(bits)), "--bits must be from 1 to 8");
        let exists = |method: &Method| method.family() != Some(Family::LowRank) || E::LOW_RANK_METHODS.contains(method);
        if let Some(method) = self.methods.iter().find(|&method| !exists(method)) {
            bail!("--methods: there is no {method} in this pipeline");
        }
        let all = || Method::value_variants().iter().copied().filter(exists).collect();
        let methods = if self.methods.is_empty() { all() } else { self.methods.clone() };
        let Self { seeds, speedups, ratios, bits, .. } = self.clone();
        Ok(Grid { seeds, methods, speedups, ratios, bits, low_rank: E::PRUNED })
    }

    /// The flags that say what is compared, as they are given to the command.
    pub(super) fn flags(&self) -> Vec<(&'static str, String)> {
        fn joined(values: impl IntoIterator<Item = impl ToString>) -> String {
            values.into_iter().map(|value| value.to_string()).collect::<Vec<_>>().join(",")
        }
        let mut flags = vec![("seeds", joined(&self.seeds))];
        if !self.methods.is_empty() {
            flags.push(("methods", joined(&self.methods)));
        }
        flags.extend([
            ("speedups", joined(&self.speedups)),
            ("ratios", joined(&self.ratios)),
            ("bits", joined(&self.bits)),
        ]);
        flags
    }
}
