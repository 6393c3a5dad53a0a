//! GSLRE, global supervised low-rank expansion.
//!
//! Each convolution becomes a vertical and a horizontal one (thesis; the procedure follows the patent claim): expanded
//! layer by layer from the SVD of its kernel, each time training the whole network against the labels, then everything is
//! trained together. The joint training starts from the layers as the stages left them.

use crate::error::{CompressError, InputError};
use crate::layer::{LayerInfo, LayerKind};
use crate::layers;
use crate::lowrank::{LowRankPair, max_rank, rank_for_speedup};
use crate::phase::{Phase, Progress, Record};
use crate::trainer::Trainer;
use hccr_runtime::shape::Conv2dParams;
use serde::{Deserialize, Serialize};

/// Which convolutions to expand, and to which ranks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Ranks {
    /// All convolutions but the first, each to the rank of [`rank_for_speedup`]; their kernels must be 3x3.
    Speedup(f64),
    /// These layers, to these ranks, in this order.
    PerLayer(Vec<(String, usize)>),
}

/// Configuration of [`Gslre`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GslreConfig {
    /// What to expand.
    pub ranks: Ranks,
    /// Training after each layer's expansion.
    pub layer_phase: Phase,
    /// Training of the whole expanded network at the end.
    pub joint_phase: Phase,
}

/// One interval of training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GslreRecord {
    /// The layer expanded last before the interval; `None` in joint training.
    pub layer: Option<String>,
    /// What the interval measured; steps count from the start of its stage.
    pub record: Record,
}

/// The state of a low-rank expansion; it can be saved and resumed between any two calls of [`advance`](Self::advance).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gslre {
    plan: Vec<(String, usize)>,
    /// Layers expanded so far.
    expanded: usize,
    /// One phase per layer of `plan`, and the joint one.
    phases: Vec<Phase>,
    /// The phase under way, or their number at the end.
    current: usize,
    history: Vec<GslreRecord>,
    /// Whether pairs are fitted to the outputs of their layer.
    fits_outputs: bool,
}

impl Gslre {
    /// Plans the expansion of a network of `layers`.
    ///
    /// # Errors
    /// [`InputError`] where the configuration does not fit the layers.
    pub fn new(config: GslreConfig, layers: &[LayerInfo]) -> Result<Self, InputError> {
        config.layer_phase.check("layer_phase")?;
        config.joint_phase.check("joint_phase")?;
        let plan = match &config.ranks {
            Ranks::Speedup(speedup) => ranks_for_speedup(*speedup, layers)?,
            Ranks::PerLayer(ranks) => ranks.clone(),
        };
        layers::check_names(layers, plan.iter().map(|(name, _)| name))?;
        for (name, rank) in &plan {
            let max = max_rank(&LayerKind::Conv2d(convolution(layers, name)?));
            if *rank == 0 || *rank > max {
                return Err(InputError::layer(name, format!("rank is {rank}, must be from 1 to {max}")));
            }
        }
        let mut phases = vec![config.layer_phase; plan.len()];
        phases.push(config.joint_phase);
        Ok(Self { plan, expanded: 0, phases, current: 0, history: Vec::new(), fits_outputs: false })
    }

    /// The same, with each pair fitted to its layer's own outputs before it is trained: with a layer phase of no steps this is layer-wise
    /// reconstruction, and no supervised expansion.
    #[must_use]
    pub fn fitting_outputs(self) -> Self {
        Self { fits_outputs: true, ..self }
    }

    /// The layers to expand and their ranks, in order.
    pub fn plan(&self) -> &[(String, usize)] {
        &self.plan
    }

    /// Everything measured so far.
    pub fn history(&self) -> &[GslreRecord] {
        &self.history
    }

    /// Whether all is done.
    pub fn is_done(&self) -> bool {
        self.current == self.phases.len()
    }

