//! Networks and recipes of handwritten Chinese character recognition: what is particular to the task.
//!
//! - [`offline`] and [`online`]: the thesis's network for images and that for pen trajectories, and the configuration of each
//!   stage of their compression.
//! - [`pipeline`]: the stages of training and compression, one list for each network.
//! - [`NetworkTrainer`]: training of either, on a [`SampleSet`], as compression drives it, by an [`Engine`].
//! - [`conformance`]: what every [`Engine`] is held to, for its tests.
//! - [`answers`]: what a model answers on a labelled set.
#![forbid(unsafe_code)]

mod answers;
pub mod conformance;
mod engine;
mod inferred;
pub mod offline;
pub mod online;
pub mod pipeline;
mod recipe;
mod samples;
mod shipped;
mod thesis;
mod trainer;
mod workload;

pub use answers::{Answer, answers};
pub use engine::{Engine, InProcess, MiniBatch, Teacher, Work};
pub use inferred::infer_new_classes;
pub use recipe::{DISTILLATION, Recipe, Tier};
pub use samples::{SampleError, SampleSet, Samples, spread};
pub use shipped::{BeginError, CharacterSet, Shipping};
pub use thesis::ThesisForm;
pub use trainer::{NetworkTrainer, TrainError, TrainerState};
pub use workload::{StageLoad, Workload};
