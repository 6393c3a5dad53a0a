//! Data sets, of images and of pen trajectories: real characters from GNT and POT files, synthetic ones from the handwriting
//! simulator.

pub mod casia;
pub mod gb2312;
pub mod gnt;
pub mod image_set;
pub mod ink_set;
pub mod pot;
pub mod render;
pub mod simulator;
pub mod strokes;

pub use casia::{CasiaError, CasiaFilter, CasiaLimits, CasiaReason, OtherTags};
pub use gnt::load_gnt;
pub use image_set::ImageSet;
pub use ink_set::InkSet;
pub use pot::load_pot;
pub use simulator::{SimulatorConfig, SimulatorError, Split, Writer, simulate, simulate_ink};

/// The side of a normalised character image, in pixels.
pub const IMAGE_SIZE: usize = 96;
