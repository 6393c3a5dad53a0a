//! Trains recognizers on CPU: layers with forward and backward passes, losses, optimizers, checkpoints and export
//! to the runtime's model.
//!
//! Work is divided into chunks of [`CHUNK_IMAGES`](batch::CHUNK_IMAGES) images or
//! [`CHUNK_SEQUENCES`](sequence::CHUNK_SEQUENCES) sequences and sums are taken in a fixed order, so that results are the
//! same, bit for bit, for any number of threads.
#![forbid(unsafe_code)]

mod adam;
pub mod batch;
mod channels;
pub mod checkpoint;
mod evaluate;
mod export;
mod import;
pub mod layers;
mod loss;
mod network;
mod optimizer;
mod packing;
mod param;
mod params_serde;
pub mod sequence;
mod sgd;
mod share;
mod surgery;
mod unfold;

pub use adam::Adam;
pub use batch::Batch;
pub use evaluate::{Evaluation, evaluate, evaluate_sequences};
pub use import::ImportError;
pub use layers::{Layer, Mode};
pub use loss::{Distillation, StepStats, distillation_loss, softmax_cross_entropy};
pub use network::{Network, NetworkError};
pub use optimizer::{Clipped, Optimizer};
pub use packing::Packing;
pub use param::Param;
pub use sgd::Sgd;
pub use share::{Share, Sum, World, sum_in_pairs};
