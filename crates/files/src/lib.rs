//! Files: results that are written whole or not at all, into a folder that one run has at a time, and files that a user names.
#![forbid(unsafe_code)]

mod lock;
mod read;
mod replace;

pub use lock::lock;
pub use read::read;
pub use replace::{rename, replace};
