//! The thesis's figures for its networks, to stand beside the measured ones.

use serde::{Deserialize, Serialize};

/// Figures of Xiao's thesis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Thesis {
    /// Where the figures come from, and what they were measured on.
    pub(crate) source: String,
    pub(crate) stages: Vec<ThesisStage>,
    /// Baseline accuracy minus compressed accuracy, in percentage points.
    pub(crate) drop_points: Figure,
    /// Baseline MACs over the MACs on non-zero weights.
    pub(crate) macs_ratio: Figure,
    /// Baseline bytes over compressed bytes.
    pub(crate) bytes_ratio: Figure,
}

/// The thesis's network after one stage, as far as it is known; units as in [`Stage`](super::types::Stage).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ThesisStage {
    pub(crate) name: String,
    pub(crate) top1: Option<Figure>,
    pub(crate) weights: Option<Figure>,
    pub(crate) nonzeros: Option<Figure>,
    pub(crate) dense_macs: Option<Figure>,
    pub(crate) nonzero_macs: Option<Figure>,
    pub(crate) bytes: Option<Figure>,
    /// One character on one thread; the thesis does not say which statistic.
    pub(crate) ms: Option<Figure>,
}

/// A number and how far it can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub(crate) value: f64,
    pub(crate) standing: Standing,
}

/// Where a figure was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Standing {
    /// The thesis's abstract states it.
    #[serde(rename = "abstract")]
    Abstract,
    /// Its companion paper states it.
    #[serde(rename = "companion paper")]
    Companion,
    /// Read from the authors' released code and model file.
    #[serde(rename = "released code")]
    ReleasedCode,
    /// Computed from the others.
    #[serde(rename = "derived")]
    Derived,
}

impl Standing {
    /// In words, as in `report.json`.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Abstract => "abstract",
            Self::Companion => "companion paper",
            Self::ReleasedCode => "released code",
            Self::Derived => "derived",
        }
    }
}

impl Thesis {
    /// The offline network: 3755 classes, tested on the ICDAR-2013 competition set.
    pub(crate) fn offline() -> Self {
        use Standing::{Abstract, Derived, ReleasedCode};
        let figure = |value, standing| Some(Figure { value, standing });
        Self {
            source: "Xiao, master's thesis, 2018: 3755 classes, ICDAR-2013 competition set, i7-6700 at 3.4 GHz".into(),
            stages: vec![
                ThesisStage {
                    name: "baseline".into(),
                    top1: figure(0.9730, Derived),
                    weights: figure(10_850_144.0, ReleasedCode),
                    nonzeros: figure(10_850_144.0, ReleasedCode),
                    dense_macs: figure(593.96e6, Derived),
                    nonzero_macs: figure(593.96e6, Derived),
                    // Weights, and bias, mean, scale and slope of each channel, as f32: 41.45 MiB.
                    bytes: figure(43_458_604.0, Derived),
                    ms: None,
                },
                ThesisStage {
                    name: "gslre".into(),
                    weights: figure(8_157_920.0, ReleasedCode),
                    nonzeros: figure(8_157_920.0, ReleasedCode),
                    dense_macs: figure(152.0e6, Derived),
                    nonzero_macs: figure(152.0e6, Derived),
                    ..ThesisStage::default()
                },
                ThesisStage {
                    name: "compressed".into(),
                    top1: figure(0.9709, Abstract),
                    weights: figure(8_157_920.0, ReleasedCode),
                    nonzeros: figure(2_138_992.0, ReleasedCode),
                    dense_macs: figure(152.0e6, Derived),
                    nonzero_macs: figure(62.98e6, Derived),
                    bytes: figure(2_455_133.0, ReleasedCode),
                    ms: figure(9.7, Abstract),
                },
            ],
            drop_points: Figure { value: 0.21, standing: Abstract },
            macs_ratio: Figure { value: 9.0, standing: Abstract },
            bytes_ratio: Figure { value: 18.0, standing: Abstract },
        }
    }
}

impl Thesis {
    /// The online network: 3755 classes, tested on the ICDAR-2013 competition set.
    pub(crate) fn online() -> Self {
        use Standing::{Abstract, Companion, Derived};
        let figure = |value, standing| Some(Figure { value, standing });
        Self {
            source: "Xiao, master's thesis, 2018, and its companion paper (ICFHR 2018): 3755 classes, ICDAR-2013 \
                     competition set; the companion paper's ratios are 30x the size and about 10x the compute"
                .into(),
            stages: vec![
                ThesisStage {
                    name: "baseline".into(),
                    top1: figure(0.9783, Companion),
                    bytes: figure(13.6 * 450_000.0, Derived),
                    ..ThesisStage::default()
                },
                ThesisStage {
                    name: "compressed".into(),
                    top1: figure(0.9733, Derived),
                    bytes: figure(450_000.0, Abstract),
                    ms: figure(2.7, Abstract),
                    ..ThesisStage::default()
                },
            ],
            drop_points: Figure { value: 0.5, standing: Abstract },
            macs_ratio: Figure { value: 31.0, standing: Abstract },
            bytes_ratio: Figure { value: 13.6, standing: Abstract },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_bear_out_the_claims() {
        let thesis = Thesis::offline();
        let (first, last) = (&thesis.stages[0], &thesis.stages[2]);
        let value = |figure: Option<Figure>| figure.unwrap().value;
        let drop = 100.0 * (value(first.top1) - value(last.top1));
        assert!((drop - thesis.drop_points.value).abs() < 1e-9);
        assert!((value(first.nonzero_macs) / value(last.nonzero_macs) - thesis.macs_ratio.value).abs() < 0.5);
        assert!((value(first.bytes) / value(last.bytes) - thesis.bytes_ratio.value).abs() < 0.5);
        assert_eq!(format!("{:.2}", value(first.bytes) / 1024.0 / 1024.0), "41.45");
    }

    #[test]
    fn standing_is_named_alike_in_text_and_json() {
        for standing in [Standing::Abstract, Standing::Companion, Standing::ReleasedCode, Standing::Derived] {
            assert_eq!(serde_json::to_value(standing).unwrap(), standing.text());
        }
    }
}
