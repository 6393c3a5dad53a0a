//! The recipe of the shipped online models.

use super::{Augmentation, OnlineRecipe, lstm2};
use crate::pipeline::{Calibration, Stages};
use crate::recipe::{self, Recipe};
use crate::shipped::{Reduction, Shipping};
use hccr_compress::{MatrixRanks, SvdConfig};
use hccr_nn_train::{Adam, Clipped};
use hccr_random::Rng;

impl OnlineRecipe {
    /// Steps of the ink that a shipped network reads together.
    pub const SHIPPED_STEPS_AT_ONCE: usize = 2;

    /// The recipe of a shipped model, which trains on ink without end. One that is trained on has its factors from the beginning.
    pub fn shipped(shipping: &Shipping) -> Self {
        let peak = if shipping.smoke { 0.006 } else { shipping.rate(0.002) };
        let (hidden_sizes, ranks) = if shipping.smoke { ([16, 32], [8, 12, 12]) } else { ([100, 512], [32, 48, 64]) };
        // A wide last layer leaves few weights to the file.
        let size =
            if shipping.smoke { Reduction { macs: 6.0, weights: 4.0 } } else { Reduction { macs: 31.5, weights: 8.2 } };
        let whole = lstm2(shipping.classes().len(), hidden_sizes, 0.0, &mut Rng::new(0, 0)).expect("layers with units");
        let ranks = ["lstm1_h", "lstm2_x", "lstm2_h"].into_iter().map(String::from).zip(ranks).collect();
        Self {
            common: Recipe {
                data: shipping.simulator(),
                batch_size: shipping.batch_size,
                baseline: match &shipping.from {
                    None => shipping.phase(1e7, peak, 0.0, 8),
                    Some(_) => shipping.phase(2e6, 0.5 * peak, 0.05, 8),
                },
                longer_baseline: None,
                distillation: None,
                patience: None,
                cra: recipe::cra(0.15),
                goal: size.goal(shipping, &whole, Self::SHIPPED_STEPS_AT_ONCE),
                adw: shipping.pruning(if shipping.from.is_some() { 4e6 } else { 8e6 }, 0.6 * peak, 6),
                spares_first: false,
                label_bits: [5, 5],
                sharing: shipping.phase(1e6, 0.1 * peak, 0.01, 2),
            },
            hidden_sizes,
            steps_at_once: Self::SHIPPED_STEPS_AT_ONCE,
            // A finished model has none left.
            dropout: if shipping.smoke || shipping.from.is_some() { 0.0 } else { 0.2 },
            augmentation: Augmentation { dropped_points: 0.3, lean: 0.0, elastic: 0.0 },
            optimizer: Clipped { optimizer: Adam::default(), max_norm: 1.0 },
            svd: shipping.from.is_none().then(|| SvdConfig {
                ranks: MatrixRanks::PerLayer(ranks),
                phase: shipping.phase(3e6, 0.3 * peak, 0.01, 3),
            }),
        }
    }

    /// The stages of a shipped model, in order.
    pub fn shipped_stages(&self) -> Stages<Clipped<Adam>> {
        let mut stages = self.stages();
        stages.push(Box::new(Calibration::default()));
        stages
    }
}
