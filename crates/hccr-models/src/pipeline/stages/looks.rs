//! The stage that makes the model look twice.

use crate::pipeline::{Measured, Output, Run, Stage, StageError};
use hccr_compress::Progress;
use hccr_nn_train::Optimizer;
use hccr_runtime::Model;
use serde::{Deserialize, Serialize};

/// Lets the model that the stages before it left read each image [turned to both sides](Model::tilt); trains nothing.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Looks {
    /// The tangent of the angle, from above 0 to 1.
    tilt: f32,
    done: bool,
}

impl Looks {
    /// Looks turned by the angle of this tangent.
    pub fn new(tilt: f32) -> Self {
        Self { tilt, done: false }
    }
}

impl<O: Optimizer> Stage<O> for Looks {
    fn name(&self) -> &str {
        "two-looks"
    }

    fn advance(&mut self, _: &mut Run<'_, O>) -> Result<Progress, StageError> {
        self.done = true;
        Ok(Progress { done: 1, total: 1, message: "looks twice".into() })
    }

    fn is_done(&self) -> bool {
        self.done
    }

    fn output(&self, run: &Run<'_, O>) -> Result<Output, StageError> {
        let mut model = Model::from_bytes(run.last_model()?)?.edit();
        model.set_tilt(Some(self.tilt));
        Ok(Output::Model(model.finish()?))
    }

    fn measured(&self) -> Measured<'_> {
        Measured::Nothing
    }
}
