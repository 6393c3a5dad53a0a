//! Low rank for matrices: the fully connected layers and the recurrent weights of a network become products of two factors
//! by singular value decomposition, and then everything is trained on the labels.
//!
//! The thesis does this to its LSTM. The choice of ranks is this project's own: given, or by the share of each matrix's
//! energy (its sum of squared weights) to keep.

use crate::error::{CompressError, InputError};
use crate::layer::{LayerInfo, LayerKind};
use crate::layers;
use crate::lowrank::{Decomposition, max_rank};
use crate::phase::{Phase, Progress, Record, Retraining};
use crate::trainer::Trainer;
use serde::{Deserialize, Serialize};

/// Which matrices to decompose, and to which ranks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum MatrixRanks {
    /// These layers, to these ranks.
    PerLayer(Vec<(String, usize)>),
    /// These layers (if none are listed: all matrices), each to the smallest rank that keeps the share `energy` of its sum of
    /// squared weights. A matrix whose factors would not be smaller stays as it is.
    Energy {
        /// Names of the layers.
        layers: Vec<String>,
        /// Share of the sum of squared weights, above 0 and at most 1.
        energy: f32,
    },
}

/// Configuration of [`Svd`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SvdConfig {
    /// What to decompose.
    pub ranks: MatrixRanks,
    /// Training of the whole network afterwards.
    pub phase: Phase,
}

/// What became of a matrix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecomposedLayer {
    /// Its name.
    pub layer: String,
    /// Its rank; `None` where it was left as it is.
    pub rank: Option<usize>,
    /// Share of its sum of squared weights that was kept.
    pub energy: f32,
}

/// The state of a decomposition; it can be saved and resumed between any two calls of [`advance`](Self::advance).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Svd {
    ranks: MatrixRanks,
    /// The matrices, each with its rank where that is given.
    plan: Vec<(String, Option<usize>)>,
    decomposed: Vec<DecomposedLayer>,
    retraining: Retraining,
}

impl Svd {
    /// Plans the decomposition of a network of `layers`.
    ///
    /// # Errors
    /// [`InputError`] where the configuration does not fit the layers.
    pub fn new(config: SvdConfig, layers: &[LayerInfo]) -> Result<Self, InputError> {
        let retraining = Retraining::new(config.phase)?;
        let is_matrix = |l: &&LayerInfo| matches!(l.kind, LayerKind::Linear(_));
        let plan: Vec<(String, Option<usize>)> = match &config.ranks {
            MatrixRanks::PerLayer(ranks) => ranks.iter().map(|(name, rank)| (name.clone(), Some(*rank))).collect(),
            MatrixRanks::Energy { energy, .. } if !(*energy > 0.0 && *energy <= 1.0) => {
                return Err(InputError::config("energy", format!("is {energy}, must be above 0 and at most 1")));
            }
            MatrixRanks::Energy { layers: names, .. } if names.is_empty() => {
                layers.iter().filter(is_matrix).map(|l| (l.name.clone(), None)).collect()
            }
            MatrixRanks::Energy { layers: names, .. } => names.iter().map(|name| (name.clone(), None)).collect(),
        };
        layers::check_names(layers, plan.iter().map(|(name, _)| name))?;
        for (name, rank) in &plan {
            let layer = layers::find(layers, name)?;
            if !is_matrix(&layer) {
                return Err(InputError::layer(name, "is not a matrix"));
            }
            let max = max_rank(&layer.kind);
            if let Some(rank) = rank.filter(|&rank| rank == 0 || rank > max) {
                return Err(InputError::layer(name, format!("rank is {rank}, must be from 1 to {max}")));
            }
        }
        Ok(Self { ranks: config.ranks, plan, decomposed: Vec::new(), retraining })
    }

    /// The matrices decomposed so far.
    pub fn layers(&self) -> &[DecomposedLayer] {
        &self.decomposed
    }

