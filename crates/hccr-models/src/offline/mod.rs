//! Offline recognition: images of characters.

mod baseline;
mod cnn9;
mod mean;
mod recipe;
mod thesis;
mod trainer;

pub use baseline::Baseline;
pub use cnn9::cnn9;
pub use mean::mean_image;
pub use recipe::{Pruning, Recipe, Tier};
pub use thesis::{ThesisStage, thesis_network};
pub use trainer::{OfflineTrainer, TrainError, TrainerState};
