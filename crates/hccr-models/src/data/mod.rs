//! Data sets: real characters from GNT files, synthetic ones from the handwriting simulator.

pub mod gb2312;
pub mod gnt;
pub mod image_set;
pub mod render;
pub mod simulator;
pub mod strokes;

pub use gnt::{GntError, GntFilter, GntLimits, GntReason, OtherTags, load_gnt};
pub use image_set::ImageSet;
pub use simulator::{SimulatorConfig, SimulatorError, Split, Writer, simulate};

/// The side of a normalised character image, in pixels.
pub const IMAGE_SIZE: usize = 96;
