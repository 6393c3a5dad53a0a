//! The stage that makes the model's probabilities mean what they say.

use crate::pipeline::{Measured, Output, Run, Stage, StageError};
use crate::{SampleSet, spread};
use hccr_compress::Progress;
use hccr_evaluate::calibration::fit_temperature;
use hccr_nn_train::Optimizer;
use hccr_runtime::{Model, Plan, Session};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Samples that the temperature is fitted on: the logits of so many are held in memory.
const SAMPLES: usize = 4000;

/// Fits the temperature of the model that the stages before it left, on the development set; trains nothing.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Calibration {
    done: bool,
}

impl<O: Optimizer> Stage<O> for Calibration {
    fn name(&self) -> &str {
        "calibrated"
    }

    fn advance(&mut self, _: &mut Run<'_, O>) -> Result<Progress, StageError> {
        self.done = true;
        Ok(Progress { done: 1, total: 1, message: "calibrated".into() })
    }

    fn is_done(&self) -> bool {
        self.done
    }

    fn output(&self, run: &Run<'_, O>) -> Result<Output, StageError> {
        Ok(Output::Model(calibrated(&Model::from_bytes(run.last_model()?)?, run.trainer.dev_set())?))
    }

    fn measured(&self) -> Measured<'_> {
        Measured::Nothing
    }
}

/// `model` with the temperature that suits samples spread over `set` best.
fn calibrated(model: &Model, set: &dyn SampleSet) -> Result<Model, StageError> {
    let plan = Arc::new(Plan::new(model)?);
    let chosen = spread(set.labels().len(), SAMPLES);
    let classes = set.classes().len();
    let mut logits = vec![0.0; chosen.len() * classes];
    let run = |(session, input): &mut (Session, Vec<f32>), (row, &i): (&mut [f32], &usize)| {
        set.fill_input(i, input)?;
        row.copy_from_slice(session.run(input)?);
        Ok(())
    };
    let rows = logits.par_chunks_exact_mut(classes.max(1)).zip(&chosen);
    rows.map_init(|| (Session::new(plan.clone()), Vec::new()), run).collect::<Result<(), StageError>>()?;
    let labels: Vec<u16> = chosen.iter().map(|&i| set.labels()[i]).collect();
    let mut builder = model.clone().edit();
    builder.set_temperature(Some(fit_temperature(&logits, &labels)));
    Ok(builder.finish()?)
}
