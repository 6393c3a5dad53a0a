//! The stage that makes convolutions low-rank: GSLRE.

use crate::pipeline::{Measured, Output, Run, Stage, StageError};
use hccr_compress::{Gslre, GslreConfig, Progress, Trainer};
use hccr_nn_train::Optimizer;
use serde::{Deserialize, Serialize};

/// Makes convolutions low-rank ([`Gslre`]).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Expansion {
    config: GslreConfig,
    fits_outputs: bool,
    work: Option<Gslre>,
}

impl Expansion {
    /// An expansion as `config` has it.
    pub fn new(config: GslreConfig) -> Self {
        Self { config, fits_outputs: false, work: None }
    }

    /// The same with pairs that are fitted to the outputs of their layer ([`Gslre::fitting_outputs`]).
    #[must_use]
    pub fn fitting_outputs(self) -> Self {
        Self { fits_outputs: true, ..self }
    }
}

impl<O: Optimizer> Stage<O> for Expansion {
    fn name(&self) -> &str {
        "gslre"
    }

    fn advance(&mut self, run: &mut Run<'_, O>) -> Result<Progress, StageError> {
        let gslre = match &mut self.work {
            Some(gslre) => gslre,
            none => {
                let gslre = Gslre::new(self.config.clone(), &run.trainer.layers())?;
                none.insert(if self.fits_outputs { gslre.fitting_outputs() } else { gslre })
            }
        };
        Ok(gslre.advance(&mut run.trainer)?)
    }

    fn is_done(&self) -> bool {
        self.work.as_ref().is_some_and(Gslre::is_done)
    }

    fn output(&self, run: &Run<'_, O>) -> Result<Output, StageError> {
        Ok(Output::Model(run.network()?))
    }

    fn measured(&self) -> Measured<'_> {
        Measured::Expansion(self.work.as_ref().map_or(&[], Gslre::history))
    }
}
