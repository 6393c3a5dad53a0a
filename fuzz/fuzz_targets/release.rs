//! The thesis's release: imported, written and read.
#![no_main]

use hccr_interchange::scut;
use hccr_runtime::Model;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(model) = scut::import(data) {
        assert_eq!(Model::from_bytes(&model.to_bytes()).as_ref(), Ok(&model));
    }
});
