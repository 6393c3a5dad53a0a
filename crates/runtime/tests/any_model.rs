//! Models of every operation, with odd shapes and every form of weight: each instruction set and each kernel gives what the
//! scalar code does.
#![cfg(not(target_family = "wasm"))] // proptest does not build for it

#[path = "common/any_model.rs"]
mod any_model;
mod common;

use any_model::{any_model, error_bound};
use common::{Rng, runs};
use hccr_runtime::{IsaKind, Model, Plan, Session};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;

/// All outputs.
fn outputs(plan: Plan, input: &[f32]) -> Vec<Vec<f32>> {
    let mut session = Session::new(Arc::new(plan));
    let all =
        |session: &Session| (0..session.plan().output_count()).map(|i| session.output(i).unwrap().to_vec()).collect();
    session.run(input).unwrap();
    let first: Vec<Vec<f32>> = all(&session);
    // What another sample left in the memory changes no bit.
    let other: Vec<f32> = input.iter().map(|x| 1.5 - 3.0 * x).collect();
    session.run(&other).unwrap();
    session.run(input).unwrap();
    let bits = |outputs: &[Vec<f32>]| outputs.concat().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&all(&session)), bits(&first));
    first
}

/// Fails where an element of an output is off by more than the output's bound.
fn assert_within(found: &[Vec<f32>], want: &[Vec<f32>], bounds: &[f32], what: &str) {
    for (output, (found, want)) in found.iter().zip(want).enumerate() {
        assert_eq!(found.len(), want.len(), "{what}");
        for (i, (f, w)) in found.iter().zip(want).enumerate() {
            let bound = bounds[output];
            assert!((f - w).abs() <= bound, "{what}: element {i} of output {output} is {f}, wanted {w} +- {bound}");
        }
    }
}

fn check(choices: &[u8]) {
    let (model, input) = any_model(choices);
    let file = model.to_bytes();
    assert_eq!(Model::from_bytes(&file).unwrap(), model);
    let want = outputs(Plan::with_isa(&model, IsaKind::Scalar).unwrap(), &input);
    let bounds = error_bound(&model, &input);
    for isa in IsaKind::available() {
        let plan = Plan::with_isa(&model, isa).unwrap();
        let table = plan.to_string();
        assert_within(&outputs(plan, &input), &want, &bounds, &table);
        for kernel in Plan::kernels() {
            let plan = Plan::with_kernel(&model, isa, kernel).unwrap();
            if runs(&plan, kernel) {
                let table = plan.to_string();
                assert_within(&outputs(plan, &input), &want, &bounds, &table);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn all_instruction_sets_agree(choices in prop::collection::vec(any::<u8>(), 4..150)) {
        check(&choices);
    }
}
/// The models above reach every kernel that this machine has.
#[test]
fn every_kernel_runs() {
    let mut rng = Rng(1);
    let mut seen = BTreeSet::new();
    for _ in 0..2000 {
        let choices: Vec<u8> = (0..4 + rng.next() % 146).map(|_| rng.next() as u8).collect();
        let (model, _) = any_model(&choices);
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
