//! The stage that rewrites the model by the passes of graph optimization.

use crate::pipeline::{Measured, Output, Run, Stage, StageError};
use hccr_compress::Progress;
use hccr_nn_train::Optimizer;
use hccr_runtime::Model;
use serde::{Deserialize, Serialize};

/// Optimizes the graph of the model that the stages before it left; trains nothing.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct GraphOptimization {
    done: bool,
}

impl<O: Optimizer> Stage<O> for GraphOptimization {
    fn name(&self) -> &str {
        "graph-opt"
    }

    fn advance(&mut self, _: &mut Run<'_, O>) -> Result<Progress, StageError> {
        self.done = true;
        Ok(Progress { done: 1, total: 1, message: "optimized".into() })
    }

    fn is_done(&self) -> bool {
        self.done
    }

    fn output(&self, run: &Run<'_, O>) -> Result<Output, StageError> {
        Ok(Output::Model(hccr_graph_opt::optimize(&Model::from_bytes(run.last_model()?)?)))
    }

    fn measured(&self) -> Measured<'_> {
        Measured::Nothing
    }
}
