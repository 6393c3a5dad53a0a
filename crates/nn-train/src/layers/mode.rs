//! How a forward pass runs.

/// How a forward pass runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Batch statistics, dropout drawn from `seed`, and what the backward pass needs is kept.
    Train {
        /// Seed of this step's random choices.
        seed: u64,
    },
    /// Running statistics, no dropout, nothing kept.
    Eval,
}
