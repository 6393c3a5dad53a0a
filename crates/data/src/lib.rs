//! Labelled handwriting: real characters from GNT, POT and picture files, synthetic ones from the handwriting simulator.
//!
//! - [`load_gnt`] and [`load_pot`] read the files of CASIA's data bases as an [`ImageSet`] and as an [`InkSet`]; [`gnt_archive`] and
//!   [`pot_archive`] write such files.
//! - [`pack_gnt`] and [`pack_pot`] pack such files into one, of which [`PackedImages`] and [`PackedInks`] read samples in any order without holding them in
//!   memory.
//! - [`load_pictures`] reads PNG, JPEG, BMP and WebP files, whose characters their names or folders tell.
//! - [`simulate`] and [`simulate_ink`] write both from the stroke skeletons of [`strokes`], and a [`Simulator`] writes without end;
//!   [`render`] draws a pen's [`Trajectory`] as an image.
//! - An [`ImageAugmentation`] writes an image in another way, and a [`Field`] bends an ink.
//! - [`gb2312`] numbers the characters.
//!
//! Every image passes through [`hccr_runtime::image::normalize`], for training as for recognition.
#![forbid(unsafe_code)]

mod augmentation;
mod casia;
mod distort;
mod field;
pub mod gb2312;
mod gnt;
mod image_set;
mod ink_set;
mod pack;
mod pictures;
mod pot;
pub mod render;
mod simulator;
pub mod strokes;
mod trajectory;

pub use augmentation::ImageAugmentation;
pub use casia::{CasiaError, CasiaFilter, CasiaLimits, CasiaReason, OtherTags};
pub use distort::{joined, shuffled};
pub use field::Field;
pub use gnt::{gnt_archive, load_gnt};
pub use image_set::{IMAGE_SIZE, ImageSet};
pub use ink_set::InkSet;
pub use pack::{Packed, PackedImages, PackedInks, PackedRecords, Unusable, is_packed, pack_gnt, pack_pot};
pub use pictures::{PictureError, load_pictures};
pub use pot::{load_pot, pot_archive};
pub use simulator::{Simulator, SimulatorConfig, SimulatorError, Split, SplitSize, Writer, simulate, simulate_ink};
pub use trajectory::{PenPoint, Trajectory};
