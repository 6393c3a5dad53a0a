//! The stage that makes the weights of each layer share a few values.

use crate::pipeline::{Measured, Output, Run, Stage, StageError};
use hccr_compress::{Centres, LayerInfo, LayerKind, Phase, Progress, Sharing as Work, SharingConfig, Trainer};
use hccr_nn_train::Optimizer;
use serde::{Deserialize, Serialize};

/// Makes the weights of all layers, or of all but the first, share values ([`hccr_compress::Sharing`]).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sharing {
    convolution: u8,
    matrix: u8,
    phase: Phase,
    centres: Centres,
    spares_first: bool,
    work: Option<Work>,
}

impl Sharing {
    /// Labels of so many bits for each convolution and for each matrix; their values are trained in `phase` afterwards.
    pub fn new(convolution: u8, matrix: u8, phase: Phase) -> Self {
        Self { convolution, matrix, phase, centres: Centres::default(), spares_first: false, work: None }
    }

    /// The same without the first layer.
    #[must_use]
    pub fn sparing_first(self) -> Self {
        Self { spares_first: true, ..self }
    }

    /// The same with centres chosen in another way than by k-means.
    #[must_use]
    pub fn with_centres(self, centres: Centres) -> Self {
        Self { centres, ..self }
    }
}

impl<O: Optimizer> Stage<O> for Sharing {
    fn name(&self) -> &str {
        "codebook"
    }

    fn advance(&mut self, run: &mut Run<'_, O>) -> Result<Progress, StageError> {
        let sharing = match &mut self.work {
            Some(sharing) => sharing,
            none => {
                let bits = |layer: &LayerInfo| match layer.kind {
                    LayerKind::Conv2d(_) => self.convolution,
                    LayerKind::Linear(_) => self.matrix,
                };
                let layers = run.trainer.layers();
                let shared = layers.iter().skip(usize::from(self.spares_first));
                let named = shared.map(|layer| (layer.name.clone(), bits(layer))).collect();
                let config = SharingConfig { layers: named, phase: self.phase.clone() };
                none.insert(Work::new(config, &layers)?.with_centres(self.centres))
            }
        };
        Ok(sharing.advance(&mut run.trainer)?)
    }

    fn is_done(&self) -> bool {
        self.work.as_ref().is_some_and(Work::is_done)
    }

    fn output(&self, run: &Run<'_, O>) -> Result<Output, StageError> {
        Ok(Output::Model(run.network()?))
    }

    fn measured(&self) -> Measured<'_> {
        Measured::Retraining {
            before: self.work.as_ref().and_then(Work::quantized_accuracy),
            history: self.work.as_ref().map_or(&[], Work::history),
        }
    }
}
