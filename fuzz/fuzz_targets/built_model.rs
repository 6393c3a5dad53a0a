//! Models of every operation, with odd shapes and every form of weight: each instruction set and each kernel against the scalar
//! code. The runtime's tests have the same generator.
#![no_main]

#[path = "../../crates/runtime/tests/common/any_model.rs"]
mod any_model;
#[path = "../../crates/runtime/tests/common/mod.rs"]
mod common;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|choices: &[u8]| any_model::check(choices));
