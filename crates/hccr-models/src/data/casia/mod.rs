//! What the files of CASIA's handwriting data have in common, whether they hold images ([`super::gnt`]) or pen trajectories
//! ([`super::pot`]): they are records one after another, one a character, in files one a writer, in folders and archives.

mod error;
mod filter;
mod walk;

pub use error::{CasiaError, CasiaReason};
pub use filter::{CasiaFilter, CasiaLimits, OtherTags};

pub(in crate::data) use error::RecordError;
pub(in crate::data) use filter::Labeller;
pub(in crate::data) use walk::{read_body, read_header, visit};

#[cfg(test)]
pub(in crate::data) mod tests;
