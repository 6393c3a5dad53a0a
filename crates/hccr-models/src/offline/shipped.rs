//! The recipe of the shipped offline models.

use super::{OfflineRecipe, cnn9};
use crate::pipeline::{Calibration, Looks, Stages};
use crate::recipe::{self, Recipe};
use crate::shipped::{Reduction, Shipping};
use hccr_compress::{GslreConfig, Ranks};
use hccr_nn_train::Sgd;
use hccr_random::Rng;

/// How far a shipped model looks to both sides: of 0.03, 0.07 and 0.1 the one that read the most of people's writing.
const TILT: f32 = 0.1;

impl OfflineRecipe {
    /// The recipe of a shipped model: a network of half the thesis's width, which trains on writing without end. One that is trained on
    /// is low-rank from the beginning.
    pub fn shipped(shipping: &Shipping) -> Self {
        let peak = shipping.rate(0.1);
        let width = if shipping.smoke { 0.084 } else { 0.5 };
        let size =
            if shipping.smoke { Reduction { macs: 4.0, weights: 4.0 } } else { Reduction { macs: 9.2, weights: 6.2 } };
        let classes = shipping.classes().len();
        let whole = cnn9(classes, width, 0.0, &mut Rng::new(0, 0)).expect("layers with channels");
        Self {
            common: Recipe {
                data: shipping.simulator(),
                batch_size: shipping.batch_size,
                baseline: match &shipping.from {
                    None => shipping.phase(8e6, peak, 0.0, 8),
                    Some(_) => shipping.phase(4e6, 0.15 * peak, 0.01, 8),
                },
                longer_baseline: None,
                distillation: None,
                patience: None,
                cra: recipe::cra(0.1),
                goal: size.goal(shipping, &whole, 1),
                adw: shipping.pruning(5e6, if shipping.from.is_some() { 0.15 } else { 0.3 } * peak, 6),
                spares_first: false,
                label_bits: [5, 4],
                sharing: shipping.phase(5e5, 0.04 * peak, 0.01, 2),
            },
            width,
            // No sample comes twice, so there is little to overfit but the simulator itself.
            dropout: if shipping.smoke || shipping.from.is_some() { 0.0 } else { 0.1 },
            optimizer: Sgd { momentum: 0.9, weight_decay: 1e-4 },
            channels: None,
            gslre: shipping.from.is_none().then(|| GslreConfig {
                ranks: Ranks::Speedup(3.5),
                layer_phase: shipping.phase(1e5, 0.15 * peak, 0.01, 1),
                joint_phase: shipping.phase(2.5e6, 0.3 * peak, 0.01, 3),
            }),
        }
    }

    /// The stages of a shipped model, in order; `seed` chooses the samples that the integers' ranges are measured on.
    pub fn shipped_stages(&self, seed: u64) -> Stages<Sgd> {
        let mut stages = self.stages(seed);
        stages.push(Box::new(Looks::new(TILT)));
        stages.push(Box::new(Calibration::default()));
        stages
    }
}
