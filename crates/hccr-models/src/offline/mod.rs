//! Offline recognition: images of characters.

mod augmented;
mod cnn9;
mod endless;
mod images;
mod mean;
mod recipe;
mod shipped;
mod thesis;

pub use augmented::AugmentedImages;
pub use cnn9::cnn9;
pub use endless::EndlessImages;
pub use mean::mean_image;
pub use recipe::OfflineRecipe;
pub use thesis::{quantized_for_noise, thesis_network};

/// Trains an offline network.
pub type OfflineTrainer<'a> = crate::NetworkTrainer<'a, hccr_nn_train::Sgd>;
