//! Networks and recipes of handwritten Chinese character recognition: what is particular to the task.
//!
//! - [`offline`] and [`online`]: the thesis's network for images and that for pen trajectories, and the configuration of each
//!   stage of their compression.
//! - [`NetworkTrainer`]: training of either, on a [`SampleSet`], as compression drives it.
//! - [`answers`]: what a model answers on a labelled set.
#![forbid(unsafe_code)]

mod answers;
mod baseline;
pub mod offline;
pub mod online;
mod random;
mod recipe;
mod samples;
mod trainer;

pub use answers::{Answer, answers};
pub use baseline::Baseline;
pub use recipe::{Pruning, Recipe, Tier};
pub use samples::SampleSet;
pub use trainer::{NetworkTrainer, TrainError, TrainerState};
