//! The stage that makes layers low-rank: GSLRE for convolutions, SVD for matrices.

use hccr_compress::{CompressError, Gslre, Progress, Record, Svd, Trainer};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The state of the stage.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum LowRank {
    Gslre(Gslre),
    Svd(Svd),
}

impl LowRank {
    pub(super) fn advance<T: Trainer>(&mut self, trainer: &mut T) -> Result<Progress, CompressError<T::Error>> {
        match self {
            Self::Gslre(gslre) => gslre.advance(trainer),
            Self::Svd(svd) => svd.advance(trainer),
        }
    }

    pub(super) fn is_done(&self) -> bool {
        match self {
            Self::Gslre(gslre) => gslre.is_done(),
            Self::Svd(svd) => svd.is_done(),
        }
    }

    /// Everything measured while training.
    pub(super) fn records(&self) -> Vec<Record> {
        match self {
            Self::Gslre(gslre) => gslre.history().map(|h| h.record).collect(),
            Self::Svd(svd) => svd.history().to_vec(),
        }
    }

    /// The last thing measured, for the metrics file.
    pub(super) fn last_metric(&self) -> Value {
        match self {
            Self::Gslre(gslre) => json!(gslre.history().last()),
            Self::Svd(svd) => json!(svd.history().last()),
        }
    }
}
