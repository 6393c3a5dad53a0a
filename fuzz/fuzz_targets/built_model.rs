//! Models of every operation, with odd shapes and every form of weight. The first byte chooses an instruction set and a kernel, to be
//! compared with the scalar code, or the file. The runtime's tests have the same generator, and try all of them.
#![no_main]

#[path = "../../crates/runtime/tests/common/any_model.rs"]
mod any_model;
#[path = "../../crates/runtime/tests/common/mod.rs"]
mod common;

use any_model::{Case, ways};
use hccr_runtime::IsaKind;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static WAYS: LazyLock<Vec<(IsaKind, Option<&str>)>> = LazyLock::new(|| ways().collect());

fuzz_target!(|data: &[u8]| {
    let Some((&way, choices)) = data.split_first() else { return };
    let case = Case::new(choices);
    match WAYS.get(usize::from(way) % (WAYS.len() + 1)) {
        Some(&(isa, kernel)) => case.check(isa, kernel),
        None => case.check_file(),
    }
});
