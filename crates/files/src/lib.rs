//! Results on disk: written whole or not at all, into a folder that one run has at a time.
#![forbid(unsafe_code)]

mod lock;
mod replace;

pub use lock::lock;
pub use replace::{rename, replace};
