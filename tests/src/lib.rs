//! End-to-end tests live in `tests/`. The programs of the project's README are tested here too.

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
