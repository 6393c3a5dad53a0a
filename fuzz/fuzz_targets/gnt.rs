//! A GNT file, or an archive.
#![no_main]

mod casia;

use hccr_data::load_gnt;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(set) = casia::load(data, |paths, filter| load_gnt(paths, filter, &|_| {})) {
        assert_eq!(set.pixels.len(), set.len() * set.size * set.size);
        assert!(set.labels.iter().all(|&label| usize::from(label) < set.classes.len()));
    }
});
