//! The reproduction binary.
mod report;

fn main() {}
