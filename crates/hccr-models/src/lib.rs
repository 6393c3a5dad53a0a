#![forbid(unsafe_code)]
//! TODO
pub mod data;
pub mod export;
pub mod offline;
pub mod scut;
