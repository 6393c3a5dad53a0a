//! A model file: loaded, planned and run once. Its length and checksum are set right, so that what follows them is reached.
#![no_main]

use hccr_runtime::{Limits, Model, Plan, Session};
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

const HEADER_BYTES: usize = 20;

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = !0u32;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

fuzz_target!(|data: &[u8]| {
    let mut file = data.to_vec();
    if file.len() >= HEADER_BYTES {
        let (length, checksum) = (file.len() as u64, crc32(&file[HEADER_BYTES..]));
        file[..8].copy_from_slice(b"HCCR\x01\0\0\0");
        file[8..16].copy_from_slice(&length.to_le_bytes());
        file[16..20].copy_from_slice(&checksum.to_le_bytes());
    }
    let limits = Limits { memory_bytes: 1 << 24, macs: 1 << 24 };
    let Ok(model) = Model::from_bytes_with_limits(&file, limits) else { return };
    assert_eq!(model.clone().edit().finish().as_ref(), Ok(&model), "a model that was read is valid");
    assert_eq!(Model::from_bytes(&model.to_bytes()).as_ref(), Ok(&model), "what is written is read");
    let Ok(plan) = Plan::with_limits(&model, limits) else { return };
    let input = vec![0.5; plan.input_len()];
    // Sums may overflow.
    let _ = Session::new(Arc::new(plan)).run(&input);
});
