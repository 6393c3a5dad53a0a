//! The command line of `hccr`: reads handwritten Chinese characters from pictures and pen strokes, and measures, describes and
//! exports models. A library beside the program, so that it can be fuzzed.
#![forbid(unsafe_code)]

mod bench;
mod command;
mod describe;
mod export;
mod ink;
mod man;
mod read;
mod serve;

pub use command::Command;
