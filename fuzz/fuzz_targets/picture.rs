//! A picture file: decoded, and normalized where it is one.
#![no_main]

use hccr_picture::Picture;
use hccr_runtime::image::normalize;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(picture) = Picture::from_bytes(data) {
        let _ = normalize(&picture.image(), 96, &mut [0; 96 * 96]);
    }
});
