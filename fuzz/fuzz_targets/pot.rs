//! A POT file, or an archive.
#![no_main]

mod casia;

use hccr_data::load_pot;
use hccr_runtime::ink::Ink;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(set) = casia::load(data, load_pot) {
        assert!(set.labels.iter().all(|&label| usize::from(label) < set.classes.len()));
        for i in 0..set.len() {
            Ink::new(&set.ink(i)).expect("points, and not too many");
        }
    }
});
