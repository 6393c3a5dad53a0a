//! Online recognition: pen trajectories of characters.

mod endless;
mod lstm2;
mod packed;
mod recipe;
mod sequences;
mod shipped;
mod thesis;

pub use endless::EndlessInks;
pub use lstm2::{lstm2, reading_at_once};
pub use packed::PackedSequences;
pub use recipe::OnlineRecipe;
pub use sequences::{Augmentation, SequenceSet};
pub use thesis::thesis_network;

/// Trains an online network.
pub type OnlineTrainer<'a> = crate::NetworkTrainer<'a, hccr_nn_train::Clipped<hccr_nn_train::Adam>>;