    /// Share of held-out samples recognized between decomposition and training, once measured.
    pub fn decomposed_accuracy(&self) -> Option<f32> {
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

    /// Decomposes one matrix; when all are, evaluates, and then trains one interval per call.
    ///
    /// # Errors
    /// [`CompressError`] where the trainer fails or a matrix cannot be decomposed.
    pub fn advance<T: Trainer>(&mut self, trainer: &mut T) -> Result<Progress, CompressError<T::Error>> {
        let message = if self.is_done() {
            "done".into()
        } else if let Some((name, rank)) = self.plan.get(self.decomposed.len()) {
            let layer = self.decompose(trainer, name, *rank)?;
            let message = match layer.rank {
                Some(rank) => format!("{name} at rank {rank}: {:.1} % of its energy", 100.0 * layer.energy),
                None => format!("{name} stays whole"),
            };
            self.decomposed.push(layer);
            message
        } else {
            self.retraining.advance(trainer, "decomposed")?
        };
        let total = self.plan.len() + self.retraining.phase.steps();
        Ok(Progress { done: self.decomposed.len() + self.retraining.phase.step(), total, message })
    }

    fn decompose<T: Trainer>(
        &self,
        trainer: &mut T,
        name: &str,
        rank: Option<usize>,
    ) -> Result<DecomposedLayer, CompressError<T::Error>> {
        let kind = layers::find(&trainer.layers(), name)?.kind;
        let [out, of, ..] = kind.weight_shape();
        let weight = trainer.weight(name).map_err(CompressError::Trainer)?;
        let decomposition = Decomposition::new(&weight, &kind)?;
        let rank = match (rank, &self.ranks) {
            (None, MatrixRanks::Energy { energy, .. }) => {
                Some(decomposition.rank_for_energy(*energy)).filter(|rank| rank * (out + of) < out * of)
            }
            (rank, _) => rank,
        };
        if let Some(rank) = rank {
            trainer.expand(name, decomposition.pair(rank)?).map_err(CompressError::Trainer)?;
            tracing::info!(layer = %name, rank, "decomposed");
        }
        let energy = rank.map_or(1.0, |rank| decomposition.energy(rank));
        Ok(DecomposedLayer { layer: name.into(), rank, energy })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Schedule;
    use hccr_runtime::shape::{Conv2dParams, LinearParams};

    fn layers() -> Vec<LayerInfo> {
        let matrix = |name: &str, in_features, out_features, steps| LayerInfo {
            name: name.into(),
            kind: LayerKind::Linear(LinearParams { in_features, out_features }),
            output_size: [steps, 1],
        };
        let conv = LayerKind::Conv2d(Conv2dParams::same(1, 4, [3, 3]));
        vec![
            LayerInfo { name: "conv".into(), kind: conv, output_size: [8, 8] },
            matrix("lstm1_h", 100, 400, 50),
            matrix("fc", 100, 10, 1),
        ]
    }

    fn plan(ranks: MatrixRanks) -> Result<Vec<(String, Option<usize>)>, InputError> {
        let phase = Phase::new(Schedule { peak: 0.1, warm_up: 0, steps: 1, floor: 0.0 }, 1, 0);
        Svd::new(SvdConfig { ranks, phase }, &layers()).map(|svd| svd.plan)
    }

    #[test]
    fn a_step_s_matrix_costs_its_weights_at_every_step() {
        assert_eq!(crate::cost(&layers()[1..], &[]), (40_000 * 50 + 1000, 41_000));
    }

    #[test]
    fn plans() {
        let all = MatrixRanks::Energy { layers: vec![], energy: 0.9 };
        assert_eq!(plan(all).unwrap(), [("lstm1_h".into(), None), ("fc".into(), None)]);
        assert_eq!(plan(MatrixRanks::PerLayer(vec![("fc".into(), 10)])).unwrap(), [("fc".into(), Some(10))]);
        for (layer, rank) in [("conv", 1), ("fc9", 3), ("fc", 0), ("fc", 11)] {
            let refused = plan(MatrixRanks::PerLayer(vec![(layer.into(), rank)]));
            assert!(matches!(&refused, Err(InputError::Layer { layer: l, .. }) if l == layer), "{refused:?}");
        }
        for energy in [0.0, 1.5, f32::NAN] {
            let refused = plan(MatrixRanks::Energy { layers: vec![], energy });
            assert!(matches!(refused, Err(InputError::Config { field: "energy", .. })), "{refused:?}");
        }
        assert!(plan(MatrixRanks::Energy { layers: vec!["fc".into(); 2], energy: 0.5 }).is_err());
    }
}
