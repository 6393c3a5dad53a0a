//! A pipeline: a list of [`Stage`]s that train and compress one network after each other, by small intervals.
//!
//! [`Pipeline`] runs the list and can be saved and resumed between any two intervals; [`Run`] is what the stages share. A stage
//! of this crate is a file in `stages`; one of another crate needs [`Stage`], `Serialize` and `Deserialize`, and a place in the
//! list.

mod driver;
mod run;
mod stage;
mod stages;

pub use driver::{Pipeline, PipelineError};
pub use run::{Run, StageError, StageModel};
pub use stage::{Measured, Output, Saved, Stage, Stages};
pub(crate) use stages::ROUNDS;
pub use stages::{
    Baseline, Calibration, Channels, Decomposition, Expansion, Goal, GraphOptimization, Integers, LongerBaseline,
    Looks, Pruning, PruningConfig, Redundancy, Sharing, Teaching, Thresholds, quantized_for,
};
