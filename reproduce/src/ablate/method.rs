//! The methods that are compared, and what each starts from.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Methods that do the same to a network, each by other means: they start alike and train for as many steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Family {
    /// Trains the uncompressed network.
    Baseline,
    /// Low-rank pairs in place of convolutions, or channel pruning. The level is the speed-up that sets the ranks; other methods leave as
    /// many MACs.
    LowRank,
    /// Fewer weights in the low-rank network. The level is the number of weights over those that stay.
    Pruning,
    /// Shared values in the pruned network. The level is the bits of a label.
    Sharing,
}

/// A way of compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Method {
    /// None: the uncompressed network trains on for as many steps
    Uncompressed,
    /// SVD of all convolutions at once, then training of the whole
    Svd,
    /// GSLRE: one convolution after the other, each time with training of the whole
    Gslre,
    /// As gslre, and learning from the answers of the baseline too
    GslreDistilled,
    /// Each convolution fitted to its own outputs by least squares, then training of the whole
    Reconstruction,
    /// Channel pruning: whole channels, and with them the weights that read them, then training of the whole
    Channels,
    /// Channel pruning first, until 1.5 times fewer MACs are left, then as gslre
    ChannelsGslre,
    /// The smallest weights of each layer at once, from each layer the same share
    OneShot,
    /// What falls below one multiple of each layer's mean magnitude, fixed at the start
    FixedThreshold,
    /// Gradually, from each layer the same share
    GradualUniform,
    /// Gradually, by one threshold for all layers
    GradualGlobal,
    /// Gradually (ADW), from each layer the share that CRA finds
    AdwCra,
    /// As adw-cra, and learning from the answers of the baseline too
    AdwCraDistilled,
    /// Gradually, from each layer the share at which its curve of CRA is as steep as the others', per weight
    AdwSlope,
    /// As adw-slope, with no more MACs than gradual-uniform leaves
    AdwSlopeMacs,
    /// As gradual-uniform, in blocks of 4 by 4 weights
    GradualBlocks,
    /// As gradual-uniform, in blocks of 4 by 4 weights in convolutions alone
    GradualMixed,
    /// k-means, without training of the centres: the pruned network trains on before
    KMeans,
    /// k-means, then training of the centres
    KMeansTuned,
    /// As k-means-tuned, and learning from the answers of the baseline too
    KMeansDistilled,
    /// Evenly spaced centres, without training of them: the pruned network trains on before
    Even,
    /// Evenly spaced centres, then training of them
    EvenTuned,
}

impl Family {
    /// Those of which several methods are compared.
    pub(crate) const COMPARED: [Self; 3] = [Self::LowRank, Self::Pruning, Self::Sharing];

    /// The heading of its tables.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Baseline => "Baseline",
            Self::LowRank => "Low rank",
            Self::Pruning => "Pruning",
            Self::Sharing => "Shared values",
        }
    }

    /// A level in words.
    pub(crate) fn level(self, level: f64) -> String {
        match self {
            Self::Baseline => String::new(),
            Self::LowRank => format!("speed-up {level}"),
            Self::Pruning => format!("{level}x fewer weights"),
            Self::Sharing => format!("{level} bits"),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::LowRank => "low-rank",
            Self::Pruning => "pruning",
            Self::Sharing => "sharing",
        }
    }
}

impl Method {
    /// Where it belongs; `None` of what is done in every family.
    pub(crate) fn family(self) -> Option<Family> {
        match self {
            Self::Uncompressed => None,
            Self::Svd
            | Self::Gslre
            | Self::GslreDistilled
            | Self::Reconstruction
            | Self::Channels
            | Self::ChannelsGslre => Some(Family::LowRank),
            Self::OneShot
            | Self::FixedThreshold
            | Self::GradualUniform
            | Self::GradualGlobal
            | Self::AdwCra
            | Self::AdwCraDistilled
            | Self::AdwSlope
            | Self::AdwSlopeMacs
            | Self::GradualBlocks
            | Self::GradualMixed => Some(Family::Pruning),
            Self::KMeans | Self::KMeansTuned | Self::KMeansDistilled | Self::Even | Self::EvenTuned => {
                Some(Family::Sharing)
            }
        }
    }

    /// Whether CRA's curves choose its ratios.
    pub(crate) fn needs_curves(self) -> bool {
        matches!(self, Self::AdwCra | Self::AdwCraDistilled | Self::AdwSlope | Self::AdwSlopeMacs)
    }

    /// Whether it learns from the answers of the baseline.
    pub(crate) fn is_distilled(self) -> bool {
        matches!(self, Self::GslreDistilled | Self::AdwCraDistilled | Self::KMeansDistilled)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.to_possible_value().expect("no method is hidden");
        f.write_str(value.get_name())
    }
}

/// One training of the grid.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cell {
    /// Of the initial weights and the order of samples.
    pub(crate) seed: u64,
    pub(crate) family: Family,
    pub(crate) method: Method,
    /// How far it compresses, in the unit of the family; 0 where nothing is compressed.
    pub(crate) level: f64,
}

/// The speed-up of the low-rank network that is pruned.
const PRUNED_SPEEDUP: f64 = 3.0;
/// The ratio of the pruned network whose weights come to share values.
const SHARED_RATIO: f64 = 8.0;

