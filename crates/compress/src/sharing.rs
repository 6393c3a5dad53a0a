//! Weight sharing of a whole network: quantize every layer, then fine-tune the centres.

use crate::codebook::{Centres, Codebook};
use crate::error::{CompressError, InputError};
use crate::layer::LayerInfo;
use crate::layers::check_names;
use crate::phase::{Phase, Progress, Record, Retraining};
use crate::trainer::Trainer;
use hccr_constraint::Constraint;
use serde::{Deserialize, Serialize};

/// Configuration of [`Sharing`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SharingConfig {
    /// Layers whose non-zero weights come to share values, each with the bits of a label: `2^bits - 1` values at most.
    pub layers: Vec<(String, u8)>,
    /// Training of the centres afterwards.
    pub phase: Phase,
}

/// What quantizing a layer did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SharedLayer {
    /// Its name.
    pub layer: String,
    /// Number of different non-zero values.
    pub centres: usize,
    /// Sum of squared errors as a share of the sum of squared weights.
    pub relative_error: f32,
}

/// The state of weight sharing; it can be saved and resumed between any two calls of [`advance`](Self::advance).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sharing {
    layers: Vec<(String, u8)>,
    centres: Centres,
    shared: Vec<SharedLayer>,
    retraining: Retraining,
}

impl Sharing {
    /// Plans the sharing in a network of `layers`.
    ///
    /// # Errors
    /// [`InputError`] where the configuration does not fit the layers.
    pub fn new(config: SharingConfig, layers: &[LayerInfo]) -> Result<Self, InputError> {
        let retraining = Retraining::new(config.phase)?;
        check_names(layers, config.layers.iter().map(|(name, _)| name))?;
        Ok(Self { layers: config.layers, centres: Centres::default(), shared: Vec::new(), retraining })
    }

    /// The same with centres chosen in another way than by k-means.
    #[must_use]
    pub fn with_centres(self, centres: Centres) -> Self {
        Self { centres, ..self }
    }

    /// The layers quantized so far.
    pub fn layers(&self) -> &[SharedLayer] {
        &self.shared
    }

    /// Share of held-out samples recognized between quantizing and fine-tuning, once measured.
    pub fn quantized_accuracy(&self) -> Option<f32> {
        self.retraining.accuracy_before
    }

    /// Everything measured while fine-tuning.
    pub fn history(&self) -> &[Record] {
        self.retraining.phase.history()
    }

    /// Whether all is done.
    pub fn is_done(&self) -> bool {
        self.retraining.is_done()
    }

    /// Quantizes one layer; when all are, evaluates, and then trains the centres for one interval per call.
    ///
    /// # Errors
    /// [`CompressError`] where the trainer fails or a layer cannot be quantized as asked.
    pub fn advance<T: Trainer>(&mut self, trainer: &mut T) -> Result<Progress, CompressError<T::Error>> {
        let message = if self.is_done() {
            "done".into()
        } else if let Some((name, bits)) = self.layers.get(self.shared.len()) {
            let layer = share(trainer, name, self.centres, *bits)?;
            let message = format!("{name}: {} centres", layer.centres);
            self.shared.push(layer);
            message
        } else {
            self.retraining.advance(trainer, "quantized")?
        };
        let total = self.layers.len() + self.retraining.phase.steps();
        Ok(Progress { done: self.shared.len() + self.retraining.phase.step(), total, message })
    }
}

fn share<T: Trainer>(
    trainer: &mut T,
    name: &str,
    centres: Centres,
    bits: u8,
) -> Result<SharedLayer, CompressError<T::Error>> {
    let weight = trainer.weight(name).map_err(CompressError::Trainer)?;
    let codebook = Codebook::of(centres, &weight, bits).map_err(|e| InputError::layer(name, e.to_string()))?;
    let values: Vec<f32> = codebook.values().collect();
    trainer.set_weight(name, &values).map_err(CompressError::Trainer)?;
    let layer =
        SharedLayer { layer: name.into(), centres: codebook.centres.len(), relative_error: codebook.relative_error };
    trainer.set_constraint(name, Constraint::Shared(codebook.labels)).map_err(CompressError::Trainer)?;
    Ok(layer)
}
