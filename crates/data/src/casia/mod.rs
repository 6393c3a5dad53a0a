//! What the files of CASIA's handwriting data have in common, whether they hold images (`gnt`) or pen trajectories
//! (`pot`): they are records one after another, one per character, in one file per writer, in folders and archives.

mod archive;
mod error;
mod filter;
mod kind;
mod walk;

pub use error::{CasiaError, CasiaReason};
pub use filter::{CasiaFilter, CasiaLimits, OtherTags};

pub(crate) use archive::archive;
pub(crate) use error::{MAX_SIDE, RecordError};
pub(crate) use filter::{Labeller, Labels};
pub(crate) use walk::{Source, read_body, read_header, visit, visit_from};

#[cfg(test)]
pub(crate) mod tests;
