//! A model file: loaded, planned and run once. Its length and checksum are set right, so that what follows them is reached.
#![no_main]

mod mend;

use hccr_runtime::{Limits, Model, Plan, Session};
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

fuzz_target!(|data: &[u8]| {
    let file = mend::model(data);
    let limits = Limits { memory_bytes: 1 << 24, macs: 1 << 24 };
    let Ok(model) = Model::from_bytes_with_limits(&file, limits) else { return };
    assert_eq!(model.clone().edit().finish().as_ref(), Ok(&model), "a model that was read is valid");
    assert_eq!(Model::from_bytes(&model.to_bytes()).as_ref(), Ok(&model), "what is written is read");
    let Ok(plan) = Plan::with_limits(&model, limits) else { return };
    let input = vec![0.5; plan.input_len()];
    // Sums may overflow.
    let _ = Session::new(Arc::new(plan)).run(&input);
});
