//! Networks, data sets and recipes of handwritten Chinese character recognition: what is particular to the task.
//!
//! - [`data`]: labelled images and inks, simulated from stroke skeletons or read from GNT and POT files.
//! - [`offline`] and [`online`]: the thesis's network for images and that for pen trajectories, and the configuration of each
//!   stage of their compression.
//! - [`NetworkTrainer`]: training of either, on a [`SampleSet`], as compression drives it.
//! - [`scut`]: the importer of the network that was published with the thesis.
//! - [`answers`]: what a model answers on a labelled set.
//! - [`export`]: models as ONNX and safetensors.
//!
//! Every image, for training as for recognition, passes through [`hccr_runtime::preprocess::normalize`], every ink through
//! [`hccr_runtime::ink::normalize`].
#![forbid(unsafe_code)]

mod answers;
mod baseline;
pub mod data;
pub mod export;
pub mod offline;
pub mod online;
mod random;
mod recipe;
mod samples;
pub mod scut;
mod trainer;

pub use answers::{Answer, answers};
pub use baseline::Baseline;
pub use recipe::{Pruning, Recipe, Tier};
pub use samples::SampleSet;
pub use trainer::{NetworkTrainer, TrainError, TrainerState};
