//! The reproduction binary.
fn main() {}
