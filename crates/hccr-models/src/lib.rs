//! Networks, data sets and recipes of handwritten Chinese character recognition: what is particular to the task.
//!
//! - [`data`]: labelled images and inks, simulated from stroke skeletons or read from GNT and POT files.
//! - [`offline`]: the thesis's network for images, its training, and the configuration of each stage of its compression.
//! - [`scut`]: the importer of the network that was published with the thesis.
//! - [`answers`]: what a model answers on a labelled set.
//! - [`export`]: models as ONNX and safetensors.
//!
//! Every image, for training as for recognition, passes through [`hccr_runtime::preprocess::normalize`].
#![forbid(unsafe_code)]

mod answers;
pub mod data;
pub mod export;
pub mod offline;
pub mod scut;

pub use answers::{Answer, answers};