impl Cell {
    /// The cell whose network it starts from; a baseline starts from random weights.
    /// `low_rank` is the method of the low-rank network that is pruned.
    fn start(self, low_rank: Method) -> Option<Self> {
        let uncompressed = |family| Self { family, method: Method::Uncompressed, level: 0.0, ..self };
        match (self.family, self.method) {
            (Family::Baseline, _) => None,
            (Family::LowRank, _) => Some(self.baseline()),
            (Family::Pruning, Method::Uncompressed) => Some(uncompressed(Family::LowRank)),
            (Family::Sharing, Method::Uncompressed) => Some(uncompressed(Family::Pruning)),
            (Family::Pruning, _) => {
                Some(Self { family: Family::LowRank, method: low_rank, level: PRUNED_SPEEDUP, ..self })
            }
            (Family::Sharing, _) => {
                Some(Self { family: Family::Pruning, method: Method::AdwCra, level: SHARED_RATIO, ..self })
            }
        }
    }

    /// The baseline of its seed.
    pub(crate) fn baseline(self) -> Self {
        Self { family: Family::Baseline, method: Method::Uncompressed, level: 0.0, ..self }
    }

    /// The name of its files.
    pub(crate) fn name(self) -> String {
        let level = if self.level > 0.0 { format!("-{}", self.level) } else { String::new() };
        format!("{}-{}-{}{level}", self.seed, self.family.name(), self.method)
    }
}

/// What to compare.
#[derive(Clone, Debug)]
pub(crate) struct Grid {
    pub(crate) seeds: Vec<u64>,
    pub(crate) methods: Vec<Method>,
    pub(crate) speedups: Vec<f64>,
    pub(crate) ratios: Vec<f64>,
    pub(crate) bits: Vec<u8>,
    /// The method of the low-rank network that is pruned.
    pub(crate) low_rank: Method,
}

/// A cell with the place of the one that it starts from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Planned {
    pub(crate) cell: Cell,
    pub(crate) start: Option<usize>,
}

impl Grid {
    /// All cells, each behind the one that it starts from.
    pub(crate) fn plan(&self) -> Vec<Planned> {
        let mut plan = Vec::new();
        for &seed in &self.seeds {
            for family in Family::COMPARED {
                let methods: Vec<Method> =
                    self.methods.iter().copied().filter(|method| method.family() == Some(family)).collect();
                if methods.is_empty() {
                    continue;
                }
                self.add(&mut plan, Cell { seed, family, method: Method::Uncompressed, level: 0.0 });
                for method in methods {
                    for level in self.levels(family) {
                        self.add(&mut plan, Cell { seed, family, method, level });
                    }
                }
            }
        }
        plan
    }

    /// The place of the cell in the plan, to which it is added, behind those before it, where it is missing.
    fn add(&self, plan: &mut Vec<Planned>, cell: Cell) -> usize {
        if let Some(at) = plan.iter().position(|planned| planned.cell == cell) {
            return at;
        }
        let start = cell.start(self.low_rank).map(|start| self.add(plan, start));
        plan.push(Planned { cell, start });
        plan.len() - 1
    }

    fn levels(&self, family: Family) -> Vec<f64> {
        match family {
            Family::Baseline => Vec::new(),
            Family::LowRank => self.speedups.clone(),
            Family::Pruning => self.ratios.clone(),
            Family::Sharing => self.bits.iter().map(|&bits| bits.into()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(methods: &[Method]) -> Grid {
        Grid {
            seeds: vec![1, 2],
            methods: methods.to_vec(),
            speedups: vec![2.0, 3.0],
            ratios: vec![4.0, 16.0],
            bits: vec![3],
            low_rank: Method::Gslre,
        }
    }

    #[test]
    fn a_plan_has_each_cell_once_behind_its_start() {
        let plan = grid(Method::value_variants()).plan();
        // Two seeds, each with four uncompressed networks, six methods at two speed-ups, ten at two ratios, five at one width, and
        // the pruned network that shares values, whose ratio is none of those.
        assert_eq!(plan.len(), 2 * (4 + 6 * 2 + 10 * 2 + 5 + 1));
        for (at, planned) in plan.iter().enumerate() {
            assert!(planned.start.is_none_or(|start| start < at && plan[start].cell.seed == planned.cell.seed));
            assert!(!plan[..at].iter().any(|before| before.cell == planned.cell));
        }
        let mut names: Vec<_> = plan.iter().map(|planned| planned.cell.name()).collect();
        assert_eq!(names[..3], ["1-baseline-uncompressed", "1-low-rank-uncompressed", "1-low-rank-svd-2"]);
        names.sort();
        names.dedup();
        assert_eq!(names.len(), plan.len());
    }

    #[test]
    fn what_a_method_starts_from_is_trained_though_not_asked_for() {
        let plan = Grid { seeds: vec![1], ..grid(&[Method::OneShot]) }.plan();
        let names: Vec<_> = plan.iter().map(|planned| planned.cell.name()).collect();
        assert!(names.contains(&"1-low-rank-gslre-3".into()) && !names.contains(&"1-low-rank-svd-3".into()));
    }
}
