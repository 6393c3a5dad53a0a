//! Random numbers and comparisons that the integration tests share.
#![allow(dead_code)] // each test binary uses its part

pub(crate) mod ink;

use hccr_runtime::{IsaKind, Model, Plan, Session};
use std::sync::Arc;

/// SplitMix64.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in [-1, 1).
    pub(crate) fn value(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    }

    pub(crate) fn values(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.value()).collect()
    }

    /// As `values`, where each is zero but with probability `density`.
    pub(crate) fn sparse_values(&mut self, n: usize, density: f64) -> Vec<f32> {
        (0..n).map(|_| if (self.next() as f64) < density * u64::MAX as f64 { self.value() } else { 0.0 }).collect()
    }
}

pub(crate) fn run(model: &Model, isa: IsaKind, input: &[f32]) -> Vec<f32> {
    let plan = Plan::with_isa(model, isa).unwrap();
    Session::new(Arc::new(plan)).run(input).unwrap().to_vec()
}

/// The name of the kernel for layers with a matrix that `kernel` begins with, as [`Plan::kernels`] lists it.
pub(crate) fn kind(kernel: &str) -> Option<&'static str> {
    Plan::kernels().filter(|name| kernel.starts_with(name)).max_by_key(|name| name.len())
}

/// Whether a layer of the plan runs `kernel`.
pub(crate) fn runs(plan: &Plan, kernel: &str) -> bool {
    plan.layers().iter().any(|layer| kind(&layer.kernel) == Some(kernel))
}

/// The answer where `kernel` runs each layer that it fits; `None` where it fits none.
pub(crate) fn run_with(model: &Model, isa: IsaKind, kernel: &str, input: &[f32]) -> Option<Vec<f32>> {
    let plan = Plan::with_kernel(model, isa, kernel).unwrap();
    runs(&plan, kernel).then(|| Session::new(Arc::new(plan)).run(input).unwrap().to_vec())
}

/// Fails where an element is off by more than `tolerance` of the largest wanted one.
pub(crate) fn assert_close(found: &[f32], want: &[f32], tolerance: f32, what: &str) {
    assert_sums_close(found, want, tolerance, 1e-3, what);
}

/// The same for sums whose terms are about as large as `terms`: where they cancel, what is rounded is not small.
pub(crate) fn assert_sums_close(found: &[f32], want: &[f32], tolerance: f32, terms: f32, what: &str) {
    assert_eq!(found.len(), want.len(), "{what}");
    let largest = want.iter().fold(terms, |m, v| m.max(v.abs()));
    for (i, (f, w)) in found.iter().zip(want).enumerate() {
        assert!((f - w).abs() <= tolerance * largest, "{what}: element {i} is {f}, wanted {w}");
    }
}
