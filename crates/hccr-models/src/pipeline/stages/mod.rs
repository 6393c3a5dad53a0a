//! The stages, one per file.

mod baseline;
mod calibration;
mod channels;
mod decomposition;
mod expansion;
mod graph_optimization;
mod integers;
mod longer;
mod looks;
mod pruning;
mod redundancy;
mod sharing;
mod teaching;

pub use baseline::Baseline;
pub use calibration::Calibration;
pub use channels::Channels;
pub use decomposition::Decomposition;
pub use expansion::Expansion;
pub use graph_optimization::GraphOptimization;
pub use integers::{Integers, quantized_for};
pub use longer::LongerBaseline;
pub use looks::Looks;
pub use pruning::{Pruning, PruningConfig, Thresholds};
pub(crate) use redundancy::ROUNDS;
pub use redundancy::{Goal, Redundancy};
pub use sharing::Sharing;
pub use teaching::Teaching;
