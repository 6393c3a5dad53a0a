//! Compresses trained networks, as in Xiao's thesis (2018): low-rank expansion of convolutions ([`Gslre`])
//! and of matrices ([`Svd`]), redundancy analysis ([`Cra`]), adaptive pruning ([`Adw`]) and weight sharing ([`Sharing`]); and beyond it
//! channel pruning ([`ChannelPruning`]).
//! [`quantize`] then turns a finished model of images into one of integers.
//!
//! Each of the stages is a state machine: made from a configuration and the network's layers, it does a small piece of work
//! at every call of `advance`, until `is_done`. Between two calls the caller may save the state together with the trainer,
//! and resume from both later. A network is trained through the [`Trainer`] trait alone.
#![forbid(unsafe_code)]

mod adw;
mod channels;
mod codebook;
mod cra;
mod error;
mod gslre;
mod kmeans;
mod layer;
mod layers;
mod lowrank;
mod magnitude;
mod phase;
mod quantize;
mod reconstruction;
mod schedule;
mod sharing;
mod slope;
mod svd;
mod targets;
mod trainer;

pub use adw::{Adw, AdwConfig, PruningRecord, Strategy};
pub use channels::{ChannelPruning, ChannelPruningConfig, with_channels_kept};
pub use codebook::{Centres, Codebook, released_scheme_bytes};
pub use cra::{Cra, CraConfig, RedundancyCurve};
pub use error::{CompressError, InputError};
pub use gslre::{Gslre, GslreConfig, GslreRecord, Ranks};
pub use layer::{LayerInfo, LayerKind};
pub use lowrank::{Decomposition, LowRankPair, max_rank, rank_for_speedup};
pub use magnitude::{Block, BlockShapes};
pub use phase::{Phase, Progress, Record};
pub use quantize::{QuantizeError, quantize};
pub use schedule::Schedule;
pub use sharing::{SharedLayer, Sharing, SharingConfig};
pub use svd::{DecomposedLayer, MatrixRanks, Svd, SvdConfig};
pub use targets::{Budget, Targets, cost};
pub use trainer::{TrainStats, Trainer};
