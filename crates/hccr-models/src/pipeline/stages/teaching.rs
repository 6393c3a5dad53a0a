//! The stage from which on the network learns from another one's answers, too.

use crate::Teacher;
use crate::pipeline::{Measured, Output, Run, Stage, StageError};
use hccr_compress::Progress;
use hccr_nn_train::{Distillation, Optimizer};
use serde::{Deserialize, Serialize};

/// Makes a copy of the network the teacher of all later stages; trains nothing.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Teaching {
    how: Distillation,
    done: bool,
}

impl Teaching {
    /// Later stages learn from it as `how` says.
    pub fn new(how: Distillation) -> Self {
        Self { how, done: false }
    }
}

impl<O: Optimizer> Stage<O> for Teaching {
    fn name(&self) -> &str {
        "teacher"
    }

    fn advance(&mut self, run: &mut Run<'_, O>) -> Result<Progress, StageError> {
        let teacher = Teacher::new(&run.trainer.state().network, self.how);
        run.trainer.set_teacher(Some(teacher));
        self.done = true;
        Ok(Progress { done: 1, total: 1, message: "later stages learn from it".into() })
    }

    fn is_done(&self) -> bool {
        self.done
    }

    fn output(&self, _: &Run<'_, O>) -> Result<Output, StageError> {
        Ok(Output::Nothing)
    }

    fn measured(&self) -> Measured<'_> {
        Measured::Nothing
    }
}
