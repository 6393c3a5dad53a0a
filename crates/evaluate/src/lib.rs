//! How well a model reads labelled samples.
//!
//! - A [`Reader`] gives the probabilities of its labels for each sample of a set: [`ImageReader`], [`InkReader`], or
//!   [`FusedReader`] for both networks on one ink.
//! - [`answers`] reads a whole set, and [`Figures`] says how well: top-1, top-5 and top-10 accuracy, per writer too, calibration,
//!   risk against coverage, and the characters that are confused most. [`time`] takes the time, [`macs`] counts.
//! - [`realism`] compares simulated writing with real writing.
//! - [`calibration`] fits the temperature of a model.
//!
//! The model and the samples may have different characters. A sample of a character that the model does not know is left out and
//! counted apart ([`Unknown`]); [`Reader::restricted`] leaves out the labels that no sample has.
#![forbid(unsafe_code)]

mod answers;
pub mod calibration;
mod cost;
mod coverage;
mod figures;
mod mistakes;
mod reader;
pub mod realism;

pub use answers::{Answer, answers};
pub use cost::{macs, time};
pub use coverage::RiskCoverage;
pub use figures::{Figures, Unknown, WriterAccuracy};
pub use mistakes::{ConfusedPair, Mistakes};
pub use reader::{FusedReader, ImageReader, InkReader, ReadError, Reader, Samples, image_of_ink, images_of_inks};
