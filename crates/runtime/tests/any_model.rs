//! Models of every operation, with odd shapes and every form of weight: each instruction set and each kernel gives what the
//! scalar code does.

#[path = "common/any_model.rs"]
mod any_model;
mod common;

use any_model::{Case, any_model, ways};
use common::{Rng, runs};
use hccr_runtime::{IsaKind, Plan};
#[cfg(not(target_family = "wasm"))]
use proptest::prelude::*;
use std::collections::BTreeSet;

#[cfg(not(target_family = "wasm"))]
proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn all_instruction_sets_agree(choices in prop::collection::vec(any::<u8>(), 4..150)) {
        let case = Case::new(&choices);
        case.check_file();
        ways().for_each(|(isa, kernel)| case.check(isa, kernel));
    }
}

/// The same for WebAssembly, for which proptest does not build.
#[test]
#[cfg(target_family = "wasm")]
fn all_instruction_sets_agree() {
    let mut rng = Rng(2);
    for _ in 0..100 {
        let case = Case::new(&choices(&mut rng));
        ways().for_each(|(isa, kernel)| case.check(isa, kernel));
    }
}

fn choices(rng: &mut Rng) -> Vec<u8> {
    (0..4 + rng.next() % 146).map(|_| rng.next() as u8).collect()
}

/// The models above reach every kernel that this machine has.
#[test]
fn every_kernel_runs() {
    let mut rng = Rng(1);
    let mut seen = BTreeSet::new();
    for _ in 0..2000 {
        let (model, _) = any_model(&choices(&mut rng));
        for isa in IsaKind::available() {
            for kernel in Plan::kernels() {
                if runs(&Plan::with_kernel(&model, isa, kernel).unwrap(), kernel) {
                    seen.insert((isa.name(), kernel));
                }
            }
        }
    }
    for isa in IsaKind::available() {
        for kernel in Plan::kernels() {
            let needs_avx512 = ["u8_spmv", "f32_sell"].contains(&kernel);
            assert!(
                seen.contains(&(isa.name(), kernel)) || needs_avx512 && isa != IsaKind::Avx512,
                "{kernel} on {isa}"
            );
        }
    }
}