    /// Expands the next layer if its turn has come, and trains one interval.
    ///
    /// # Errors
    /// [`CompressError`] where the trainer fails or a kernel cannot be decomposed.
    pub fn advance<T: Trainer>(&mut self, trainer: &mut T) -> Result<Progress, CompressError<T::Error>> {
        if self.is_done() {
            return Ok(self.progress("done".into()));
        }
        let layer = self.plan.get(self.current).cloned();
        if let Some((name, rank)) = layer.as_ref().filter(|_| self.expanded == self.current) {
            let kind = layers::find(&trainer.layers(), name)?.kind;
            let weight = trainer.weight(name).map_err(CompressError::Trainer)?;
            let mut pair = LowRankPair::from_svd(&weight, &kind, *rank)?;
            if self.fits_outputs {
                let products = trainer.input_products(name).map_err(CompressError::Trainer)?;
                let products =
                    products.ok_or_else(|| InputError::layer(name, "is of a trainer that knows no inputs"))?;
                pair = pair.fitted(&weight, &kind, &products)?;
            }
            trainer.expand(name, pair).map_err(CompressError::Trainer)?;
            self.expanded += 1;
            tracing::info!(layer = %name, rank, "expanded");
        }
        let mut message = match &layer {
            Some((name, rank)) => format!("{name} at rank {rank}"),
            None => "all layers".into(),
        };
        let phase = &mut self.phases[self.current];
        if !phase.is_done() {
            message += &format!(": {}", phase.advance(trainer)?.message);
            let layer = layer.map(|(name, _)| name);
            self.history.extend(phase.history().last().map(|&record| GslreRecord { layer, record }));
        }
        if phase.is_done() {
            self.current += 1;
        }
        Ok(self.progress(message))
    }

    fn progress(&self, message: String) -> Progress {
        let sum = |steps: fn(&Phase) -> usize| self.phases.iter().map(steps).sum();
        Progress { done: sum(Phase::step), total: sum(Phase::steps), message }
    }
}

fn ranks_for_speedup(speedup: f64, layers: &[LayerInfo]) -> Result<Vec<(String, usize)>, InputError> {
    if !(speedup.is_finite() && speedup > 0.0) {
        return Err(InputError::config("ranks", format!("speed-up is {speedup}, must be above 0")));
    }
    let convolutions = layers.iter().filter(|l| matches!(l.kind, LayerKind::Conv2d(_)));
    let mut ranks = Vec::new();
    for layer in convolutions.skip(1) {
        let params = convolution(layers, &layer.name)?;
        if params.kernel_size != [3, 3] {
            return Err(InputError::layer(&layer.name, "the rank rule is for 3x3 kernels; give its rank instead"));
        }
        let rank = rank_for_speedup(params.in_channels, params.out_channels, layer.output_size[1], speedup);
        ranks.push((layer.name.clone(), rank.min(max_rank(&layer.kind))));
    }
    Ok(ranks)
}

fn convolution(layers: &[LayerInfo], name: &str) -> Result<Conv2dParams, InputError> {
    match layers::find(layers, name)?.kind {
        LayerKind::Conv2d(params) => Ok(params),
        LayerKind::Linear(_) => Err(InputError::layer(name, "is not a convolution")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Schedule;
    use hccr_runtime::shape::LinearParams;

    fn thesis_layers() -> Vec<LayerInfo> {
        let conv = |name: &str, c, n, w| LayerInfo {
            name: name.into(),
            kind: LayerKind::Conv2d(Conv2dParams::same(c, n, [3, 3])),
            output_size: [w, w],
        };
        let fc = LinearParams { in_features: 3456, out_features: 1024 };
        vec![
            conv("conv1", 1, 96, 96),
            conv("conv2", 96, 128, 48),
            conv("conv3", 128, 160, 24),
            LayerInfo { name: "fc1".into(), kind: LayerKind::Linear(fc), output_size: [1, 1] },
        ]
    }

    fn plan(ranks: Ranks) -> Result<Vec<(String, usize)>, InputError> {
        let phase = Phase::new(Schedule { peak: 0.1, warm_up: 0, steps: 10, floor: 0.0 }, 5, 0);
        let config = GslreConfig { ranks, layer_phase: phase.clone(), joint_phase: phase };
        Gslre::new(config, &thesis_layers()).map(|g| g.plan().to_vec())
    }

    #[test]
    fn plans_all_convolutions_but_the_first() {
        assert_eq!(plan(Ranks::Speedup(4.0)).unwrap(), [("conv2".into(), 40), ("conv3".into(), 51)]);
    }

    #[test]
    fn bad_plans_are_refused() {
        for (layer, rank) in [("fc1", 3), ("conv9", 3), ("conv2", 0), ("conv2", 289)] {
            let refused = plan(Ranks::PerLayer(vec![(layer.into(), rank)]));
            assert!(matches!(&refused, Err(InputError::Layer { layer: l, .. }) if l == layer), "{refused:?}");
        }
        assert!(plan(Ranks::PerLayer(vec![("conv2".into(), 1); 2])).is_err());
        assert!(plan(Ranks::Speedup(0.0)).is_err());
    }
}
